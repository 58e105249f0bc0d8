"""Which index files a channel has: published, replaced and forgotten in the store's own transactions.

A row id that was removed stays in `dead` as long as a published segment may hold it: `dead.at` and
`segments.built_at` are values of `state.changes`, and a segment read the store before the removal when
`at >= built_at`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

from arcli.errors import Conflict
from arcli.models import SegmentFile
from arcli.store.snapshot import Snapshot
from arcli.store.transaction import WriteTransaction

_FILE = ", ".join(field.name for field in fields(SegmentFile))
_FILE_COLUMNS = len(fields(SegmentFile))
_COLUMNS = f"{_FILE}, first_row, last_row, rows, built_at, store_id, epoch, retired"
_BURIED = (
    "DELETE FROM dead WHERE NOT EXISTS (SELECT 1 FROM segments"
    " WHERE dead.row_id BETWEEN first_row AND last_row AND dead.at >= built_at)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRecord:
    """A published segment: its file, and the rows first_row..last_row that it covers.

    built_at: `Snapshot.changes` before it was built. store_id, epoch: the store that it belongs to. retired:
    the generation that replaced it; the file is kept for one generation more.
    """

    file: SegmentFile
    first_row: int
    last_row: int
    rows: int
    built_at: int
    store_id: str
    epoch: str
    retired: int | None = None


def generation(snapshot: Snapshot) -> int:
    """Return how many times the list of segments was published."""
    return int(snapshot.connection.execute("SELECT generation FROM state").fetchone()[0])


def live(snapshot: Snapshot) -> list[SegmentRecord]:
    """Return the segments to search, by the rows they cover: this store's and epoch's only."""
    return _select(snapshot, "retired IS NULL AND " + _OWN, _own(snapshot))


def replaced(snapshot: Snapshot) -> list[SegmentRecord]:
    """Return the segments that the last publication replaced."""
    return _select(snapshot, "retired IS NOT NULL AND " + _OWN, _own(snapshot))


def foreign(snapshot: Snapshot) -> list[SegmentRecord]:
    """Return the live segments of an earlier epoch: the store was copied or restored since then."""
    return _select(snapshot, f"retired IS NULL AND NOT ({_OWN})", _own(snapshot))


def names(snapshot: Snapshot) -> set[str]:
    """Return the names of all files that must stay."""
    return {name for (name,) in snapshot.connection.execute("SELECT name FROM segments")}


def dead_in(snapshot: Snapshot, record: SegmentRecord) -> int:
    """Return how many of the rows that a segment holds were removed since it was built."""
    count = "SELECT count(*) FROM dead WHERE row_id BETWEEN ? AND ? AND at >= ?"
    values = (record.first_row, record.last_row, record.built_at)
    return int(snapshot.connection.execute(count, values).fetchone()[0])


def strays(snapshot: Snapshot, records: Sequence[SegmentRecord]) -> list[int]:
    """Return the targets that came back under their row id, which `records` cover and may not hold."""
    here = [
        row
        for row, (at, held_by) in snapshot.restored().items()
        for record in records
        if record.first_row <= row <= record.last_row
        and record.built_at <= at
        and record.file.name != held_by
    ]
    return sorted(row for row in {*here} if snapshot.living(row, row))


def holder(snapshot: Snapshot, row_id: int) -> str | None:
    """Return the name of the live segment that holds a target, None if it is searched without."""
    records = [record for record in live(snapshot) if record.first_row <= row_id <= record.last_row]
    return None if not records or strays(snapshot, records) == [row_id] else records[0].file.name


def publish(transaction: WriteTransaction, added: Sequence[SegmentRecord], gone: Collection[str]) -> None:
    """Replace the live segments named `gone` with `added`, as a new generation.

    Segments that the previous generation replaced are forgotten, and so are dead rows that no segment holds.
    Raises Conflict when somebody else has replaced one of `gone` or the store has a new epoch.
    """
    known = {record.file.name for record in live(transaction) + foreign(transaction)}
    own = _own(transaction)
    if not known.issuperset(gone) or any((new.store_id, new.epoch) != own for new in added):
        raise Conflict("the segments have changed in the meantime")
    run, number = transaction.connection.execute, generation(transaction) + 1
    run("DELETE FROM segments WHERE retired IS NOT NULL")
    for name in gone:
        run("UPDATE segments SET retired = ? WHERE name = ?", (number, name))
    for record in added:
        run(f"INSERT INTO segments ({_COLUMNS}) VALUES ({_MARKS})", _values(record))  # noqa: S608
    run(_BURIED)
    _forget_restored(transaction)
    run("UPDATE state SET generation = ?, dead_changes = dead_changes + 1", (number,))


def adopt(transaction: WriteTransaction, sound: Collection[str]) -> None:
    """After a copy or restore: take over the earlier epoch's segments named `sound`, forget the others."""
    own, run = _own(transaction), transaction.connection.execute
    for record in foreign(transaction):
        if record.file.name in sound:
            run("UPDATE segments SET store_id = ?, epoch = ? WHERE name = ?", (*own, record.file.name))
    run(f"DELETE FROM segments WHERE NOT ({_OWN})", own)  # noqa: S608
    run(_BURIED)


def _forget_restored(transaction: WriteTransaction) -> None:
    """Keep what came back only where no live segment read the store after that."""
    records, rows = live(transaction), transaction.restored()
    known = {
        row
        for row, (at, _) in rows.items()
        for record in records
        if record.first_row <= row <= record.last_row and record.built_at > at
    }
    if known:
        transaction.set_restored({row: rows[row] for row in rows.keys() - known})


_OWN = "store_id = ? AND epoch = ?"
_MARKS = ", ".join("?" * len(_COLUMNS.split(", ")))


def _own(snapshot: Snapshot) -> tuple[str, str]:
    info = snapshot.info()
    return info.store_id, info.epoch


def _select(snapshot: Snapshot, where: str, values: tuple[Any, ...]) -> list[SegmentRecord]:
    select = f"SELECT {_COLUMNS} FROM segments WHERE {where} ORDER BY first_row"  # noqa: S608
    return [_record(row) for row in snapshot.connection.execute(select, values)]


def _record(row: tuple[Any, ...]) -> SegmentRecord:
    first_row, last_row, rows, built_at, store_id, epoch, retired = row[_FILE_COLUMNS:]
    return SegmentRecord(
        file=SegmentFile(**dict(zip(_FILE.split(", "), row, strict=False))),
        first_row=first_row,
        last_row=last_row,
        rows=rows,
        built_at=built_at,
        store_id=store_id,
        epoch=epoch,
        retired=retired,
    )


def _values(record: SegmentRecord) -> tuple[Any, ...]:
    of_file = tuple(getattr(record.file, name) for name in _FILE.split(", "))
    names = ("first_row", "last_row", "rows", "built_at", "store_id", "epoch", "retired")
    return of_file + tuple(getattr(record, name) for name in names)
