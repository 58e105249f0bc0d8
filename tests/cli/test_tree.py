"""Rules for every command."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from arcli.app import build
from arcli.commands import VERBS
from arcli.models import ChannelSettings, Scope
from arcli.server.process.serve import Started
from arcli.settings import Format
from arcli.store.accounts import Accounts
from arcli.store.catalog import Catalog
from arcli.store.repair.backup_folder import Backups
from tests.cli.conftest import Run
from tests.cli.tree import walk
from tests.fakes.gallery import FakeGallery

COMMANDS = dict(walk())
ENVELOPE = ["arcli", "command", "status", "data", "errors"]

# A call of each command that works on the channel of the fixture `filled`; PHOTO is a picture of alpha.
CALLS = {
    "add": "add PHOTO --id gamma",
    "find": "find PHOTO",
    "ls": "ls",
    "rm": "rm alpha --yes",
    "get": "get alpha",
    "update": "update alpha --inactive",
    "check": "check PHOTO",
    "stats": "stats",
    "channel create": "channel create posters",
    "channel show": "channel show default",
    "channel set": "channel set default --threshold 0.5",
    "channel rm": "channel rm default --yes",
    "channel compact": "channel compact default",
    "channel upgrade": "channel upgrade default --preset compact",
    "channel estimate": "channel estimate --targets 5000",
    "channel rename": "channel rename default films",
    "channel copy": "channel copy default films",
    "channel backup": "channel backup default NEW",
    "channel restore": "channel restore BACKUP films",
    "channel ls": "channel ls",
    "profile add": "profile add shop",
    "profile ls": "profile ls",
    "profile show": "profile show",
    "profile use": "profile use local",
    "profile rm": "profile rm mine",
    "doctor": "doctor",
    "eval": "eval PHOTOS",
    "account add": "account add newcomer",
    "account ls": "account ls",
    "account log": "account log",
    "account show": "account show shop",
    "account rotate": "account rotate shop",
    "account rm": "account rm shop --yes",
    "account grant": "account grant shop",
    "account revoke": "account revoke guest",
    "account server-key": "account server-key",
    "serve": "serve",
    "sync": "sync FOLDER",
    "export": "export NEW",
    "backup": "backup NEW",
    "restore": "restore ALL --verify",
    "migrate": "migrate films --from-profile elsewhere",
}
# Whose second call finds another state:
CHANGING = (
    "rm",
    "add",
    "rotate",
    "revoke",
    "create",
    "export",
    "rename",
    "copy",
    "backup",
    "restore",
    "migrate",
    "upgrade",
)
NO_CHANNEL = (
    "profile",
    "channel",
    "account",
    "serve",
    "backup",
    "restore",
    "migrate",
)  # --channel means little or nothing to these
UNKNOWN_TARGET = ["get nobody", "update nobody --inactive", "rm nobody --yes"]


@pytest.fixture
def words(tmp_path: Path, filled: FakeGallery, run: Run, monkeypatch: pytest.MonkeyPatch) -> Any:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"alpha")
    listing = tmp_path / "photos.csv"
    listing.write_text("photo,identifier\nphoto.jpg,alpha\n")
    run("profile", "add", "mine")
    run("profile", "add", "elsewhere", "--data-dir", str(tmp_path / "elsewhere"))
    with Catalog.open(tmp_path / "elsewhere", create=True) as catalog:
        catalog.create_channel("films", ChannelSettings(), 1)
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path / "data" / "arcli", tmp_path / "data"):
        _accounts(folder)
    started = Started(url="http://x", metrics_url=None, public_channels=("default",), private_channels=())
    monkeypatch.setattr("arcli.server.process.serve.serve", lambda options, announce: announce(started))
    posters = tmp_path / "posters"
    posters.mkdir()
    (posters / "alpha.jpg").write_bytes(b"alpha")
    backups = Backups(tmp_path / "data" / "arcli", lambda data: None)
    kept, whole = tmp_path / "default.arcli", tmp_path / "all"
    backups.write_channel("default", kept)
    assert len([*backups.write(whole)]) == 1
    files = {"PHOTO": photo, "PHOTOS": listing, "FOLDER": posters, "NEW": tmp_path / "new"}
    files |= {"BACKUP": kept, "ALL": whole}
    return lambda text: [str(files.get(word, word)) for word in shlex.split(text)]


def _accounts(folder: Path) -> None:
    with Catalog.open(folder, create=True) as catalog, Accounts(folder) as accounts:
        catalog.create_channel("default", ChannelSettings(), 1)
        for name in ("shop", "guest"):
            accounts.add_account(username=name)
        accounts.grant(username="guest", channel="default", scope=Scope.FIND)


def test_each_command_has_a_call_here() -> None:
    assert set(CALLS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_it_does_with_an_example(name: str, run: Run) -> None:
    ran = run(*name.split(), "--help")
    assert ran.status == 0
    assert f"Example: arcli {name}" in ran.out
    first = COMMANDS[name].help.splitlines()[0]
    assert first.endswith(".")
    assert first[0].isupper()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_is_explained(name: str) -> None:
    unexplained = [param.name for param in COMMANDS[name].params if not getattr(param, "help", None)]
    assert unexplained == []


# Terms of help and answers, and words of the sentences that explain them.
TERMS = {
    r"\blevels?\b": r"from 1 \(hardly ever\) to 5",
    r"\bmatch.?ratios?\b|\bratio\b": r"own threshold: the lowest score",
    r"\bthresholds?\b": r"[Ll]owest score",
    r"\bkinds?\b": r"means to a Tupu client|talks to",
    r"\bpresets?\b": r"[Hh]ow much is kept of",
    r"\bdelta\b": r"targets that are not yet in a segment",
}


def _unexplained(text: str) -> list[str]:
    flat = " ".join(text.split())
    return [term for term, words in TERMS.items() if re.search(term, flat) and not re.search(words, flat)]


def _own_help(run: Run, name: str) -> str:
    shown: str = run(*name.split(), "--help").out
    return shown.partition("Common options")[0]


@pytest.mark.parametrize("name", ["", *sorted({name.partition(" ")[0] for name in COMMANDS if " " in name})])
def test_a_list_of_commands_uses_no_term_unexplained(name: str, run: Run) -> None:
    assert _unexplained(_own_help(run, name)) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_each_term_is_explained_where_it_is_first_met(name: str, run: Run, words: Any) -> None:
    """In the help of each command, and for what only its answer names, in either."""
    explained = _own_help(run, name)
    assert _unexplained(explained) == []
    assert _unexplained(explained + run(*words(CALLS[name])).out) == []


def test_the_list_of_verbs_says_what_their_help_says() -> None:
    root = build()
    for verb, line in VERBS.items():
        assert root.get_command(None, verb).help.splitlines()[0] == line


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("format_", Format)
def test_each_command_answers_in_each_format(name: str, format_: Format, run: Run, words: Any) -> None:
    ran = run(*words(CALLS[name]), "--format", format_)
    assert ran.status == (9 if name == "doctor" else 0), ran.err
    if format_ is Format.JSON:
        assert list(ran.json) == ENVELOPE
        assert ran.json["arcli"] == 1
        assert ran.json["command"] == name
        assert ran.out.count("\n") == 1
    elif format_ is Format.JSONL:
        assert all(isinstance(line, dict) for line in ran.lines)
    elif format_ in (Format.CSV, Format.EXCEL):
        assert ran.out.startswith("\ufeff") == (format_ is Format.EXCEL)
        rows = list(csv.reader(io.StringIO(ran.out, newline="")))
        assert {len(row) for row in rows} == {len(rows[0])}
        assert ran.out.endswith("\r\n")
    elif format_ is Format.IDS:
        assert all(line and " " not in line for line in ran.out.splitlines())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_takes_the_common_options_on_either_side(name: str, run: Run, words: Any) -> None:
    call = words(CALLS[name])
    after = run(*call, "--json", "-c", "default", "--quiet", "--verbose", "--data-dir", "data")
    assert after.status in (0, 9), after.err
    if name.rsplit(maxsplit=1)[-1] not in CHANGING:
        before = run("--format", "json", "--channel", "default", "-q", "-v", "--data-dir", "data", *call)
        assert before.status == after.status
        assert _timeless(before.json) == _timeless(after.json)


def _timeless(answer: Any) -> str:
    return re.sub(r'"elapsed_ms": [\d.]+|"timings_ms": \{[^}]*\}|"updated": "[^"]+"', "", json.dumps(answer))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_usage_error_comes_in_the_envelope(name: str, run: Run) -> None:
    ran = run(*name.split(), "--no-such-option", "--json")
    assert ran.status == 2
    assert list(ran.json) == ENVELOPE
    assert ran.json["command"] == name
    assert ran.json["status"] == "error"
    assert ran.json["data"] is None
    assert [error["code"] for error in ran.json["errors"]] == ["usage"]
    assert list(ran.json["errors"][0]) == ["code", "message", "hint", "item"]


@pytest.mark.parametrize("call", UNKNOWN_TARGET)
def test_an_unknown_identifier_is_answered_alike(call: str, run: Run, filled: FakeGallery) -> None:
    ran = run(*call.split(), "--json")
    assert ran.status == 4
    assert ran.json["status"] == "error"
    error = ran.json["errors"][0]
    assert (error["code"], error["item"]) == ("target_not_found", "nobody")
    assert "error: no such target: nobody" in ran.err


@pytest.mark.parametrize("call", ["get x", "update x --inactive", "rm x --yes", "add PHOTO --id x"])
def test_an_identifier_that_is_not_valid_is_answered_alike(call: str, run: Run, words: Any) -> None:
    ran = run(*words(call), "--json")
    assert ran.status == 7
    assert ran.json["errors"][0]["code"] == "invalid_identifier"


@pytest.mark.parametrize(
    "call", ["ls", "get alpha", "update alpha --inactive", "rm alpha --yes", "find PHOTO", "stats"]
)
def test_an_unknown_channel_is_answered_alike(call: str, run: Run, words: Any) -> None:
    ran = run(*words(call), "-c", "nowhere", "--json")
    assert ran.status == 4
    assert ran.json["errors"][0]["code"] == "channel_not_found"


@pytest.mark.parametrize("call", [c for c in CALLS.values() if not c.startswith(NO_CHANNEL)])
def test_a_channel_name_that_is_not_valid(call: str, run: Run, words: Any) -> None:
    ran = run(*words(call), "-c", "../x", "--json")
    assert ran.status == 2
    assert ran.json["errors"][0]["code"] == "invalid_channel_name"
