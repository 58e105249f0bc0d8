"""Match counts: sums by month and year, and files that a cron job keeps up to date.

There may be as many records as targets times days: what does not fit into memory waits in temporary files.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import IO

from arcli.bulk.encoding import guarded, unguarded
from arcli.bulk.sorting import SORT, Sorted, SortOptions
from arcli.errors import Conflict
from arcli.files import folder_of, hold, replacing
from arcli.models import StatRecord
from arcli.system import open_to_lock

COLUMNS = ("date", "channel", "identifier", "count")
_FIELDS = StatRecord.__slots__
MISSED = "missed"  # a separate column, only if misses were requested

Key = tuple[int | str | bool, ...]


class Period(StrEnum):
    """The period that a record sums up; it decides the digits of the date."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    TOTAL = "total"  # the whole range; such a record has no date

    @property
    def digits(self) -> int:
        return {Period.DAY: 8, Period.MONTH: 6, Period.YEAR: 4, Period.TOTAL: 0}[self]

    def begin(self, day: dt.date) -> dt.date:
        """Return the first day of the period that `day` is in."""
        month = day if self in (Period.DAY, Period.TOTAL) else day.replace(day=1)
        return month.replace(month=1) if self is Period.YEAR else month


def in_order(
    records: Iterable[StatRecord],
    key: Callable[[StatRecord], Key],
    *,
    join: Callable[[StatRecord, StatRecord], StatRecord] | None = None,
    options: SortOptions = SORT,
) -> Sorted[StatRecord]:
    """Return the records in the order of `key`, one for each; without `join`, their counts are added."""
    return Sorted(records, key, join=join or _sum, encode=_line, decode=_record, options=options)


def _sum(one: StatRecord, other: StatRecord) -> StatRecord:
    return replace(one, count=one.count + other.count)


def _line(record: StatRecord) -> str:
    return json.dumps([getattr(record, field) for field in _FIELDS])


def _record(line: str) -> StatRecord:
    return StatRecord(**dict(zip(_FIELDS, json.loads(line), strict=True)))


def summed(records: Iterable[StatRecord], period: Period) -> Sorted[StatRecord]:
    """Sum counts by period, in order of date, channel, identifier; misses stay apart."""
    return in_order((replace(record, date=record.date[: period.digits]) for record in records), identity)


def identity(record: StatRecord) -> Key:
    """Return what no two records of one sum have in common."""
    return record.date, record.channel or "", record.identifier or "", record.missed


def periods(start: dt.date, end: dt.date, period: Period) -> list[str]:
    """Return every period from `start` to `end`, as records name them."""
    days = (start + dt.timedelta(days=n) for n in range((end - start).days + 1))
    return list(dict.fromkeys(f"{day:%Y%m%d}"[: period.digits] for day in days))


def write_statistics(file: IO[bytes], records: Iterable[StatRecord], *, misses: bool) -> None:
    """Write records as CSV: UTF-8, a header, one line per record."""
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_columns(misses))
    for record in records:
        row = [record.date, guarded(record.channel or ""), guarded(record.identifier or ""), record.count]
        writer.writerow([*row, "true" if record.missed else "false"] if misses else row)
    text.detach()


def append_statistics(path: Path, records: Iterable[StatRecord], *, misses: bool, mark: bool = False) -> None:
    """Merge records into the CSV file at `path`.

    A row for the same date, channel and identifier gets the new count, so that nothing is added twice and a
    day that had not ended is completed. With `mark`, or if it had one, the file begins with U+FEFF for Excel.
    Two simultaneous jobs wait for each other. Raises Conflict for a file that is not such a CSV file or sums
    up other periods; it stays as it is.
    """
    with _alone(folder_of(path)), _opened(path) as present:
        marked = mark or present.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
        present.seek(0)
        both = chain(_rows(path, present, misses), records)
        merged = in_order(both, identity, join=lambda _, newer: newer)
        if len({len(record.date) for record in merged}) > 1:
            raise Conflict(f"{path} sums up other periods", hint="use the --by that it was begun with")
        with replacing(path) as file:
            file.write(codecs.BOM_UTF8 * marked)
            write_statistics(file, merged, misses=misses)


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb") if path.exists() else io.BytesIO()


def _rows(path: Path, file: IO[bytes], misses: bool) -> Iterator[StatRecord]:
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    try:
        rows = csv.reader(text, strict=True)
        columns = _columns(misses)
        if (header := next(rows, columns)) != columns:
            raise Conflict(f"{path} has the columns {','.join(header)}, not {','.join(columns)}")
        for cells in rows:
            if not cells:
                continue
            if len(cells) != len(columns) or not (cells[0] + cells[3]).isdecimal():
                raise Conflict(f"{path}, line {rows.line_num}: not a row of statistics")
            date, channel, name, count, *missed = map(unguarded, cells)
            yield StatRecord(
                date=date,
                channel=channel or None,
                identifier=name or None,
                count=int(count),
                missed=missed == ["true"],
            )
    except (UnicodeDecodeError, csv.Error) as error:
        raise Conflict(f"{path} is not a CSV file of statistics: {error}") from error
    finally:
        text.detach()  # the caller closes the file


def _columns(misses: bool) -> list[str]:
    return [*COLUMNS, MISSED] if misses else list(COLUMNS)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other jobs out while a file in `folder` is read and replaced; leaves nothing behind."""
    descriptor = open_to_lock(folder)
    try:
        hold(descriptor, timeout=math.inf)
        yield
    finally:
        os.close(descriptor)
