"""arcli as a library: what is public, what an import costs, and the examples of docs/how-to/python.md."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import arcli
from arcli.bulk.channel_state import SIZES
from arcli.errors import ChannelNotFound, InvalidIdentifier, UsageError

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "how-to" / "python.md").read_text(encoding="utf-8")
PUBLIC = {
    *("open", "item", "Channel", "ArcliError", "__version__", "OnExists", "Picture", "Hint"),
    *("AddItem", "AddResult", "AddStatus", "FindResult", "Match", "Target", "CheckResult", "Duplicate"),
    "StatRecord",
}
METHODS = {*("add", "add_many", "find", "find_many", "list", "get", "remove", "check", "statistics", "close")}
IMPORTED = "import sys; import arcli; print(*[name for name in sys.modules if '.' not in name])"


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ARCLI_")}
    own = {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(folder / "config")}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env={**kept, **own}, capture_output=True, text=True)


def test_what_is_public() -> None:
    assert set(arcli.__all__) == PUBLIC
    assert all(getattr(arcli, name) is not None for name in arcli.__all__)
    assert set(dir(arcli)) >= PUBLIC
    shown = {name for name in vars(arcli.Channel) if not name.startswith("_")}
    assert shown == METHODS
    with pytest.raises(AttributeError, match="nothing"):
        _ = arcli.nothing  # type: ignore[attr-defined]


def test_the_types_name_the_same() -> None:
    stub = ast.parse((ROOT / "arcli" / "__init__.pyi").read_text(encoding="utf-8"))
    (names,) = (node.value for node in stub.body if isinstance(node, ast.Assign))
    assert set(ast.literal_eval(names)) == PUBLIC


def test_what_is_public_is_explained_and_on_the_page() -> None:
    assert inspect.getdoc(arcli.open)
    assert inspect.getdoc(arcli.item)
    for name in METHODS:
        assert inspect.getdoc(getattr(arcli.Channel, name)), name
        assert f"`{name}`" in PAGE or f"`Channel.{name}`" in PAGE or name == "close", name


def test_an_import_loads_nothing_else(tmp_path: Path) -> None:
    loaded = set(python(tmp_path, "-c", IMPORTED).stdout.split())
    assert "arcli" in loaded
    assert not loaded & {"numpy", "cv2", "httpx", "sqlite3", "typer", "rich", "PIL", "hnswlib"}


def test_the_examples_print_what_the_page_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    printed = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == len(printed) >= 4
    for example, wanted in zip(examples, printed, strict=True):
        script = tmp_path / "example.py"  # each begins with what the first two import
        script.write_text(f"import arcli\nfrom pathlib import Path\n{example}", encoding="utf-8")
        done = python(tmp_path, script.name)
        assert (done.stdout, done.stderr) == (wanted, "")


def test_a_folder_is_opened_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCLI_URL", "https://ar.example")
    monkeypatch.setenv("ARCLI_CHANNEL", "elsewhere")
    with arcli.open(tmp_path / "data") as channel:
        assert channel.name == "default"
        assert channel.gallery.capabilities().backend == "local"
        with pytest.raises(ChannelNotFound):
            list(channel.list())
    assert not (tmp_path / "data").exists()


def test_without_a_folder_the_settings_are_those_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCLI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ARCLI_CHANNEL", "posters")
    with arcli.open() as posters, arcli.open(channel="books") as books:
        assert (posters.name, books.name) == ("posters", "books")
        posters.add(ROOT / "samples" / "gallery" / "card.png")
    listed = python(
        tmp_path, "-m", "arcli", "--data-dir", str(tmp_path / "data"), "ls", "-c", "posters", "--json"
    )
    assert [target["identifier"] for target in json.loads(listed.stdout)["data"]["targets"]] == ["card"]


def test_a_listing_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("arcli.bulk.channel_state.SIZES", replace(SIZES, page=2))
    card = (ROOT / "samples" / "gallery" / "card.png").read_bytes()
    with arcli.open(tmp_path) as channel:
        for number in range(5):
            channel.add(card, f"card.{number}")
        assert [target.identifier for target in channel.list()] == [f"card.{number}" for number in range(5)]
        assert [target.identifier for target in channel.list("card.3")] == ["card.3"]
        assert channel.remove("card.3")
        assert not channel.remove("card.3")


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        arcli.open(tmp_path, profile="shop")
    with pytest.raises(InvalidIdentifier):
        arcli.item(b"bytes")
    with pytest.raises(UsageError, match="not int"):
        arcli.item(7)  # type: ignore[arg-type]


def test_a_program_needs_no_guard_around_its_main_part(tmp_path: Path) -> None:
    """Worker processes, which a load of more than a few pictures starts, do not run the program again."""
    program = tmp_path / "program.py"
    program.write_text(
        "import arcli, pathlib\n"
        f"pictures = sorted(pathlib.Path({str(ROOT / 'samples' / 'gallery')!r}).iterdir())\n"
        "channel = arcli.open('gallery')\n"
        "print(len(pictures), *{r.status.value for r in channel.add_many(map(arcli.item, pictures))})\n"
    )
    ran = python(tmp_path, str(program))
    assert (ran.stdout, ran.stderr) == ("16 added\n", "")
