"""Any script, everywhere: channels, file names and metadata, through commands, server and pages' API."""

from __future__ import annotations

import base64
import csv
import io
import json
import unicodedata
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from arcli.app import main
from arcli.bulk.identifiers import identifier_for
from arcli.console.text import cells
from arcli.models import valid_channel_name
from tests.cli.conftest import Ran
from tests.engine.conftest import photo_of, poster
from tests.in_process import ran_here

SCRIPTS = {
    "chinese": "海报 展览",
    "arabic": "ملصقات",
    "persian with a joiner": "می\u200cخواهم",
    "devanagari": "पोस्टर",
    "emoji": "👨\u200d👩\u200d👧 🦖",
    "combining marks": "ca\u0301fe\u0301",
    "wide letters": "Ｐｏｓｔｅｒ",
    "decomposed hangul": unicodedata.normalize("NFD", "포스터"),
}
Call = Callable[..., Ran]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which each name is a channel's, a folder's and a picture's, and is in the metadata."""
    folder = tmp_path_factory.mktemp("languages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARCLI_DATA_DIR", str(folder / "data"))
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        for number, name in enumerate(SCRIPTS.values()):
            (folder / name).mkdir()
            (folder / name / f"{name}.png").write_bytes(poster(number))
            metadata = json.dumps({"题": name}, ensure_ascii=False)
            words = ("add", folder / name, "-c", name, "--metadata", metadata, "--jobs", "1", "--quiet")
            assert main([str(word) for word in words]) == 0
    return folder


@pytest.fixture
def run(place: Path, capfdbinary: Any, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("ARCLI_DATA_DIR", str(place / "data"))
    monkeypatch.chdir(place)

    def call(*words: str | Path) -> Ran:
        return Ran(*ran_here(capfdbinary, words))

    return call


@pytest.mark.parametrize("name", SCRIPTS.values(), ids=SCRIPTS)
def test_commands_take_and_give_a_name_of_any_script(name: str, run: Call, tmp_path: Path) -> None:
    channel = unicodedata.normalize("NFC", name)
    other = unicodedata.normalize("NFD", name)
    (target,) = run("ls", "-c", other, "--where", f"题={name}", "--json").data["targets"]
    assert (target["channel"], json.loads(target["metadata"])) == (channel, {"题": name})
    assert unicodedata.normalize("NFC", f"{name}.png") == target["name"]
    assert target["identifier"] == identifier_for(Path(name + ".png"))
    assert name in run("get", target["identifier"], "-c", name).out
    assert channel in run("channel", "ls", "-f", "ids").out.splitlines()
    assert run("channel", "show", other, "--json").data["name"] == channel
    assert run("rm", "nobody", "--yes", "-c", f"{name}x").err.count("hint:") == 1
    assert run("export", tmp_path / name, "-c", name).status == 0
    again = run("add", "--manifest", tmp_path / name / "manifest.jsonl", "-c", name, "--on-exists", "skip")
    assert again.status == 0
    assert run("stats", "-c", name, "--json", "--from", "2020").status == 0


@pytest.mark.parametrize("name", SCRIPTS.values(), ids=SCRIPTS)
def test_a_photo_of_any_name_is_found_and_drawn(name: str, run: Call, place: Path, tmp_path: Path) -> None:
    photo, drawn = tmp_path / f"{name} photo.png", tmp_path / f"{name}.jpg"
    photo.write_bytes(photo_of(list(SCRIPTS.values()).index(name)))
    result = run("find", photo, "--all-channels", "--draw", drawn, "--json")
    assert (result.status, result.data["results"][0]["image"]) == (0, str(photo))
    assert result.data["results"][0]["matches"][0]["channel"] == unicodedata.normalize("NFC", name)
    assert drawn.stat().st_size > 0
    assert "\\u" not in result.out.replace("\\u200", ""), "JSON is not escaped"
    shown = run("find", photo, "-c", name, "--no-count").out
    assert f"{name} photo.png" in shown


def test_columns_stand_below_each_other(run: Call) -> None:
    lines = run("channel", "ls").out.splitlines()
    starts = {cells(line[: line.index(word)]) for line in lines for word in ("KIND", "plain") if word in line}
    assert len(lines) == 1 + len(SCRIPTS)
    assert len(starts) == 1


def test_a_spreadsheet_reads_every_script(run: Call) -> None:
    for name in SCRIPTS.values():
        plain, marked = (run("ls", "-c", name, "-f", kind).out for kind in ("csv", "excel"))
        assert marked == "\ufeff" + plain
        (row,) = csv.DictReader(io.StringIO(plain))
        assert json.loads(row["metadata"]) == {"题": name}


def test_statistics_for_excel_keep_their_mark(run: Call, tmp_path: Path) -> None:
    file = tmp_path / "统计.csv"
    for options in (["-f", "excel"], ["-f", "excel", "--append"], ["--append"]):
        assert run("stats", "--all-channels", "--output", file, *options).status == 0
        assert file.read_bytes().startswith(b"\xef\xbb\xbfdate,"), options
        assert file.read_text(encoding="utf-8").count("\ufeff") == 1


def test_a_channel_is_completed_in_either_form(run: Call, place: Path) -> None:
    from arcli.console.names import channels
    from arcli.console.session import Session

    for name in SCRIPTS.values():
        session = Session([], {"ARCLI_DATA_DIR": str(place / "data")})
        context: Any = type("Context", (), {"obj": session})()
        for form in ("NFC", "NFD"):
            begun = unicodedata.normalize(form, name)[:-1]
            whole = unicodedata.normalize("NFC", name)
            assert not whole.startswith(unicodedata.normalize("NFC", begun)) or whole in channels(
                context, begun
            )
        session.close()


@pytest.mark.parametrize(
    "name", ["\u200cab", "a\u200db", "海\u200d", "海\u200d\u200d报", "a\u202eb", "a\ufeffb", "\u200d"]
)
def test_invisible_characters_in_other_places_are_no_name(name: str) -> None:
    from arcli.errors import InvalidChannelName

    with pytest.raises(InvalidChannelName):
        valid_channel_name(name)


@pytest.fixture(scope="module")
def served(place: Path) -> Iterator[tuple[str, str]]:
    """The same folder behind a server: its URL and the secret of the account that owns all."""
    pytest.importorskip("uvicorn", reason="the extra server is not installed")
    from arcli.store.accounts import Accounts
    from tests.server.threaded import threaded_folder

    with Accounts(place / "data") as accounts:
        secret = accounts.add_account(username="shop").secretkey
    for name in SCRIPTS.values():
        words = ("channel", "set", name, "--owner", "shop", "--quiet", "--data-dir", str(place / "data"))
        assert main(words) == 0
    with threaded_folder(place / "data") as url:
        yield url, secret


def test_the_same_through_a_server(
    served: tuple[str, str], run: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, secret = served
    monkeypatch.setenv("VENDOR_KEY", secret)
    words = ("--kind", "arcloud", "--url", url, "--username", "shop", "--secretkey-env", "VENDOR_KEY")
    assert run("profile", "add", "far", *words).status == 0
    for number, name in enumerate(SCRIPTS.values()):
        (far,) = run("--profile", "far", "ls", "-c", name, "--json").data["targets"]
        (near,) = run("ls", "-c", name, "--json").data["targets"]
        assert {**far, "name": near.get("name")} == near
        photo = Path(f"photo {name}.png")
        photo.write_bytes(photo_of(number))
        found = run("--profile", "far", "find", photo, "-c", name, "--json")
        assert found.data["results"][0]["matches"][0]["identifier"] == near["identifier"]
        more = ("--metadata", json.dumps({"题": name * 2}, ensure_ascii=False), "-c", name)
        assert run("--profile", "far", "update", near["identifier"], *more).status == 0
        assert name * 2 in run("get", near["identifier"], "-c", name, "--json").data["metadata"]


def test_the_api_of_the_pages_takes_and_gives_any_script(served: tuple[str, str]) -> None:
    url, secret = served
    who = "Basic " + base64.b64encode(f"shop:{secret}".encode()).decode()

    def get(path: str) -> str:
        request = urllib.request.Request(url + path, headers={"Authorization": who})
        with urllib.request.urlopen(request) as answer:
            return str(answer.read().decode())

    listed = get("/arcli/v1/channels")
    for name in SCRIPTS.values():
        channel = unicodedata.normalize("NFC", name)
        assert channel in listed, "in UTF-8, not escaped"
        for form in (name, channel):
            targets = get(f"/arcli/v1/channels/{urllib.parse.quote(form)}/targets")
            assert name in targets
