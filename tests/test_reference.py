"""Every JSON key, environment variable and exit status of the program is in docs/reference/."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arcli.app import main
from arcli.settings import KEYS
from tests.cli.tree import walk

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
SAMPLES = ROOT / "samples"
_ROW = re.compile(r"^\| ((?:`[a-z -]+`(?:, )?)+) \| (.*) \|$", re.MULTILINE)
_FREE = {"details", "counts", "timings_ms"}
"""Objects whose keys are data: the page lists those that are named, and says of what they are."""


def rows() -> dict[str, str]:
    """Return what the page says of each command's `data`."""
    page = (REFERENCE / "json.md").read_text(encoding="utf-8")
    section = page[page.index("### `data`") :]
    return {name: said for names, said in _ROW.findall(section) for name in re.findall(r"`(.+?)`", names)}


def shapes() -> set[str]:
    """Return every word between backticks of what the page says of the objects that answers share."""
    page = (REFERENCE / "json.md").read_text(encoding="utf-8")
    section = page[page.index("**target**") : page.index("## `--format jsonl`")]
    return set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section))))


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in _FREE:
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


RUNS = """
add {pictures} | find {photo} --candidates 2 | eval {photos} | ls | get card | check {card} | stats
stats --misses | update card --inactive | sync {pictures} --dry-run | export {out}/exported
profile add shop --kind local | profile ls | profile show | profile use shop | profile use local
profile rm shop | doctor | channel create other | channel estimate --targets 1000 | channel ls
channel show default | channel set other --private | channel rename other third
channel copy default copied | channel compact copied | channel upgrade copied
account add one --channel default | account add two --scan-only --channel default
account ls | account show one | account log
account grant two --channel third | account revoke two --channel third | account rm two --yes
account server-key | channel backup copied {out}/copied.backup | channel rm copied --yes
channel restore {out}/copied.backup | backup {out}/backup
--data-dir {out}/again restore {out}/backup | rm card
--data-dir {out}/data profile add old --kind local
--data-dir {out}/moved --profile local migrate --from-profile old default
"""


def answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run the commands one after the other, and yield each one's name and answer."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("card.png", "peanuts.png"):
        shutil.copy(SAMPLES / "gallery" / name, pictures)
    photo = SAMPLES / "photos" / "peanuts_in_clutter.png"
    (tmp_path / "photos.csv").write_text(
        f"photo,identifier\n{photo},peanuts\n{photo},card\n", encoding="utf-8"
    )
    places = {"pictures": pictures, "photo": photo, "card": pictures / "card.png", "out": tmp_path}
    key = ""
    lines = [line for line in re.split(r" *[|\n] *", RUNS) if line.strip()]
    for line in [*lines, "account rotate one --key KEY"]:
        words = line.format(photos=tmp_path / "photos.csv", **places).replace("KEY", key).split()
        main([*words, *(["--yes"] if words[0] == "rm" else []), "--json"])
        answer = json.loads(capsys.readouterr().out)
        assert answer["status"] != "error", (line, answer)
        if answer["command"] == "account add" and not key:
            key = answer["data"]["key"]
        yield answer["command"], answer["data"]


def test_every_key_of_every_answer_is_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCLI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    said, shared = rows(), shapes()
    ran: set[str] = set()
    missing: set[tuple[str, str]] = set()
    for command, data in answers(tmp_path, capsys):
        ran.add(command)
        known = set(re.findall(r"\w+", said.get(command, ""))) | shared
        missing |= {(command, key) for key in keys(data) if key not in known}
    assert not missing, sorted(missing)
    assert {name for name, _ in walk()} - ran == {"serve"}  # which answers at start: see tests/server
    assert {name for name, _ in walk()} - set(said) == set()


def test_the_line_of_serve_is_documented() -> None:
    source = (ROOT / "arcli" / "commands" / "serve.py").read_text(encoding="utf-8")
    announced = source[source.index("def _announce") :]
    assert set(re.findall(r'^        "(\w+)": ', announced, re.MULTILINE)) == set(
        re.findall(r"`(\w+)", rows()["serve"])
    )


def test_every_variable_that_is_read_is_documented_and_no_other() -> None:
    page = (REFERENCE / "environment.md").read_text(encoding="utf-8")
    read = {f"ARCLI_{key.upper()}" for keys in KEYS.values() for key in ("channel", "format", *keys)}
    named, asked = re.compile(r'"((?:ARCLI|SSL|NO)_[A-Z_]+)"'), re.compile(r'"([A-Z][A-Z_]+[A-Z])"')
    for module in (ROOT / "arcli").rglob("*.py"):
        for line in module.read_text(encoding="utf-8").splitlines():
            read |= set((asked if "environ" in line else named).findall(line))
    proxies = {f"{kind}_PROXY" for kind in ("HTTP", "HTTPS", "ALL", "NO")}
    assert set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE)) == read | proxies


def test_every_metric_is_documented() -> None:
    pytest.importorskip("prometheus_client", reason="the extra server is not installed")
    from arcli.server.metrics import Metrics

    page = (REFERENCE / "metrics.md").read_text(encoding="utf-8")
    metrics = Metrics(by_channel=True)
    metrics.answered("find", "0", 0.1)
    for family in metrics.registry.collect():
        assert re.search(rf"^\| `{family.name}(_total)?` \|", page, re.MULTILINE), family.name
        for label in {label for sample in family.samples for label in sample.labels} - {"le"}:
            assert f"`{label}`" in page, label
