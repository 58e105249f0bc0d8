"""How `doctor` checks a channel's store, and what it can repair there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from arcli.errors import ArcliError, ChannelNotFound, DataDamaged, DataTooNew
from arcli.models import Finding
from arcli.store.channel import ChannelStore
from arcli.store.counts import Counts
from arcli.store.database import Database
from arcli.store.rows import COLUMNS, target_row
from arcli.store.snapshot import Snapshot

Decode = Callable[[bytes], object]
"""Reads stored features; raises an ArcliError when it cannot."""

_REPAIR = "run: arcli doctor --repair"
RESTORE = "restore this channel from a backup, or add its pictures to a new channel"
_SHOWN = 10  # so many problems are named one by one, further ones only counted
_ORPHANS = "FROM {table} WHERE row_id NOT IN (SELECT row_id FROM targets)"
_BLOB_TABLES = ("features", "pictures", "thumbnails")


def advice(error: ArcliError) -> str | None:
    """Return what to do about a store that cannot be opened (the error's own hint names doctor itself)."""
    lost = isinstance(error, ChannelNotFound) or type(error) is DataDamaged
    return RESTORE if lost and error.hint in (None, DataDamaged.default_hint) else error.hint


def verify_database(database: Database, *, full: bool, hint: str = RESTORE) -> Iterator[Finding]:
    """Let SQLite check the pages of a database; `full` compares its indexes with their tables too."""
    subject = str(database.path)
    pragma = "integrity_check" if full else "quick_check"
    try:
        with database.read() as connection:
            lines = [str(line) for (line,) in connection.execute(f"PRAGMA {pragma}({_SHOWN})")]
    except ArcliError as error:
        damaged = type(error) is DataDamaged
        yield Finding.of(subject, error, hint=hint if damaged else error.hint)
        return
    for line in lines:
        sound = line == "ok"
        yield Finding(subject=subject, ok=sound, message=line, hint=None if sound else hint)


def is_damaged(database: Database) -> bool:
    """Say whether a database fails SQLite's own check or cannot be read at all. Raises DataTooNew."""
    try:
        with database.read() as connection:
            return bool(connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",))
    except DataTooNew:
        raise
    except DataDamaged:
        return True


def verify_counts(counts: Counts) -> Iterator[Finding]:
    """Check a channel's match counts, if there are any."""
    if counts.database.exists():
        yield from verify_database(counts.database, full=True, hint=_REPAIR)


def repair_counts(counts: Counts) -> Iterator[Finding]:
    """Move damaged counts aside, so that counting starts again. Raises DataTooNew."""
    if not counts.database.exists() or not is_damaged(counts.database):
        return
    aside = counts.database.set_aside()
    message = f"the damaged counts are now in {aside.name}; counting starts again"
    yield Finding(subject=str(counts.database.path), ok=True, message=message, repaired=True)


def verify_store(store: ChannelStore, decode: Decode, *, full: bool = True) -> Iterator[Finding]:
    """Check a channel's store: its pages, what belongs to each row, and that `decode` reads the features."""
    subject = str(store.database.path)
    sound = True
    for finding in verify_database(store.database, full=full):
        sound = sound and finding.ok
        yield finding
    if not sound:
        return
    try:
        with store.read() as snapshot:
            problems = [*_problems(snapshot, decode, full=full)]
            count = snapshot.count()
    except ArcliError as error:
        problems, count = [Finding.of(subject, error, hint=advice(error))], 0
    yield from problems or [Finding(subject=subject, ok=True, message=f"{count:,} targets are complete")]


def _problems(snapshot: Snapshot, decode: Decode, *, full: bool) -> Iterator[Finding]:
    subject = snapshot.info().name
    for message, hint in _inconsistencies(snapshot.connection, snapshot.count()):
        yield Finding(subject=subject, ok=False, message=message, hint=hint)
    bad = [*_unreadable(snapshot, decode)] if full else []
    for identifier, why in bad[:_SHOWN]:
        hint = "replace its picture: arcli update --image"
        yield Finding(subject=f"{subject}/{identifier}", ok=False, message=why, hint=hint)
    if len(bad) > _SHOWN:
        yield Finding(subject=subject, ok=False, message=f"{len(bad) - _SHOWN:,} more targets cannot be read")


def _inconsistencies(connection: sqlite3.Connection, counted: int) -> Iterator[tuple[str, str]]:
    real = _number(connection, "FROM targets")
    if real != counted:
        yield f"{real:,} targets are there, {counted:,} were counted", _REPAIR
    for table in _BLOB_TABLES:
        orphans = _number(connection, _ORPHANS.format(table=table))
        if orphans:
            yield f"{orphans:,} rows of {table} belong to no target", _REPAIR
    undead = _number(connection, "FROM dead WHERE row_id IN (SELECT row_id FROM targets)")
    if undead:
        yield f"{undead:,} targets are marked as removed", _REPAIR
    bare = _number(connection, "FROM targets WHERE row_id NOT IN (SELECT row_id FROM features)")
    if bare:
        yield f"{bare:,} targets have no features and are never found", RESTORE


def _number(connection: sqlite3.Connection, what: str) -> int:
    return int(connection.execute(f"SELECT count(*) {what}").fetchone()[0])


def _unreadable(snapshot: Snapshot, decode: Decode) -> Iterator[tuple[str, str]]:
    """Yield (identifier, why) of targets whose row or features cannot be read."""
    channel = snapshot.info().name
    columns = ", ".join(f"targets.{name}" for name in COLUMNS.split(", "))
    select = f"SELECT {columns}, features.data FROM targets JOIN features USING (row_id)"  # noqa: S608
    for *values, data in snapshot.connection.execute(select):
        try:
            target_row(channel, tuple(values))
            decode(data)
        except ArcliError as error:
            yield str(values[1]), error.message


def repair_store(store: ChannelStore) -> Iterator[Finding]:
    """Correct counters and remove stray rows. Raises DataDamaged for pages that are damaged."""
    with store.write() as transaction:
        connection = transaction.connection
        wrong = [*_inconsistencies(connection, transaction.count())]
        for table in _BLOB_TABLES:
            connection.execute("DELETE " + _ORPHANS.format(table=table))
        connection.execute("DELETE FROM dead WHERE row_id IN (SELECT row_id FROM targets)")
        connection.execute(
            "UPDATE state SET targets = (SELECT count(*) FROM targets), dead_changes = dead_changes + 1"
        )
        still = [*_inconsistencies(connection, transaction.count())]
        name = transaction.info().name
    for message, hint in wrong:
        left = (message, hint) in still
        yield Finding(
            subject=name, ok=not left, message=message, hint=hint if left else None, repaired=not left
        )
