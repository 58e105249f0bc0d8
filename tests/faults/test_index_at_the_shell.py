"""What a user is told when most of an index is gone, and what arcli never does to its databases."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from arcli.engine import LocalGallery
from arcli.engine.indexing.index_view import VIEW
from arcli.models import ChannelSettings
from arcli.server import app
from arcli.store.accounts import Accounts
from arcli.store.channel import ChannelStore
from arcli.store.rows import NewTarget
from tests.engine.conftest import photo_of, poster
from tests.faults.test_storage_at_the_shell import ROOT, arcli, only_error, store_of
from tests.index.index_samples import features
from tests.server.raw import code
from tests.server.threaded import threaded_folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A gallery with an account `shop`, and a photo beside it."""
    with LocalGallery(tmp_path / "data") as gallery:
        gallery.create_channel(name="default", settings=ChannelSettings(owner="shop"))
    (tmp_path / "photo.jpg").write_bytes(photo_of(1))
    return tmp_path


def fill(place: Path, count: int) -> None:
    data = features(1, 1).to_bytes()
    with ChannelStore.open(store_of(place).parent) as store, store.write() as txn:
        for number in range(count):
            txn.insert(NewTarget(identifier=f"made{number}", features=data))


def test_far_too_much_without_an_index_is_busy_until_it_is_rebuilt(place: Path) -> None:
    fill(place, VIEW.uncovered_rows + 1)
    status, answer = arcli(place, "find", "photo.jpg")
    assert (status, only_error(answer)["code"]) == (8, "busy")
    assert only_error(answer)["hint"] == "rebuild it: arcli doctor --repair"
    assert arcli(place, "doctor")[0] == 9
    assert arcli(place, "doctor", "--repair")[0] == 0
    assert arcli(place, "find", "photo.jpg")[0] == 1, "searched, nothing found"


def test_a_server_says_busy_and_rebuilds_the_index_by_itself(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Accounts(place / "data") as accounts:
        login = {"username": "shop", "secretkey": accounts.add_account(username="shop").secretkey}
    fill(place, VIEW.uncovered_rows + 1)
    photo, index = photo_of(1), store_of(place).parent / "index"
    with threaded_folder(place / "data") as url:
        assert code(url, "FindImage", login, photo) == 20015
    monkeypatch.setattr(app, "RHYTHM", app.Rhythm(upkeep=0.1))
    with threaded_folder(place / "data") as url:
        answers = (code(url, "FindImage", login, photo) for _ in range(2000))
        assert next(answer for answer in answers if answer != 20015) == 0
        assert [*index.glob("*.hnsw"), *index.glob("*.ivf")]


AUDITED = """
import os, sys

def note(event, details):
    if event == "open" and isinstance(details[0], str | bytes):
        name = os.path.basename(os.fsdecode(details[0]))
        # one that is being built aside is closed before it is synced, and nobody else knows its name
        # and SQLite knows nothing of the witness beside a database
        if ".sqlite" in name and not name.endswith((".lock", ".aside", ".count")):
            print("opened", name, file=sys.stderr)

sys.addaudithook(note)
from arcli.app import main
main()
"""


def audited(place: Path, *words: str) -> tuple[int, list[str]]:
    """Run arcli and return its exit status and which database files it opened other than by SQLite."""
    done = subprocess.run(
        [sys.executable, "-c", AUDITED, *words],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ARCLI_DATA_DIR": str(place / "data")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("opened")]


def test_a_database_file_is_opened_by_sqlite_alone(place: Path) -> None:
    """Closing any other handle to it would drop SQLite's locks, of all threads."""
    (place / "poster1.png").write_bytes(poster(1))
    for words in (
        ["add", "poster1.png"],
        ["find", "photo.jpg"],
        ["update", "poster1", "--metadata", "{}"],
        ["stats"],
        ["ls"],
        ["export", "out"],
        ["channel", "compact", "default"],
        ["doctor"],
        ["doctor", "--repair"],
        ["rm", "poster1", "--yes"],
        ["channel", "rm", "default", "--yes"],
    ):
        assert audited(place, *words) == (0, [])
    (place / "data" / "poster.sqlite").write_bytes(poster(1))
    assert audited(place, "check", "data/poster.sqlite")[1] != [], "it would be noticed"
