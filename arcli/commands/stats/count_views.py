"""How statistics are shown: a table, files, bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from heapq import nsmallest

from arcli.bulk.sorting import Sorted
from arcli.bulk.statistics import COLUMNS, MISSED, Key, identity, in_order
from arcli.console.items import ItemView, Record
from arcli.console.plotting import CHARTS
from arcli.console.tables import Bar
from arcli.models import StatRecord


class Order(StrEnum):
    """What records are ordered by."""

    COUNT = "count"
    IDENTIFIER = "identifier"
    DATE = "date"


def view(*, misses: bool) -> ItemView[StatRecord]:
    """Return how records are shown; `missed` only if misses were requested."""
    columns = (*COLUMNS, MISSED) if misses else COLUMNS

    def record(item: StatRecord) -> Record:
        return {field: getattr(item, field) for field in columns} | {"date": item.date or None}

    def line(item: StatRecord) -> list[object]:
        return [record(item)[field] for field in columns if field != "date"]

    return ItemView(
        key="records",
        record=record,
        columns=columns,
        names=lambda item: [item.identifier] if item.identifier else [],
        lines=lambda item: [[iso(item.date), *line(item)]],
    )


def iso(date: str) -> str:
    """Return a record's date (20260102, 202601, 2026) as people read it: 2026-01-02, 2026-01, 2026."""
    return "-".join(part for part in (date[:4], date[4:6], date[6:8]) if part)


def chosen(records: Iterable[StatRecord], *, top: int | None, sort: Order) -> Sorted[StatRecord]:
    """Return the records of the `top` names that were found most often (None: all), in the given order.

    Misses have no name: they stay.
    """
    most = (
        None
        if top is None
        else {name for name, _ in _most((record for record in records if not record.missed), top)}
    )
    kept = (record for record in records if most is None or record.missed or _name(record) in most)
    first: dict[Order, Callable[[StatRecord], Key]] = {
        Order.DATE: lambda record: (record.date, _name(record)),
        Order.COUNT: lambda record: (-record.count, record.date, _name(record)),
        Order.IDENTIFIER: lambda record: (_name(record), record.date),
    }
    return in_order(kept, lambda record: (*first[sort](record), *identity(record)))


def _most(records: Iterable[StatRecord], number: int) -> list[tuple[str, int]]:
    """Return the names that were found most often, and how often."""
    totals = in_order((replace(record, date="") for record in records), lambda record: (_name(record),))
    return nsmallest(
        number, ((_name(one), one.count) for one in totals), key=lambda pair: (-pair[1], pair[0])
    )


def bars(records: Iterable[StatRecord], labels: Iterable[str]) -> list[Bar]:
    """Return a bar for each period: what was found, and in a lighter shade what was missed."""
    found = _sums(record for record in records if not record.missed)
    missed = _sums(record for record in records if record.missed)
    return [Bar(iso(label), found[label], missed[label]) for label in labels]


def bars_by_name(records: Iterable[StatRecord]) -> list[Bar]:
    """Return a bar for each target, or channel, in the order of the records."""
    return [Bar(_name(record), record.count) for record in records]


def _sums(records: Iterable[StatRecord]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for record in records:
        sums[record.date] += record.count
    return sums


def series(records: Iterable[StatRecord], labels: Sequence[str]) -> dict[str, list[int]]:
    """Return counts by period for the names with the most, the others together, and the misses."""
    shown = dict(_most(records, CHARTS.series))
    at = {label: number for number, label in enumerate(labels)}
    found: dict[str, list[int]] = {}
    for record in records:
        name = _name(record)
        counts = found.setdefault(name if name in shown else "others", [0] * len(labels))
        counts[at[record.date]] += record.count
    return dict(sorted(found.items(), key=lambda pair: -shown.get(pair[0], 0)))


def _name(record: StatRecord) -> str:
    return "nothing found" if record.missed else record.identifier or record.channel or "all"
