"""What is acknowledged is on disk, and no two processes ever change the write-ahead log at the same time."""

from __future__ import annotations

import contextlib
import re
import resource
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from arcli.errors import DiskFull, Locked, StorageNotWritable
from arcli.files import file_lock
from arcli.store import database, schema
from arcli.store.channel import ChannelStore
from arcli.store.connections import open_connection
from arcli.store.rows import NewTarget
from tests.store.store_worker import Start

CALL = re.compile(r"(pwrite64|write|fsync|fdatasync|ftruncate)\((\d+)<([^>]*)>(?:, \"([^\"]*)\")?")
NAMING = re.compile(r"(rename|fsync|fdatasync|pwrite64)\w*\((?:\d+<)?\"?([^>\"]*)[>\"]")


def unsynced_at_acknowledgement(trace: str) -> list[set[str]]:
    """Return, for each line that the process said, the files that it had written to and not synced since."""
    dirty: set[str] = set()
    found = []
    for call, handle, path, text in CALL.findall(trace):
        if handle == "1":
            found.append(set(dirty)) if text.startswith("t") else None
        elif call.endswith("sync"):
            dirty.discard(Path(path).name)
        elif path.endswith(("store.sqlite", "-wal")):
            dirty.add(Path(path).name)
    return found


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(("command", "safe"), [("add", True), ("add_unsafely", False)])
def test_the_disk_has_it_before_it_is_acknowledged(
    folder: Path, tmp_path: Path, start: Start, command: str, safe: bool
) -> None:
    log = tmp_path / "trace"
    calls = "trace=pwrite64,write,fsync,fdatasync,ftruncate"
    process = start(command, folder, "t", 5, before=("strace", "-f", "-y", "-e", calls, "-o", str(log)))
    process.communicate(timeout=120)
    if process.returncode:
        pytest.skip("strace may not trace here")
    found = unsynced_at_acknowledgement(log.read_text(errors="replace"))
    assert len(found) == 5
    assert [files == set() for files in found] == [safe] * 5


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_new_store_is_on_the_disk_before_it_has_its_name(tmp_path: Path, start: Start) -> None:
    log = tmp_path / "trace"
    calls = "trace=pwrite64,fsync,fdatasync,rename"
    before = ("strace", "-f", "-y", "-e", calls, "-o", str(log))
    process = start("create", tmp_path / "data", "cards", before=before)
    process.communicate(timeout=120)
    if process.returncode:
        pytest.skip("strace may not trace here")
    events = [
        (call, Path(path).name)
        for call, path in NAMING.findall(log.read_text())
        if "store.sqlite" in path or "/channels/cards-" in path
    ]
    named = next(at for at, (call, _) in enumerate(events) if call == "rename")
    aside = events[named][1]
    of_file = [call for call, name in events[:named] if name == aside]
    assert of_file[-1] in ("fsync", "fdatasync")
    assert "pwrite64" in of_file
    assert ("fsync", events[named + 1][1]) == events[named + 1]
    assert events[named + 1][1].startswith("cards-"), "the folder's entry, too"


def test_writers_open_checkpoint_and_close_only_under_the_lock(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = folder / "store.sqlite.lock"
    seen: list[str] = []

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:  # type: ignore[override]
            if "checkpoint(" in sql:
                seen.append(f"checkpoint {held(lock)}")
            return super().execute(sql, *values)  # type: ignore[arg-type]

        def close(self) -> None:
            writes = super().execute("PRAGMA query_only").fetchone() == (0,)
            seen.append(f"close {held(lock)}" if writes else "reader")
            super().close()

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, factory=Watched, **k))
    monkeypatch.setattr(database, "LOG", database.LogOptions(target=100_000))
    with ChannelStore.open(folder) as store:
        for number in range(12):
            with store.write() as txn:
                txn.insert(NewTarget(identifier=f"t{number:03}", features=bytes(25_000)))
    assert seen.count("close True") == 13, "one a transaction, one at the end"
    assert seen.count("checkpoint True") >= 2
    assert set(seen) == {"close True", "checkpoint True", "reader"}


def held(lock: Path) -> bool:
    try:
        with file_lock(lock, timeout=0):
            return False
    except Locked:
        return True


def test_the_log_stays_small_though_there_is_always_a_reader(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOG", database.LogOptions(target=200_000, limit=400_000))
    sizes, loaded = [], threading.Event()
    with ChannelStore.open(folder) as store:
        reader = threading.Thread(target=read_without_a_gap, args=(store, loaded))
        reader.start()
        try:
            for number in range(100):
                with store.write() as txn:
                    txn.insert(NewTarget(identifier=f"t{number:03}", features=bytes(25_000)))
                sizes.append(store.database.log_path.stat().st_size)
        finally:
            loaded.set()
            reader.join()
        with store.read() as snapshot:
            assert snapshot.count() == 100
    assert max(sizes) < 1_000_000, "7 MB went through it"


def read_without_a_gap(store: ChannelStore, stop: threading.Event) -> None:
    """Begin each snapshot before the one before it ends."""
    with contextlib.ExitStack() as held:
        held.enter_context(store.read())
        while not stop.is_set():
            following = contextlib.ExitStack()
            following.enter_context(store.read())
            held.close()
            held.push(following)


def test_the_connections_settings(folder: Path) -> None:
    """Settings that only a power loss or a hostile file would show."""
    wanted = {"synchronous": 2, "wal_autocheckpoint": 0, "trusted_schema": 0, "cell_size_check": 1}
    with ChannelStore.open(folder) as store, store.write() as txn, store.read() as snapshot:
        for connection in (txn.connection, snapshot.connection):
            found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted}
            assert found == wanted
        assert txn.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert txn.connection.execute("PRAGMA page_size").fetchone() == (8192,)
        assert snapshot.connection.execute("PRAGMA query_only").fetchone() == (1,)


def test_a_writer_waits_for_other_programs_as_long_as_for_its_own_kind(folder: Path) -> None:
    with ChannelStore.open(folder) as store:
        for seconds in (0, 2):
            with store.write(timeout=seconds) as txn:
                assert txn.connection.execute("PRAGMA busy_timeout").fetchone() == (1000 * seconds,)


def test_a_write_transaction_is_one_from_its_beginning(folder: Path) -> None:
    """BEGIN IMMEDIATE: one that began by reading could not go on after somebody else has written."""
    with (
        ChannelStore.open(folder) as store,
        store.write(),
        contextlib.closing(sqlite3.connect(folder / "store.sqlite", timeout=0)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_a_store_made_without_incremental_vacuum_gives_its_space_back(folder: Path) -> None:
    """VACUUM attaches a database of its own, and connections may attach none."""
    with contextlib.closing(sqlite3.connect(folder / "store.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA auto_vacuum = NONE")
        connection.execute("VACUUM")
        connection.execute("PRAGMA journal_mode = WAL")
    with emptied(folder) as store:
        store.shrink()
        assert store.database.path.stat().st_size < 200_000
        with store.read() as snapshot:
            assert snapshot.count() == 1
            assert snapshot.connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def emptied(folder: Path) -> ChannelStore:
    """Return a store that has much space to give back."""
    store = ChannelStore.open(folder)
    with store.write() as txn:
        for number in range(40):
            txn.insert(NewTarget(identifier=f"t{number:03}", features=bytes(25_000)))
    with store.write() as txn:
        for number in range(39):
            txn.remove(f"t{number:03}")
    return store


def test_space_is_given_back_by_many_pages_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def traced(path: Path, mode: str, **options: str) -> sqlite3.Connection:
        connection = open_connection(path, mode, **options)  # type: ignore[arg-type]
        connection.set_trace_callback(said.append)
        return connection

    with emptied(folder) as store:
        monkeypatch.setattr(database, "open_connection", traced)
        store.shrink()
        assert store.database.path.stat().st_size < 200_000
    assert 1 <= sum("incremental_vacuum" in one for one in said) <= 2


def test_giving_space_back_ends_where_nothing_can_be_written(folder: Path) -> None:
    """SQLite says nothing when a vacuum by itself cannot be committed: it went on for ever."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with emptied(folder) as store:
        store.database.checkpoint()
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            with pytest.raises((DiskFull, StorageNotWritable)):
                store.shrink()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        store.shrink()
        assert store.database.path.stat().st_size < 200_000
        with store.read() as snapshot:
            assert snapshot.count() == 1


def test_shared_memory_that_cannot_be_made_is_no_damage(folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ChannelStore(folder, readonly=False) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(DiskFull), store.write():
                pass
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def one_count(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO counts (day, identifier, count) VALUES ('1', 'a', 1)")


def test_a_new_database_is_whole_in_its_file_before_that_gets_its_name(tmp_path: Path) -> None:
    """Not in a log that is left behind: a checkpoint that fails while closing says nothing."""
    made = database.Database(tmp_path / "x", schema.COUNTS, missing=lambda: Locked("gone"))
    with contextlib.closing(open_connection(tmp_path / "x", "mode=rwc")) as connection:
        made.build(connection, one_count)
        shutil.copy(tmp_path / "x", tmp_path / "alone")
    with contextlib.closing(sqlite3.connect(tmp_path / "alone")) as alone:
        assert alone.execute("SELECT count FROM counts").fetchall() == [(1,)]
        assert alone.execute("PRAGMA integrity_check").fetchone() == ("ok",)
