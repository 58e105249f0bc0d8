"""SQLite connections as arcli needs them: distrustful of the file, and never checkpointing by themselves."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from arcli.errors import DataDamaged, NotSupported
from arcli.files import out_of_handles
from arcli.store.checksums import install
from arcli.system import open_files

OLDEST_SQLITE = (3, 38)  # STRICT tables came with 3.37; json_each is always built in since 3.38
_NO_SHARED_MEMORY = {sqlite3.SQLITE_IOERR_SHMOPEN, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for a database, in seconds.

    writer (0 to 120): for whoever writes now; the longest transaction, a migration, takes a few. recovery
    (0 to 60): readers wait only while another process recovers the log of one that died, which takes less
    than a second for a log of `LogOptions.limit`.
    """

    writer: float = 30.0
    recovery: float = 10.0


PATIENCE = Patience()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """What is held at once, kept in reserve and written later.

    blob_bytes (2 to 256 MiB): more, no row has; a damaged length must not take all memory. rows_at_once (50
    to 2000): rows whose features are read together; 400 take some 10 MB. removals (32 to 2048): of one
    transaction; 256 take some 20 ms, then others may write. lookup_share (1 to 16): a lookup in many channels
    holds one in so many of the connections that may stay open. counts_synced, witness_synced (0 to 300, 0 to
    10): seconds between two syncs of counts and of a witness; each takes as long as a commit, 4 to 8 ms
    (docs/reference/on-disk-format.md, "What is promised"). audit_entries (1,000 to 10 M): the oldest are
    dropped beyond; 100,000 take some 20 MB. reserve_bytes (256 KiB to 4 MiB): freed for a removal on a full
    disk; twice the log of one (15 pages of 8 KiB) and shared memory of 32 KiB. rows_beyond (100 to 1 M): row
    ids that a rescue tries after the last known one, if nothing says which was given last. idle_connections
    (8 to 256): for reading, that a process keeps, each with three files; at most one for `files_share` (6 to
    20) of the files that it may open: a third of them. key_use (10 to 600): seconds between two notes of when
    a key was used. counts_at_once (1000 to 100,000): match counts read together; 10,000 take some 3 MB.
    """

    blob_bytes: int = 64 << 20
    rows_at_once: int = 400
    removals: int = 256
    lookup_share: int = 4
    counts_synced: float = 60.0
    witness_synced: float = 1.0
    audit_entries: int = 100_000
    reserve_bytes: int = 384 << 10
    rows_beyond: int = 10_000
    idle_connections: int = 64
    files_share: int = 9
    key_use: float = 60.0
    counts_at_once: int = 10_000

    @property
    def spare_bytes(self) -> int:
        """Free bytes below which nothing is reserved: such a disk is nearly full already."""
        return 4 * self.reserve_bytes


STORE = StoreOptions()


def open_connection(
    path: Path,
    parameters: str,
    *first: str,
    synchronous: str = "FULL",
    timeout: float = PATIENCE.recovery,
) -> sqlite3.Connection:
    """Open `path` with the URI `parameters` and read its schema, after the pragmas `first`.

    Raises sqlite3.Error, DataDamaged, NotSupported when Python's SQLite is too old.
    """
    expect_file(path)
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise NotSupported(
            f"this Python has SQLite {sqlite3.sqlite_version}, arcli needs 3.38", hint="use a newer Python"
        )
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{parameters}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _configure(connection, first, synchronous)
    except BaseException:
        connection.close()
        raise
    return connection


def expect_file(path: Path) -> None:
    """Raise DataDamaged for what is no file: opening a pipe waits for ever, a device has no end."""
    if path.exists() and not path.is_file():
        raise DataDamaged(f"{path} is damaged: it is not a file", item=str(path))


def _configure(connection: sqlite3.Connection, first: tuple[str, ...], synchronous: str) -> None:
    install(connection)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, STORE.blob_bytes)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
    for pragma in (
        *first,
        "trusted_schema = OFF",
        "cell_size_check = ON",
        "foreign_keys = ON",
        "wal_autocheckpoint = 0",
        f"synchronous = {synchronous}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()


class _IdleConnections:
    """Idle connections of the whole process; the most recently used ones are kept.

    Each holds three files open (database, log, shared memory). Without a limit a process would keep one for
    each channel that it ever read, times the threads that read it at the same time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[int, tuple[Readers, sqlite3.Connection, int]] = OrderedDict()
        self._guard = threading.Lock()

    def take(self, reader: Readers, inode: int) -> sqlite3.Connection | None:
        """Return an idle connection of `reader` to the file `inode`; close those to an earlier file."""
        with self._guard:
            mine = [key for key, (owner, _, _) in self._kept.items() if owner is reader]
            found = None
            for key in reversed(mine):
                _, connection, opened = self._kept[key]
                if opened != inode:
                    self._kept.pop(key)
                    connection.close()
                elif found is None:
                    self._kept.pop(key)
                    found = connection
            return found

    def keep(self, reader: Readers, connection: sqlite3.Connection, inode: int) -> None:
        with self._guard:
            self._kept[id(connection)] = (reader, connection, inode)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)[1][1].close()

    def close(self, reader: Readers) -> None:
        """Close the idle connections of `reader`."""
        with self._guard:
            for key in [key for key, (owner, _, _) in self._kept.items() if owner is reader]:
                self._kept.pop(key)[1].close()


def idle_limit() -> int:
    """Return how many idle connections a process keeps."""
    files, most = open_files(), STORE.idle_connections
    return most if files is None else max(1, min(most, files // STORE.files_share))


class Readers:
    """Connections for reading one database, kept open between snapshots. Threads may share them."""

    def __init__(self, path: Path, patience: Patience = PATIENCE) -> None:
        self._path, self._patience = path, patience
        self._closed = False

    def take(self) -> tuple[sqlite3.Connection, int]:
        """Return a connection to the file that is now at the path, and the inode that `give_back` needs.

        Raises sqlite3.Error, OSError, DataDamaged.
        """
        inode = self._path.stat().st_ino
        idle = _idle().take(self, inode)
        if idle is not None:
            return idle, inode
        try:
            return self._opened("mode=ro", "query_only = ON"), inode
        except sqlite3.Error as error:
            if not _lacks_shared_memory(error):
                raise
            failed = error
        try:
            return self._open_alone(), 0
        except sqlite3.Error as error:
            raise failed from error

    def _open_alone(self) -> sqlite3.Connection:
        """Open where the -shm file cannot be made: a folder that cannot be written, a full disk.

        There SQLite reads a log only through an existing -shm file. If there is none, nobody is writing: the
        log is then read without locks, or, if there is no log, the file is opened as immutable. Such a
        connection would not notice a later writer, so it serves one snapshot only.
        """
        log = self._path.with_name(self._path.name + "-wal")
        way = "vfs=unix-none" if log.exists() and log.stat().st_size else "immutable=1"
        return self._opened(f"mode=ro&{way}", "locking_mode = EXCLUSIVE", "query_only = ON")

    def _opened(self, parameters: str, *first: str) -> sqlite3.Connection:
        return open_connection(self._path, parameters, *first, timeout=self._patience.recovery)

    def give_back(self, connection: sqlite3.Connection, inode: int) -> None:
        """End the snapshot and keep the connection for the next one."""
        with contextlib.suppress(sqlite3.Error):
            connection.rollback()
            if inode and not self._closed:
                _idle().keep(self, connection, inode)
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle now, and the rest when it is given back."""
        self._closed = True
        _idle().close(self)


def _lacks_shared_memory(error: sqlite3.Error) -> bool:
    """Say whether SQLite could not make, or fill, the -shm file; not because file handles ran out."""
    code = getattr(error, "sqlite_errorcode", 0)
    primary = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL)
    return (code & 0xFF in primary or code in _NO_SHARED_MEMORY) and not out_of_handles()


@cache
def _idle() -> _IdleConnections:
    return _IdleConnections(idle_limit())
