"""Rewrites a damaged database from what can be read of it, and keeps the damaged file next to it."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from arcli.errors import DataDamaged
from arcli.files import ASIDE, built_aside, of_os
from arcli.models import MESSAGES, Finding, some_of
from arcli.store.checksums import install, seal
from arcli.store.connections import STORE, expect_file, open_connection
from arcli.store.database import PAGE_SIZE, Database
from arcli.store.faults import translated
from arcli.store.repair.rescue import Carried, carry
from arcli.system import sync

_HEADER = 100  # bytes of page 1 that describe the file; the rest of the page says where its tables are
_HARMLESS = (
    *("ok", "reelist", "never used", "ptr map", "pointer map", "*** in database", "missing from index"),
    *("entries in index", "non-unique entry"),
)
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"

Mend = Callable[[sqlite3.Connection, sqlite3.Connection, Sequence[Carried]], None]
"""A repair from the content of the new database: (old, new, what became of each table)."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """Where the damaged file is now, and what became of each table."""

    aside: Path
    tables: tuple[Carried, ...]
    complaints: tuple[str, ...]

    def findings(self, subject: str) -> Iterator[Finding]:
        """Yield findings on what was done, with the names of what was lost."""
        rows = sum(table.rows for table in self.tables)
        message = f"{rows:,} rows were carried over into a new file; the damaged one is now {self.aside.name}"
        yield Finding(subject=subject, ok=True, message=message, repaired=True)
        for table in self.tables:
            if not table.complete:
                hint = "restore a backup, or make anew what is named"
                yield Finding(subject=subject, ok=False, message=_lost(table), hint=hint, repaired=True)
        if self.complaints and all(table.complete for table in self.tables):
            message = f"there may have been rows that nothing names: {'; '.join(self.complaints)}"
            yield Finding(subject=subject, ok=False, message=message, repaired=True)


def _lost(table: Carried) -> str:
    gone = table.lost + [f"{key} (not valid)" for key in table.refused]
    names = f", lost: {some_of(gone, MESSAGES.in_list)}" if gone else ""
    places = f", {table.places:,} places could not be read" if table.places else ""
    return f"{table.table}: {table.rows:,} rows carried over{names}{places}"


def renew(database: Database, mend: Mend) -> Renewed:
    """Rewrite the database under its lock; the new one replaces it if SQLite finds nothing wrong with it.

    Raises DataDamaged if nothing can be read, Locked, StorageNotWritable, DiskFull; then nothing is changed.
    """
    with database.excluded():
        expect_file(database.path)
        database.close()
        try:
            with built_aside(database.path) as fresh, translated(database.path):
                with closing(open_connection(fresh, "mode=rwc", synchronous="OFF")) as new:
                    tables, complaints = _fill(database, new, fresh, mend)
                aside = _keep(database)
        except OSError as error:
            raise of_os(database.path, error) from error
    return Renewed(aside, tables, complaints)


def _fill(
    database: Database, new: sqlite3.Connection, fresh: Path, mend: Mend
) -> tuple[tuple[Carried, ...], tuple[str, ...]]:
    database.build(new, None)
    new.execute("PRAGMA journal_mode = MEMORY")  # nobody else knows this file yet; it is synced at the end
    new.execute("PRAGMA foreign_keys = OFF")
    with _opened(database.path, fresh) as old:
        new.execute("BEGIN IMMEDIATE")
        names = [name for (name,) in new.execute(_TABLES)]
        carried = tuple(carry(old, new, name) for name in names)
        mend(old, new, carried)
        _numbers_go_on(old, new)
        complaints = tuple(_complaints(old))
        seal(new, database.schema.sealed)
        new.execute("COMMIT")
    if not any(table.rows for table in carried):
        raise DataDamaged(f"nothing can be read of {database.path}", item=str(database.path))
    if new.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise DataDamaged(f"{database.path} could not be rewritten", item=str(database.path))
    new.execute("PRAGMA journal_mode = WAL")
    return carried, complaints


def _complaints(old: sqlite3.Connection) -> Iterator[str]:
    """Yield SQLite's complaints about the tables' trees; indexes and free pages are rebuilt anyway."""
    with suppress(sqlite3.Error):
        for (line,) in old.execute("PRAGMA integrity_check(20)"):
            for part in line.decode("utf-8", "replace").splitlines():
                if part and not any(word in part for word in _HARMLESS):
                    yield part


@contextmanager
def _opened(path: Path, fresh: Path) -> Iterator[sqlite3.Connection]:
    """Open the damaged file; if SQLite refuses it, a copy that begins with the first bytes of a new one."""
    copy = path.with_name(f".{path.name}.{secrets.token_hex(4)}{ASIDE}")
    try:
        connection = _connected(path, "mode=ro")
        for length in (_HEADER, PAGE_SIZE):
            if connection is None:
                _mended_copy(path, fresh, copy, length)
                connection = _connected(copy, "mode=rw")
        if connection is None:
            raise DataDamaged(f"nothing can be read of {path}", item=str(path))
        with closing(connection):
            yield connection
    finally:
        for ending in ("", "-wal", "-shm"):
            copy.with_name(copy.name + ending).unlink(missing_ok=True)


def _connected(path: Path, mode: str) -> sqlite3.Connection | None:
    """Open without checking the content; texts come as bytes. None if SQLite sees no tables."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None)
    connection.text_factory = bytes
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, STORE.blob_bytes)
    install(connection)
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA trusted_schema = OFF")
        if connection.execute(_TABLES).fetchone():
            return connection
    connection.close()
    return None


def _mended_copy(path: Path, fresh: Path, copy: Path, length: int) -> None:
    """Copy the file and its log, replacing the first `length` bytes by those of a new database."""
    shutil.copyfile(path, copy)
    log = path.with_name(path.name + "-wal")
    if log.exists():
        shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
    with fresh.open("rb") as file:
        head = bytearray(file.read(length))
    head[28:32] = (path.stat().st_size // PAGE_SIZE).to_bytes(4, "big")  # pages
    head[32:40] = bytes(8)  # no list of free pages: the copy is only read
    with copy.open("r+b") as file:
        file.write(head)


def _keep(database: Database) -> Path:
    """Give the damaged file a second name, and move its log out of the new file's way."""
    path = database.path
    aside = path.with_name(f"{path.name}.damaged-{secrets.token_hex(4)}")
    connection = _connected(path, "mode=rw")
    if connection is not None:
        with suppress(sqlite3.Error), closing(connection):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    try:
        aside.hardlink_to(path)
    except OSError:  # a file system without links
        shutil.copyfile(path, aside)
    sync(path.parent)
    if database.log_path.exists():
        if database.log_path.stat().st_size:
            database.log_path.rename(aside.with_name(aside.name + "-wal"))
        else:
            database.log_path.unlink()
    with suppress(FileNotFoundError):
        path.with_name(path.name + "-shm").unlink()
    return aside


def _numbers_go_on(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Keep row ids and numbers from being given a second time."""
    with suppress(sqlite3.Error):
        for name, last in old.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
            values = (name.decode(), last)
            if not new.execute("SELECT 1 FROM sqlite_sequence WHERE name = ?", values[:1]).fetchone():
                new.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", values)
            new.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", values[::-1])
