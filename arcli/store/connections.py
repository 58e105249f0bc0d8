"""SQLite connections as arcli wants them: distrustful of the file, and never checkpointing by themselves."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import threading
from pathlib import Path

from arcli.errors import NotSupported

OLDEST_SQLITE = (3, 38)  # STRICT tables are of 3.37, json_each is always there from 3.38 on
_BUSY_TIMEOUT = 10.0  # seconds; readers wait only while somebody recovers the log of a process that died
_BLOB_LIMIT = 64 * 1024 * 1024  # bytes; a damaged length must not take all memory


def open_connection(
    path: Path, parameters: str, *first: str, synchronous: str = "FULL"
) -> sqlite3.Connection:
    """Open `path` with the URI `parameters` and read its schema, after the pragmas `first`.

    Raises sqlite3.Error, NotSupported when Python came with too old an SQLite.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise NotSupported(
            f"this Python has SQLite {sqlite3.sqlite_version}, arcli needs 3.38", hint="use a newer Python"
        )
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{parameters}",
        uri=True,
        timeout=_BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _configure(connection, first, synchronous)
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection, first: tuple[str, ...], synchronous: str) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _BLOB_LIMIT)
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


class Readers:
    """Connections for reading one database, kept open between snapshots. Threads may share them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[tuple[sqlite3.Connection, int]] = []
        self._guard = threading.Lock()
        self._closed = False

    def take(self) -> tuple[sqlite3.Connection, int]:
        """Return a connection to the file that is at the path now, and what `give_back` wants to know.

        Raises sqlite3.Error, OSError.
        """
        inode = self._path.stat().st_ino
        with self._guard:
            while self._idle:
                connection, opened = self._idle.pop()
                if opened == inode:
                    return connection, inode
                connection.close()
        try:
            return open_connection(self._path, "mode=ro", "query_only = ON"), inode
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
        return self._open_alone(), 0

    def _open_alone(self) -> sqlite3.Connection:
        """Open where the -shm file cannot be made.

        In a folder that cannot be written, SQLite reads a log only through a -shm file that is there.
        Without one nobody is writing: the log is then read without locks, or there is none (immutable).
        Such a connection would not notice somebody who writes later: it serves one snapshot.
        """
        log = self._path.with_name(self._path.name + "-wal")
        way = "vfs=unix-none" if log.exists() and log.stat().st_size else "immutable=1"
        return open_connection(self._path, f"mode=ro&{way}", "locking_mode = EXCLUSIVE", "query_only = ON")

    def give_back(self, connection: sqlite3.Connection, inode: int) -> None:
        """End the snapshot and keep the connection for the next one."""
        with contextlib.suppress(sqlite3.Error), self._guard:
            connection.rollback()
            if inode and not self._closed:
                self._idle.append((connection, inode))
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle now, and the rest when it is given back."""
        with self._guard:
            idle, self._idle, self._closed = self._idle, [], True
        for connection, _ in idle:
            connection.close()
