"""How statistics are shown: a table, files, bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from arcli.bulk.statistics import COLUMNS, MISSED
from arcli.console.items import ItemView, Record
from arcli.console.tables import Bar
from arcli.models import StatRecord

_SERIES = 8  # colours that can be told apart


def view(*, misses: bool) -> ItemView[StatRecord]:
    """Return how records are shown; `missed` only where misses were asked for."""
    columns = (*COLUMNS, MISSED) if misses else COLUMNS

    def record(item: StatRecord) -> Record:
        return {field: getattr(item, field) for field in columns}

    return ItemView(
        key="records",
        record=record,
        columns=columns,
        names=lambda item: [item.identifier] if item.identifier else [],
    )


def bars(records: Sequence[StatRecord], labels: Iterable[str]) -> list[Bar]:
    """Return a bar for each period: what was found, and lighter what was missed."""
    found = _sums(record for record in records if not record.missed)
    missed = _sums(record for record in records if record.missed)
    return [Bar(label, found[label], missed[label]) for label in labels]


def _sums(records: Iterable[StatRecord]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for record in records:
        sums[record.date] += record.count
    return sums


def series(records: Sequence[StatRecord], labels: Sequence[str]) -> dict[str, list[int]]:
    """Return counts by period for those found most, the others together, and the misses."""
    totals: Counter[str] = Counter()
    for record in records:
        totals[_name(record)] += record.count
    shown = [name for name, _ in totals.most_common(_SERIES)]
    at = {label: number for number, label in enumerate(labels)}
    found: dict[str, list[int]] = {}
    for record in records:
        name = _name(record)
        counts = found.setdefault(name if name in shown else "others", [0] * len(labels))
        counts[at[record.date]] += record.count
    return dict(sorted(found.items(), key=lambda pair: -totals[pair[0]]))


def _name(record: StatRecord) -> str:
    return "nothing found" if record.missed else record.identifier or record.channel or "all"
