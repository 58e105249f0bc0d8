"""A channel as one file, to be put by and restored: targets, blobs, settings and counts, no index.

It is a database of its own kind, written from one snapshot while others read and write, and checked before
it has its name. A file that is restored is not trusted: its tables must be those that arcli makes, SQLite's
own check must find each page used once, and rows are copied into new tables.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from arcli.errors import DataDamaged, FileExists, ShellHint
from arcli.files import built_aside, folder_of, of_os
from arcli.models import valid_channel_name, valid_identifier, valid_metadata
from arcli.store import audit
from arcli.store.catalog import Catalog, ChannelRecord, enter, expect_free
from arcli.store.channel import STORE_FILE, ChannelStore
from arcli.store.checksums import seal
from arcli.store.connections import open_connection
from arcli.store.counts import Counts
from arcli.store.database import Database
from arcli.store.faults import translated
from arcli.store.leftovers import made_whole
from arcli.store.migrations import format_of
from arcli.store.repair.check import Decode, problems_of
from arcli.store.rows import seal_next
from arcli.store.schema import BACKUP, COUNTED, STORE
from arcli.store.snapshot import Snapshot

_TABLES = ("meta", "state", "targets", "features", "pictures", "thumbnails")
_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
_OTHER = ShellHint("take a file that arcli backup or arcli channel backup wrote")


def write_backup(store: ChannelStore, file: Path, decode: Decode) -> int:
    """Write a channel as it is now to the new `file`, readable by its owner alone; return its targets.

    Raises FileExists, UsageError without a folder for it, DataDamaged where something is not as it was
    written, DiskFull; then there is no file.
    """
    folder_of(file)
    if file.exists():
        raise FileExists(f"{file} exists already", hint="name a new file", item=str(file))
    try:
        with built_aside(file, exclusive=True) as aside, translated(file):
            aside.touch(mode=0o600)
            with store.read() as snapshot, closing(_new(aside)) as copy:
                _copy(snapshot.connection, copy)
                _copy_counts(store.folder, copy)
            with opened_backup(aside, decode) as written:
                return written.count()
    except FileExistsError as error:
        raise FileExists(f"{file} exists already", hint="name a new file", item=str(file)) from error
    except OSError as error:
        raise of_os(file, error) from error


def _new(path: Path) -> sqlite3.Connection:
    connection = open_connection(path, "mode=rw", synchronous="OFF")
    Database(path, BACKUP, missing=lambda: DataDamaged(f"{path} is gone")).build(connection, None)
    connection.execute("PRAGMA journal_mode = DELETE")  # one file, and nothing beside it
    connection.execute("PRAGMA foreign_keys = OFF")
    return connection


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy all tables, in the snapshot that `source` holds."""
    target.execute("BEGIN IMMEDIATE")
    for table in _TABLES:
        info = target.execute(f"PRAGMA table_info({table})").fetchall()
        names, marks = ", ".join(row[1] for row in info), ", ".join("?" * len(info))
        rows = source.execute(f"SELECT {names} FROM {table}")  # noqa: S608 - constants
        target.executemany(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608
    last = source.execute("SELECT seq FROM sqlite_sequence WHERE name = 'targets'").fetchone()
    target.execute("DELETE FROM sqlite_sequence")
    target.execute("INSERT INTO sqlite_sequence VALUES ('targets', ?)", last or (0,))
    target.execute("DELETE FROM meta WHERE key = 'home'")
    target.execute("INSERT INTO meta (key, value) VALUES ('home', '')")
    while seal_next(target, 1000):
        pass
    seal(target, BACKUP.sealed)
    target.execute("COMMIT")


def _copy_counts(folder: Path, target: sqlite3.Connection) -> None:
    with Counts(folder) as counts:
        rows = counts.read(dt.date.min, dt.date.max)
    target.execute("BEGIN IMMEDIATE")
    target.executemany(
        "INSERT INTO counts (day, identifier, count) VALUES (?, ?, ?)",
        [(row.day.isoformat(), row.identifier, row.count) for row in rows],
    )
    target.execute(f"UPDATE counts SET crc32 = {COUNTED.sum}")  # noqa: S608 - constants
    target.execute("COMMIT")


@contextmanager
def opened_backup(file: Path, decode: Decode) -> Iterator[Snapshot]:
    """Open a backup and check all of it. Raises DataDamaged that says what is wrong, DataTooNew."""
    try:
        with translated(file), file.open("rb"):
            pass
    except OSError as error:
        raise of_os(file, error) from error
    with (
        translated(file),
        closing(open_connection(file, "mode=ro&immutable=1", "query_only = ON")) as connection,
    ):
        connection.execute("BEGIN")
        try:
            format_of(connection, BACKUP, file)
        except DataDamaged as error:
            hint = _OTHER if error.hint == DataDamaged.default_hint else error.hint
            raise error.hinting(hint) from error
        if connection.execute(_OBJECTS).fetchall() != _expected_objects():
            raise DataDamaged(f"{file} has other tables than a backup", hint=_OTHER, item=str(file))
        if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
            raise DataDamaged(f"{file} is damaged: SQLite's own check fails", item=str(file))
        snapshot = Snapshot(connection, file)
        for finding in problems_of(snapshot, decode):
            raise DataDamaged(f"{finding.subject}: {finding.message}", hint=finding.hint, item=str(file))
        unsound = f"SELECT count(*) FROM counts WHERE NOT {COUNTED.sound()}"  # noqa: S608 - constants
        if connection.execute(unsound).fetchone()[0]:
            raise DataDamaged(f"{file}: counts fail their checksum", item=str(file))
        yield snapshot


def _expected_objects() -> list[tuple[object, ...]]:
    with closing(open_connection(Path("/backup"), "mode=memory")) as fresh:
        Database(Path("/backup"), BACKUP, missing=lambda: DataDamaged("gone")).build(fresh, None)
        return fresh.execute(_OBJECTS).fetchall()


def restore_backup(
    catalog: Catalog, file: Path, decode: Decode, *, name: str | None = None, owned: bool = False
) -> ChannelRecord:
    """Make a channel from a backup, under its own name or another; all of it or none.

    owned: it keeps its owner also where there is no such account yet. Raises ChannelExists, DataDamaged.
    """
    with opened_backup(file, decode) as backup:
        info = backup.info()
        for identifier, metadata in backup.connection.execute("SELECT identifier, metadata FROM targets"):
            valid_identifier(identifier)
            if metadata is not None:
                valid_metadata(metadata)
        catalog.make()
        new = valid_channel_name(name or info.name)
        with catalog.database.read() as connection:
            expect_free(connection, new)
            account = "SELECT 1 FROM accounts WHERE username = ?"
            known = owned or connection.execute(account, (info.settings.owner,)).fetchone() is not None
        settings = info.settings if known else replace(info.settings, owner=None)
        folder = catalog.make_folder(new)
        record = ChannelRecord(
            name=new, folder=folder, settings=settings, preset=info.preset, created=info.created
        )
        with made_whole(folder):
            _fill(backup, record)
            with catalog.database.write() as connection:
                expect_free(connection, new)
                enter(connection, record)
                audit.note(connection, "channel restored", new, owner=settings.owner)
    return record


def _fill(backup: Snapshot, record: ChannelRecord) -> None:
    """Write store and counts of a new channel. Its store is another one: it gets an id of its own."""
    path = record.folder / STORE_FILE
    with (
        built_aside(path) as aside,
        translated(path),
        closing(open_connection(aside, "mode=rwc", synchronous="OFF")) as copy,
    ):
        ChannelStore(record.folder, readonly=False).database.build(copy, None)
        copy.execute("PRAGMA journal_mode = MEMORY")
        copy.execute("PRAGMA foreign_keys = OFF")
        _copy(backup.connection, copy)
        copy.execute("BEGIN IMMEDIATE")
        ChannelStore.describe(copy, record.name, record.settings, record.preset, record.created)
        seal(copy, STORE.sealed)
        copy.execute("COMMIT")
        copy.execute("PRAGMA journal_mode = WAL")
    increments: Counter[tuple[dt.date, str]] = Counter()
    for day, identifier, count in backup.connection.execute("SELECT day, identifier, count FROM counts"):
        increments[dt.date.fromisoformat(day), identifier] += count
    if increments:
        with Counts(record.folder) as counts:
            counts.add(increments, timeout=10.0)
