"""How `doctor` checks a channel's store, and what it can repair there."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence

from arcli.errors import ArcliError, ChannelNotFound, DataDamaged, DataTooNew, ShellHint, StorageNotWritable
from arcli.models import MESSAGES, Finding
from arcli.store.channel import ChannelStore
from arcli.store.checksums import SealedTable, checksum, failing, of_columns
from arcli.store.counts import Counts
from arcli.store.database import PAGE_SIZE, Database
from arcli.store.faults import interrupted
from arcli.store.rows import BLOBS, DAMAGED_TARGET, SUMMED, target_row, unsealed
from arcli.store.schema import COUNTED
from arcli.store.snapshot import Snapshot
from arcli.store.witness import Note

Decode = Callable[[bytes], object]
"""Reads stored features; raises an ArcliError when it cannot."""

_REPAIR = ShellHint("run: arcli doctor --repair")
RESTORE = "restore this channel from a backup, or add its pictures to a new channel"
LOST_HINT = ShellHint("add again what was added last, then: arcli doctor --repair")
_COUNTS_HINT = "restore the counts from a backup"
_REPLACE = ShellHint("replace its picture: arcli update --image")
_HEADER = {"page_size": PAGE_SIZE, "journal_mode": "wal", "encoding": "UTF-8"}
_ORPHANS = "FROM {table} WHERE row_id NOT IN (SELECT row_id FROM targets)"
_ROW_SUM = of_columns(SUMMED.split(", "))
_WHOLE_ROW = f"SELECT {SUMMED}, crc32 FROM targets WHERE row_id = ?"  # noqa: S608 - constants


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
            lines = [str(line) for (line,) in connection.execute(f"PRAGMA {pragma}({MESSAGES.in_paragraph})")]
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
            if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                return True
            if not _has_sound_header(connection):
                return True
        return not _may_be_written(database)
    except DataTooNew:
        raise
    except DataDamaged:
        return True


def _has_sound_header(connection: sqlite3.Connection) -> bool:
    """Check those fields of the header that never differ and that SQLite takes as instructions.

    SQLite is asked for them: closing another handle to the file would drop the locks of this process.
    """
    return all(connection.execute(f"PRAGMA {name}").fetchone() == (value,) for name, value in _HEADER.items())


def _may_be_written(database: Database) -> bool:
    """Begin to write: SQLite only reads a file whose header was changed to name a later version."""
    if not os.access(database.path, os.W_OK):
        return True  # permissions are no damage
    try:
        with database.write() as connection:
            connection.execute("SELECT 1")
    except StorageNotWritable:
        return False
    return True


def verify_counts(counts: Counts) -> Iterator[Finding]:
    """Check a channel's match counts, if there are any."""
    if counts.database.exists():
        findings = [*verify_database(counts.database, full=True, hint=_REPAIR)]
        yield from findings
        if all(finding.ok for finding in findings):
            yield from verify_rows(counts.database, (COUNTED,), hint=_COUNTS_HINT)


def verify_rows(database: Database, tables: Sequence[SealedTable], *, hint: str) -> Iterator[Finding]:
    """Yield the rows that fail their checksum, and what is missing according to the witness."""
    subject = str(database.path)
    try:
        with database.read() as connection:
            if database.format_of(connection) == database.schema.format:
                bad = [*failing(connection, tables)]
            else:  # an older one in a read-only folder
                bad = []
        lost = database.lost()
    except ArcliError as error:
        yield Finding.of(subject, error, hint=hint)
        return
    for table, key in bad:
        message = f"{table}: {key or 'a row'} fails its checksum"
        yield Finding(subject=subject, ok=False, message=message, hint=hint)
    yield from _witnessed(database, lost)


def _witnessed(database: Database, lost: Note | None) -> Iterator[Finding]:
    subject = str(database.path)
    if lost is not None:
        yield Finding(subject=subject, ok=False, message=loss_message(lost), hint=LOST_HINT)
    if database.witness.is_damaged():
        message = f"{database.witness.path.name} is damaged; the next change writes it again"
        yield Finding(subject=subject, ok=False, message=message, hint=_REPAIR)


def loss_message(lost: Note) -> str:
    """Return in words what is missing although it was acknowledged."""
    rows = f", with {lost.lost_rows:,} rows" if lost.lost_rows else ""
    return (
        f"the last {lost.lost_changes:,} changes that were acknowledged are missing{rows}: "
        "the log was cut or damaged, or an older state was restored"
    )


def accept_losses(database: Database) -> Iterator[Finding]:
    """Report a loss for the last time: from now on the database is taken as it is."""
    lost = database.lost() if database.exists() else None
    if lost is None and not database.witness.is_damaged():
        return
    database.accept_loss()
    if lost is not None:
        hint = "add again what was added last, or restore a backup"
        yield Finding(
            subject=str(database.path), ok=False, message=loss_message(lost), hint=hint, repaired=True
        )


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
            count, older = snapshot.count(), _without_checksum(snapshot)
        problems += _witnessed(store.database, store.database.lost())
    except ArcliError as error:
        problems, count, older = [Finding.of(subject, error, hint=advice(error))], 0, ""
    yield from problems or [
        Finding(subject=subject, ok=True, message=f"{count:,} targets are complete{older}")
    ]


def _without_checksum(snapshot: Snapshot) -> str:
    """Return in words how many targets an earlier arcli wrote without checksums."""
    if not unsealed(snapshot.connection):
        return ""
    count = _number(snapshot.connection, "FROM targets WHERE crc32 IS NULL")
    return f"; {count:,} have no checksum yet: arcli channel compact gives them one" if count else ""


def problems_of(snapshot: Snapshot, decode: Decode) -> Iterator[Finding]:
    """Yield what is wrong with what a snapshot holds."""
    return _problems(snapshot, decode, full=True)


def _problems(snapshot: Snapshot, decode: Decode, *, full: bool) -> Iterator[Finding]:
    subject = snapshot.info().name
    for message, hint in _inconsistencies(snapshot.connection, snapshot.count()):
        yield Finding(subject=subject, ok=False, message=message, hint=hint)
    if full:
        for identifier, why, hint in _unreadable(snapshot, decode):
            yield Finding(subject=f"{subject}/{identifier}", ok=False, message=why, hint=hint)


def _inconsistencies(connection: sqlite3.Connection, counted: int) -> Iterator[tuple[str, str]]:
    real = _number(connection, "FROM targets")
    if real != counted:
        yield f"{real:,} targets are there, {counted:,} were counted", _REPAIR
    for table in BLOBS:
        orphans = _number(connection, _ORPHANS.format(table=table))
        if orphans:
            yield f"{orphans:,} rows of {table} belong to no target", _REPAIR
    undead = _number(connection, "FROM dead WHERE row_id IN (SELECT row_id FROM targets)")
    if undead:
        yield f"{undead:,} targets are marked as removed", _REPAIR
    run, without = connection.execute, "FROM targets WHERE row_id NOT IN (SELECT row_id FROM features)"
    bare = _number(connection, without)
    if bare:
        names = run(f"SELECT CAST(identifier AS BLOB) {without} LIMIT {MESSAGES.in_paragraph}")
        shown = ", ".join(name.decode("utf-8", "replace") for (name,) in names)
        yield f"{bare:,} targets have no features and are never found: {shown}", RESTORE


def _number(connection: sqlite3.Connection, what: str) -> int:
    return int(connection.execute(f"SELECT count(*) {what}").fetchone()[0])


def _unreadable(snapshot: Snapshot, decode: Decode) -> Iterator[tuple[str, str, str]]:
    """Yield (identifier, why, hint) for each target and blob that is not as it was written."""
    yield from _bad_rows(snapshot)
    for table, column in BLOBS.items():
        of = f"FROM targets LEFT JOIN {table} USING (row_id)"
        select = f"SELECT CAST(identifier AS BLOB), data, {column} {of} ORDER BY row_id"
        for identifier, data, crc in snapshot.connection.execute(select):
            why = _fault(table, data, crc, decode if table == "features" else None)
            if why is not None:
                yield identifier.decode("utf-8", "replace"), why, _REPLACE


def _fault(table: str, data: object, crc: int | None, decode: Decode | None) -> str | None:
    """Return what is wrong with a target's features, picture or thumbnail; None if they are sound."""
    one = table.removesuffix("s") if table != "features" else table
    if not isinstance(data, bytes):
        gone = data is not None or (crc is not None and table != "features")  # these are reported together
        return f"its {one} is gone" if gone else None
    if crc is not None and crc != checksum(data):
        return f"its {one} was changed since it was written: wrong checksum"
    try:
        if decode is not None:
            decode(data)
    except ArcliError as error:
        return error.message
    return None


def _bad_rows(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    """Yield (identifier, why, hint) of targets whose row fails its checksum, or has none and is not valid."""
    channel, run = snapshot.info().name, snapshot.connection.execute
    select = f"SELECT row_id, CAST(identifier AS BLOB), crc32 IS NULL OR crc32 = {_ROW_SUM} FROM targets"  # noqa: S608
    for row_id, identifier, same in run(select):
        why = None if same else "what is stored of it was changed since it was written: wrong checksum"
        try:
            if why is None:
                target_row(channel, run(_WHOLE_ROW, (row_id,)).fetchone())
        except ArcliError as error:
            why = error.message
        except sqlite3.OperationalError as error:  # text that is not Unicode
            if interrupted(error):
                raise
            why = f"what is stored of it cannot be read: {error}"
        if why is not None:
            yield identifier.decode("utf-8", "replace"), why, DAMAGED_TARGET


def repair_store(store: ChannelStore) -> Iterator[Finding]:
    """Correct counters and remove stray rows. Raises DataDamaged for pages that are damaged."""
    with store.write() as transaction:
        connection = transaction.connection
        wrong = [*_inconsistencies(connection, transaction.count())]
        for table in BLOBS:
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
