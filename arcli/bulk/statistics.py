"""Match counts: sums by month and year, and files that a cron job keeps up to date."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from arcli.bulk.encoding import guarded, unguarded
from arcli.errors import Conflict
from arcli.files import folder_of, hold, replacing
from arcli.models import StatRecord
from arcli.system import open_to_lock

COLUMNS = ("date", "channel", "identifier", "count")
MISSED = "missed"  # a separate column, only if misses were requested

Key = tuple[str, str, str, bool]


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


def summed(records: Iterable[StatRecord], period: Period) -> list[StatRecord]:
    """Sum counts by period, in order of date, channel, identifier; misses stay apart."""
    sums: dict[Key, int] = {}
    for record in records:
        key = _key(record.date[: period.digits], record)
        sums[key] = sums.get(key, 0) + record.count
    return _records(sums)


def periods(start: dt.date, end: dt.date, period: Period) -> list[str]:
    """Return every period from `start` to `end`, as records name them."""
    days = (start + dt.timedelta(days=n) for n in range((end - start).days + 1))
    return list(dict.fromkeys(f"{day:%Y%m%d}"[: period.digits] for day in days))


def _key(date: str, record: StatRecord) -> Key:
    return date, record.channel or "", record.identifier or "", record.missed


def _records(sums: dict[Key, int]) -> list[StatRecord]:
    return [
        StatRecord(date=date, channel=channel or None, identifier=name or None, count=count, missed=missed)
        for (date, channel, name, missed), count in sorted(sums.items())
    ]


def statistics_csv(records: Sequence[StatRecord], *, misses: bool) -> bytes:
    """Return records as CSV: UTF-8, a header, one line per record."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_columns(misses))
    for record in records:
        row = [record.date, guarded(record.channel or ""), guarded(record.identifier or ""), record.count]
        writer.writerow([*row, "true" if record.missed else "false"] if misses else row)
    return text.getvalue().encode()


def append_statistics(
    path: Path, records: Sequence[StatRecord], *, misses: bool, mark: bool = False
) -> list[StatRecord]:
    """Merge records into the CSV file at `path` and return all that it holds then.

    A row for the same date, channel and identifier gets the new count, so that nothing is added twice and a
    day that had not ended is completed. With `mark`, or if it had one, the file begins with U+FEFF for Excel.
    Two simultaneous jobs wait for each other. Raises Conflict for a file that is not such a CSV file or sums
    up other periods; it stays as it is.
    """
    with _alone(folder_of(path)):
        present = path.read_bytes() if path.exists() else b""
        sums = dict(_rows(path, present, misses))
        sums |= {_key(record.date, record): record.count for record in records}
        if len({len(key[0]) for key in sums}) > 1:
            raise Conflict(f"{path} sums up other periods", hint="use the --by that it was begun with")
        merged = _records(sums)
        marked = mark or present.startswith(codecs.BOM_UTF8)
        with replacing(path) as file:
            file.write(codecs.BOM_UTF8 * marked)
            file.write(statistics_csv(merged, misses=misses))
    return merged


def _rows(path: Path, data: bytes, misses: bool) -> Iterator[tuple[Key, int]]:
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True)
        columns = _columns(misses)
        if (header := next(rows, columns)) != columns:
            raise Conflict(f"{path} has the columns {','.join(header)}, not {','.join(columns)}")
        for cells in rows:
            if not cells:
                continue
            if len(cells) != len(columns) or not (cells[0] + cells[3]).isdecimal():
                raise Conflict(f"{path}, line {rows.line_num}: not a row of statistics")
            date, channel, name, count, *missed = map(unguarded, cells)
            yield (date, channel, name, missed == ["true"]), int(count)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Conflict(f"{path} is not a CSV file of statistics: {error}") from error


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
