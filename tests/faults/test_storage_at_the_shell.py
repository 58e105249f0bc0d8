"""What a user is told when the data folder is full, read-only, damaged or too new; nothing is lost."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from arcli.engine import LocalGallery
from tests.engine.conftest import item, photo_of, poster

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with one target, in a segment of its index, and pictures beside it."""
    folder = tmp_path_factory.mktemp("sound")
    with LocalGallery(folder / "data") as gallery:
        gallery.add(channel="default", item=item(1))
        gallery.compact(channel="default")
    (folder / "poster2.png").write_bytes(poster(2))
    (folder / "photo.jpg").write_bytes(photo_of(1))
    return folder


@pytest.fixture
def place(sound: Path, tmp_path: Path) -> Iterator[Path]:
    copy = tmp_path / "copy"
    shutil.copytree(sound, copy)
    yield copy
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)


def arcli(place: Path, *words: str, before: Callable[[], None] | None = None) -> tuple[int, dict[str, Any]]:
    """Run arcli in `place` and return its exit status and its JSON answer."""
    done = subprocess.run(
        [sys.executable, "-m", "arcli", *words, "--json"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ARCLI_DATA_DIR": str(place / "data")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=before,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def store_of(place: Path) -> Path:
    (store,) = (place / "data").glob("channels/*/store.sqlite")
    return store


def only_error(answer: dict[str, Any]) -> dict[str, str]:
    (error,) = answer["errors"]
    return error


def obey_file_modes() -> None:
    """Make file modes apply to root too: drop CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; what runs next no longer has it


def small_files() -> None:
    """Let no file grow beyond 150 kB (a store with one target has 120 kB), to simulate a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))


def identifiers(place: Path) -> list[str]:
    with LocalGallery(place / "data") as gallery:
        return [target.identifier for target in gallery.list(channel="default").targets]


def test_a_full_disk_during_add(place: Path) -> None:
    for number in range(3, 9):
        (place / f"poster{number}.png").write_bytes(poster(number))
    names = [f"poster{number}.png" for number in range(2, 9)]
    status, answer = arcli(place, "add", *names, before=small_files)
    errors = {error["code"] for error in answer["errors"]}
    assert (status, errors) == (11, {"disk_full"})
    stored = identifiers(place)
    assert "poster1" in stored
    assert len(stored) < 8
    status, _ = arcli(place, "add", *names, "--on-exists", "skip")
    assert status == 0
    assert identifiers(place) == [f"poster{number}" for number in range(1, 9)]


def test_a_folder_that_may_not_be_written(place: Path) -> None:
    for path in (place / "data").rglob("*"):
        path.chmod(0o500 if path.is_dir() else 0o400)
    (place / "data").chmod(0o500)
    status, answer = arcli(place, "find", "photo.jpg", before=obey_file_modes)
    assert status == 0
    assert answer["data"]["results"][0]["matches"][0]["identifier"] == "poster1"
    status, answer = arcli(place, "add", "poster2.png", before=obey_file_modes)
    assert (status, only_error(answer)["code"]) == (5, "storage_not_writable")
    status, answer = arcli(place, "ls", before=obey_file_modes)
    assert (status, answer["data"]["totalcount"]) == (0, 1)


def test_a_folder_that_may_not_be_entered(place: Path) -> None:
    (place / "data").chmod(0)
    for words in (["ls"], ["find", "photo.jpg"], ["add", "poster2.png"]):
        status, answer = arcli(place, *words, before=obey_file_modes)
        assert (status, only_error(answer)["code"]) == (5, "storage_not_writable")


@pytest.mark.parametrize("which", ["store", "catalog"])
def test_data_of_a_newer_arcli(place: Path, which: str) -> None:
    file = store_of(place) if which == "store" else place / "data" / "catalog.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for words in (["ls"], ["add", "poster2.png"]):
        status, answer = arcli(place, *words)
        error = only_error(answer)
        assert (status, error["code"]) == (9, "data_too_new")
        assert "format 99" in error["message"]
        assert "upgrade arcli" in error["hint"]


@pytest.mark.parametrize("which", ["store", "catalog"])
@pytest.mark.parametrize("content", [b"", b"no database at all " * 500])
def test_a_corrupt_database(place: Path, which: str, content: bytes) -> None:
    file = store_of(place) if which == "store" else place / "data" / "catalog.sqlite"
    file.write_bytes(content)
    for words in (["ls"], ["find", "photo.jpg"], ["add", "poster2.png"]):
        status, answer = arcli(place, *words)
        error = only_error(answer)
        assert (status, error["code"]) == (9, "data_damaged")
        assert "arcli doctor" in error["hint"]
    assert file.read_bytes() == content


def test_doctor_rebuilds_a_lost_catalog(place: Path) -> None:
    (place / "data" / "catalog.sqlite").unlink()
    status, answer = arcli(place, "add", "poster2.png")
    assert (status, only_error(answer)["code"]) == (9, "data_damaged")
    assert arcli(place, "doctor")[0] == 9
    assert arcli(place, "doctor", "--repair")[0] == 0
    assert arcli(place, "doctor")[0] == 0
    assert identifiers(place) == ["poster1"]


def test_reading_where_there_is_nothing_makes_nothing(tmp_path: Path) -> None:
    for words, expected in ((["channel", "ls"], 0), (["ls"], 4), (["stats", "--all-channels"], 0)):
        assert arcli(tmp_path, *words)[0] == expected
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("loss", ["damaged", "gone"])
def test_doctor_tells_of_a_destroyed_channel_once_and_how_to_get_it_back(place: Path, loss: str) -> None:
    store = store_of(place)
    if loss == "gone":
        store.unlink()
    else:
        store.write_bytes(b"no database at all " * 500)
    for words in (["doctor"], ["doctor", "--channel", "default"], ["doctor", "--repair"]):
        status, answer = arcli(place, *words)
        assert status == 9
        assert "restore this channel from a backup" in only_error(answer)["hint"]
    assert arcli(place, "doctor")[0] == 0, "the wreck is out of the way, aside"
    assert [path.name[:16] for path in (place / "data" / "channels").iterdir()] == ["damaged-default-"]


def test_the_sound_channels_answer_and_the_bad_one_is_named(place: Path) -> None:
    assert arcli(place, "channel", "create", "wreck")[0] == 0
    (wreck,) = (place / "data" / "channels").glob("wreck-*/store.sqlite")
    wreck.write_bytes(b"garbage " * 4096)
    status, answer = arcli(place, "channel", "ls")
    assert (status, answer["status"], only_error(answer)["item"]) == (3, "partial", "wreck")
    assert [channel["name"] for channel in answer["data"]["channels"]] == ["default", "wreck"]
    status, answer = arcli(place, "find", "photo.jpg", "--all-channels")
    assert (status, answer["data"]["results"][0]["matches"][0]["identifier"]) == (0, "poster1")
    assert arcli(place, "find", "photo.jpg", "--channel", "wreck")[0] == 9
    assert arcli(place, "stats", "--all-channels")[0] == 0
    assert arcli(place, "channel", "rm", "wreck", "--yes")[0] == 0
    assert arcli(place, "channel", "ls")[0] == 0
    assert arcli(place, "doctor")[0] == 0


def flip(path: Path, content: bytes) -> None:
    """Change one bit of `content`, wherever it lies in the file."""
    data = bytearray(path.read_bytes())
    data[data.index(content) + len(content) // 2] ^= 1
    path.write_bytes(data)


def blob(place: Path, table: str) -> bytes:
    with sqlite3.connect(store_of(place)) as connection:
        (data,) = connection.execute(f"SELECT data FROM {table}").fetchone()
    connection.close()
    stored = store_of(place).read_bytes()
    pieces = (bytes(data)[at : at + 32] for at in range(len(data) // 2, len(data), 32))
    return next(piece for piece in pieces if piece in stored)  # one that lies in one page


@pytest.mark.parametrize("table", ["features", "pictures"])
def test_rot_is_named_and_not_given_out(place: Path, table: str) -> None:
    arcli(place, "add", "poster2.png")
    flip(store_of(place), blob(place, table))
    status, answer = arcli(place, "doctor")
    assert status == 9
    assert "wrong checksum" in only_error(answer)["message"]
    assert only_error(answer)["item"] == "default/poster1"
    assert arcli(place, "get", "poster1")[0] == 0, "what is known of it is sound"
    status, answer = arcli(place, "get", "poster1", "--image", "out.jpg")
    assert status == (9 if table == "pictures" else 0)
    assert (place / "out.jpg").exists() == (table != "pictures")
    status, answer = arcli(place, "find", "photo.jpg", "poster2.png")
    found = [[match["identifier"] for match in one["matches"]] for one in answer["data"]["results"]]
    assert found == [["poster1"] if table == "pictures" else [], ["poster2"]], "the others are found"
    assert arcli(place, "update", "poster1", "--image", "poster2.png")[0] == 0
    assert arcli(place, "doctor")[0] == 0, "another picture puts it right"


def test_a_lost_log_is_said_by_each_command_until_it_is_accepted(place: Path) -> None:
    """The log of a process that was killed is cut: SQLite says nothing of what it had acknowledged."""
    store = store_of(place)
    with sqlite3.connect(store) as reader:
        reader.execute("SELECT count(*) FROM targets").fetchone()  # who adds is not the last to leave
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM targets").fetchone()
        arcli(place, "add", "poster2.png")
        shutil.copytree(place, place / "crashed", ignore=shutil.ignore_patterns("crashed"))
    reader.close()
    crashed = place / "crashed"
    (log,) = crashed.glob("data/channels/*/store.sqlite-wal")
    assert log.stat().st_size
    log.write_bytes(log.read_bytes()[:5000])
    for words in (["find", "photo.jpg"], ["add", "poster2.png", "--id", "other"]):
        done = subprocess.run(
            [sys.executable, "-m", "arcli", *words],
            cwd=crashed,
            env={**os.environ, "PYTHONPATH": str(ROOT), "ARCLI_DATA_DIR": str(crashed / "data")},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0
        assert done.stderr.count("changes that were acknowledged are missing") == 1
    status, answer = arcli(crashed, "doctor")
    assert status == 9
    assert "with 1 rows" in only_error(answer)["message"]
    assert arcli(crashed, "doctor", "--repair")[0] == 9
    assert arcli(crashed, "doctor")[0] == 0


def test_what_a_damaged_store_holds_is_salvaged_and_can_be_added_again(place: Path) -> None:
    """Of three targets one lost its picture; the page of free space and the store itself stay as they are."""
    arcli(place, "add", "poster2.png", "--metadata", '{"a": "ä"}')
    store = store_of(place)
    flip(store, blob(place, "pictures"))
    data = bytearray(store.read_bytes())
    data[39] ^= 4  # the list of free pages: SQLite finds damage
    store.write_bytes(data)
    status, answer = arcli(place, "doctor", "--salvage", "out")
    assert status in (3, 9)
    assert any("poster1" in str(error["item"]) for error in answer["errors"])
    assert store.read_bytes() == bytes(data)
    (manifest,) = place.glob("out/*/manifest.jsonl")
    rows = {row["identifier"]: row for row in map(json.loads, manifest.read_text("utf-8").splitlines())}
    assert rows.keys() == {"poster1", "poster2"}
    assert rows["poster2"]["metadata"] == '{"a": "ä"}'
    assert rows["poster1"]["image"] is None
    status, answer = arcli(place, "add", "--manifest", str(manifest), "-c", "again")
    assert {item["identifier"]: item["status"] for item in answer["data"]["items"]}["poster2"] == "added"
    assert arcli(place, "find", "poster2.png", "-c", "again")[0] == 0
    assert arcli(place, "doctor", "--salvage", "out")[0] == 6, "a folder that is not empty is not touched"


def test_doctor_compares_kept_pictures_with_features(place: Path) -> None:
    arcli(place, "add", "poster2.png")
    assert arcli(place, "doctor", "--verify")[0] == 0
    with sqlite3.connect(store_of(place)) as connection:  # a picture of another target, with its own checksum
        connection.execute(
            "UPDATE pictures SET data = (SELECT data FROM pictures WHERE row_id = 2) WHERE row_id = 1"
        )
        connection.execute("UPDATE targets SET crc32 = NULL, picture_crc = NULL WHERE row_id = 1")
    connection.close()
    assert arcli(place, "doctor")[0] == 0, "each row by itself is sound"
    status, answer = arcli(place, "doctor", "--verify")
    assert status == 9
    assert only_error(answer)["item"] == "default/poster1"


@pytest.mark.parametrize(
    "words",
    [
        ("backup", "out"),
        ("restore", "out"),
        ("channel", "backup", "default", "out"),
        ("channel", "restore", "out"),
        ("doctor", "--salvage", "out"),
    ],
)
def test_a_service_is_backed_up_on_its_own_machine(place: Path, words: tuple[str, ...]) -> None:
    config = {"XDG_CONFIG_HOME": str(place / "config")}
    for call in (["profile", "add", "shop", "--kind", "arcloud", "--url", "http://127.0.0.1:9"], words):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "arcli",
                *(["--profile", "shop"] if call is words else []),
                *call,
                "--json",
            ],
            cwd=place,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "ARCLI_USERNAME": "a",
                "ARCLI_SECRETKEY": "b",
                **config,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 13, done.stdout
    assert not (place / "out").exists()
