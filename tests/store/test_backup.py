"""Backups: taken under writes, whole or not there, and nothing in one is trusted."""

from __future__ import annotations

import datetime as dt
import errno
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from arcli import files
from arcli.errors import (
    ArcliError,
    ChannelExists,
    Conflict,
    DataDamaged,
    DataTooNew,
    DiskFull,
    FileExists,
    UsageError,
)
from arcli.files import FaultPoint
from arcli.models import ChannelSettings, Grant, KeyRequest, Scope, TargetChanges
from arcli.store.accounts import Accounts
from arcli.store.catalog import Catalog
from arcli.store.channel import STORE_FILE, ChannelStore
from arcli.store.counts import Counts
from arcli.store.gatekeeper import CatalogGatekeeper
from arcli.store.repair import backup_folder
from arcli.store.repair.backup_folder import MANIFEST, UNFINISHED, BackedUp, Backups
from arcli.store.repair.check import verify_store
from arcli.store.repair.rebuild import verify_catalog
from arcli.store.rows import NewTarget, TargetRow
from tests.store.store_worker import Start

PICTURE = b"picture " * 2000
Content = dict[str, tuple[TargetRow, bytes, bytes | None]]


def accept(data: bytes) -> None:
    """Features of any content decode."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    with Catalog(folder) as catalog:
        records = [catalog.create_channel(name, ChannelSettings(quota=500), 1) for name in ("cards", "films")]
    for record in records:
        with ChannelStore.open(record.folder) as store, store.write() as txn:
            for number in range(5):
                name = f"{record.name}{number}"
                txn.insert(NewTarget(identifier=name, metadata="{}", features=b"F" * 900, picture=PICTURE))
            txn.remove(f"{record.name}1")
            txn.update(f"{record.name}2", TargetChanges(active=False, matchratio=0.5))
    with Counts(records[0].folder) as counts:
        counts.record(["cards0"], day=dt.date(2026, 1, 2))
        counts.flush()
    with Accounts(folder) as accounts:
        key = KeyRequest(scope=Scope.ALL, secretkey="imported", expires="2099-01-01T00:00:00Z", rate=2.0)
        accounts.add_account(username="bob", key=key, grants=[Grant(channel="cards", scope=Scope.ALL)])
    with Catalog(folder) as catalog:
        catalog.set_channel("films", {"owner": "bob"})
    return folder


def backups(folder: Path) -> Backups:
    return Backups(folder, accept)


def content(folder: Path, channel: str = "cards") -> Content:
    """Return all targets with their blobs, but for the channel's name."""
    with Catalog(folder) as catalog:
        record = catalog.channel(channel)
    found: Content = {}
    with ChannelStore.open(record.folder) as store, store.read() as snapshot:
        for row in snapshot.list()[1]:
            words = {name: getattr(row, name) for name in TargetRow.__dataclass_fields__} | {"channel": ""}
            blobs = snapshot.features([row.row_id])[row.row_id], snapshot.picture(row.row_id)
            found[row.identifier] = (TargetRow(**words), *blobs)
        assert snapshot.count() == len(found)
    return found


def is_sound(folder: Path) -> bool:
    findings = [*verify_catalog(folder)]
    with Catalog(folder) as catalog:
        for record in catalog.channels():
            with ChannelStore.open(record.folder) as store:
                findings += verify_store(store, accept)
    return all(finding.ok for finding in findings)


def test_a_channel_comes_back_as_it_was(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "cards.arcli"
    done = backups(data).write_channel("cards", file)
    assert (done.targets, done.bytes) == (4, file.stat().st_size)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("cards")] == ["cards.arcli"]
    with pytest.raises(ChannelExists):
        backups(data).restore_channel(file, None)
    made = backups(data).restore_channel(file, "again")
    assert (made.channel, made.targets) == ("again", 4)
    assert content(data, "again") == content(data)
    other = tmp_path / "other"
    backups(other).restore_channel(file, None)
    assert content(other) == content(data)
    assert is_sound(data)
    assert is_sound(other)
    with Catalog(other) as catalog:
        record = catalog.channel("cards")
        assert record.settings.quota == 500
    with Counts(record.folder) as counts:
        counted = {(count.identifier, count.count) for count in counts.read(dt.date.min, dt.date.max)}
    assert counted == {("cards0", 1), ("*", 1)}
    with ChannelStore.open(record.folder) as store, store.write() as txn:
        assert txn.insert(NewTarget(identifier="new", features=b"F")) == 6, "no row id is given twice"


def test_an_owner_who_is_not_there_is_not_restored(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "films.arcli"
    backups(data).write_channel("films", file)
    backups(data).restore_channel(file, "again")
    backups(tmp_path / "other").restore_channel(file, None)
    with Catalog(data) as one, Catalog(tmp_path / "other") as other:
        assert one.channel("again").settings.owner == "bob"
        assert other.channel("films").settings.owner is None


def test_a_backup_under_writes_is_what_was_there_at_one_moment(
    data: Path, tmp_path: Path, start: Start
) -> None:
    """It holds all that was acknowledged before it began, and a beginning of what was added meanwhile."""
    with Catalog(data) as catalog:
        folder = catalog.channel("cards").folder
    writer = start("add", folder, "t", 60)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline().split()[0]]
    sizes = []
    for number in range(4):
        file = tmp_path / f"{number}.arcli"
        backups(data).write_channel("cards", file)
        other = tmp_path / f"restored{number}"
        backups(other).restore_channel(file, None)
        added = [name for name in content(other) if name.startswith("t")]
        sizes.append(len(added))
        assert set(acknowledged) <= set(added)
    rest, _ = writer.communicate(timeout=120)
    acknowledged += [line.split()[0] for line in rest.splitlines()]
    with ChannelStore.open(folder) as store, store.read() as snapshot:
        in_order = [row.identifier for row in sorted(snapshot.list()[1], key=lambda row: row.row_id)]
    added_in_order = [name for name in in_order if name.startswith("t")]
    for number, size in enumerate(sizes):
        there = {name for name in content(tmp_path / f"restored{number}") if name.startswith("t")}
        assert there == set(added_in_order[:size])
    assert sizes == sorted(sizes)


def cut_short(point: FaultPoint, nth: int = 1) -> Callable[[FaultPoint], None]:
    left = [nth]

    def stop(reached: FaultPoint) -> None:
        left[0] -= reached is point
        if reached is point and left[0] == 0:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize("point", [FaultPoint.WRITTEN_ASIDE, FaultPoint.FILE_SYNCED])
def test_an_interrupted_backup_leaves_no_file(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: FaultPoint
) -> None:
    monkeypatch.setattr(files, "_watchers", [cut_short(point)])
    with pytest.raises(KeyboardInterrupt):
        backups(data).write_channel("cards", tmp_path / "cards.arcli")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_an_existing_file_is_kept(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(FileExists):
        backups(data).write_channel("cards", tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "precious"


def test_what_is_damaged_is_not_backed_up_as_sound(data: Path, tmp_path: Path) -> None:
    (store,) = data.glob(f"channels/cards-*/{STORE_FILE}")
    damaged = bytearray(store.read_bytes())
    damaged[damaged.index(PICTURE[:64]) + 5] ^= 1
    store.write_bytes(damaged)
    with pytest.raises(DataDamaged, match="picture was changed"):
        backups(data).write_channel("cards", tmp_path / "cards.arcli")
    assert not (tmp_path / "cards.arcli").exists()
    done = [*backups(data).write(tmp_path / "all")]
    assert [(one.channel, one.error is None) for one in done] == [("cards", False), ("films", True)]


SPOILS = {
    "a trigger": "CREATE TRIGGER evil AFTER INSERT ON targets BEGIN SELECT 1; END",
    "a view": "CREATE VIEW evil AS SELECT 1",
    "another row": "UPDATE targets SET metadata = '[1]'",
    "another picture": "UPDATE pictures SET data = x'00' WHERE row_id = 1",
    "a missing picture": "DELETE FROM pictures WHERE row_id = 1",
    "another count": "UPDATE counts SET count = 9",
    "a later format": "PRAGMA user_version = 2",
    "another kind": "PRAGMA application_id = 7",
    "another name": "UPDATE meta SET value = '../evil', crc32 = NULL WHERE key = 'name'",
    "an invalid identifier": "UPDATE targets SET identifier = '../evil', crc32 = NULL WHERE row_id = 1",
}


@pytest.mark.parametrize("what", SPOILS)
def test_a_file_that_was_changed_is_refused_and_leaves_nothing(data: Path, tmp_path: Path, what: str) -> None:
    file = tmp_path / "cards.arcli"
    backups(data).write_channel("cards", file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(SPOILS[what])
    other = tmp_path / "other"
    with pytest.raises(ArcliError) as caught:
        backups(other).restore_channel(file, None)
    assert isinstance(caught.value, DataTooNew) == (what == "a later format")
    assert caught.value.exit_status in (2, 7, 9)
    assert not [*other.glob("channels/*")]


def test_no_bit_of_a_file_is_changed_unnoticed(data: Path, tmp_path: Path) -> None:
    """Refused, or what it restores is what was backed up: SQLite passes over some bytes."""
    file = tmp_path / "cards.arcli"
    backups(data).write_channel("cards", file)
    whole, before = file.read_bytes(), content(data)
    refused = 0
    for at in range(0, len(whole), len(whole) // 120):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        file.write_bytes(changed)
        other = tmp_path / f"other{at}"
        with suppress(ArcliError):
            backups(other).restore_channel(file, None)
            assert content(other) == before
            continue
        refused += 1
    assert refused > 20


def test_all_comes_back_with_accounts_and_keys(data: Path, tmp_path: Path) -> None:
    folder, other = tmp_path / "backup", tmp_path / "other"
    done = [*backups(data).write(folder)]
    assert [(one.channel, one.targets) for one in done] == [("cards", 4), ("films", 4)]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in folder.iterdir()} == {0}
    assert [one.channel for one in backups(data).verify(folder)] == ["cards", "films"]
    assert [one.channel for one in backups(other).restore(folder)] == ["cards", "films"]
    assert is_sound(other)
    for name in ("cards", "films"):
        assert content(other, name) == content(data, name)
    with Accounts(data) as one, Accounts(other) as two:
        assert two.accounts() == one.accounts()
        assert [entry for entry in one.audit() if entry not in two.audit()] == []
    keeper = CatalogGatekeeper(other)
    caller = keeper.authenticate(username="bob", secretkey="imported")
    assert keeper.channels_of(caller, need=Scope.ALL) == ("cards", "films")
    keeper.close()
    with pytest.raises(Conflict, match="not empty"):
        [*backups(other).restore(folder)]


def written(done: list[BackedUp]) -> set[str]:
    return {one.channel for one in done if one.written}


def test_what_has_not_changed_is_not_written_again(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    assert written([*backups(data).write(folder)]) == {"cards", "films"}
    assert written([*backups(data).write(folder)]) == set()
    with Catalog(data) as catalog:
        record = catalog.channel("films")
    with ChannelStore.open(record.folder) as store, store.write() as txn:
        txn.update("films0", TargetChanges(metadata="[2]"))
    assert written([*backups(data).write(folder)]) == {"films"}
    with Counts(record.folder) as counts:
        counts.record(["films0"])
        counts.flush()
    assert written([*backups(data).write(folder)]) == {"films"}
    assert len([*folder.glob("channel-*")]) == 2, "what is no longer named goes"
    next(folder.glob("channel-*")).write_bytes(b"damaged")
    assert len(written([*backups(data).write(folder)])) == 1, "what was damaged is written again"
    assert len([*backups(data).verify(folder)]) == 2


@pytest.mark.parametrize("nth", range(1, 8))
def test_an_interrupted_backup_leaves_the_one_before(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    folder = tmp_path / "backup"
    [*backups(data).write(folder)]
    before = content(data)
    for name in ("cards", "films"):
        (place,) = data.glob(f"channels/{name}-*")
        with ChannelStore.open(place) as store, store.write() as txn:
            txn.remove(f"{name}0")
    with monkeypatch.context() as patch:
        patch.setattr(files, "_watchers", [cut_short(FaultPoint.FILE_SYNCED, nth)])
        with suppress(KeyboardInterrupt):
            [*backups(data).write(folder)]
    other = tmp_path / "other"
    [*backups(other).restore(folder)]
    assert content(other) in (before, content(data))
    done = [*backups(data).write(folder, resume=True)]
    assert len(done) == 2
    shutil.rmtree(other)
    [*backups(other).restore(folder)]
    assert content(other) == content(data)
    assert not (folder / UNFINISHED).exists()


def test_a_first_backup_that_was_interrupted_is_none_until_it_is_resumed(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    going = backups(data).write(folder)
    assert next(going).channel == "cards"
    going.close()  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="no backup"):
        [*backups(tmp_path / "other").restore(folder)]
    assert written([*backups(data).write(folder, resume=True)]) == {"films"}
    assert len([*backups(tmp_path / "other").restore(folder)]) == 2


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/b", "..", "", "A", "x" * 200])
def test_a_manifest_that_leads_out_of_its_folder_is_refused(data: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "backup"
    [*backups(data).write(folder)]
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][0]["name"] = name
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(DataDamaged, match="cannot be read"):
        [*backups(tmp_path / "other").restore(folder)]
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 9, "files": []}', "[" * 100_000, "\xff"])
def test_a_manifest_that_is_none_is_refused(data: Path, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "backup"
    [*backups(data).write(folder)]
    (folder / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(DataDamaged):
        [*backups(tmp_path / "other").restore(folder)]


@pytest.mark.parametrize("pattern", ["channel-*", "catalog-*", "server-pepper"])
def test_a_file_of_a_backup_that_was_changed_or_linked_is_refused(
    data: Path, tmp_path: Path, pattern: str
) -> None:
    folder = tmp_path / "backup"
    [*backups(data).write(folder)]
    path = next(folder.glob(pattern))
    sound = path.read_bytes()
    path.write_bytes(bytes([sound[0] ^ 1]) + sound[1:])
    with pytest.raises(DataDamaged, match="not as it was written"):
        [*backups(tmp_path / "other").restore(folder)]
    path.unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(sound)
    path.symlink_to(elsewhere)
    with pytest.raises(DataDamaged, match="not as it was written"):
        [*backups(tmp_path / "other").restore(folder)]
    assert not (tmp_path / "other").exists()


def test_a_folder_that_holds_something_else_is_not_touched(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    with pytest.raises(Conflict):
        [*backups(data).write(folder)]
    assert [path.name for path in folder.iterdir()] == ["precious"]


@pytest.mark.parametrize("step", ["built_aside", "write_atomically", "_begin"])
def test_a_full_disk_is_said_wherever_it_is_met(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(backup_folder, step, fails)
    with pytest.raises(DiskFull):
        all(Backups(data, accept).write(tmp_path / "all"))
