"""How a kind of item is shown in each format; also single objects, and targets for several commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from arcli.console.tables import TABLES
from arcli.console.text import shortened

if TYPE_CHECKING:
    from arcli.models import MatchRatio, Target


Item = TypeVar("Item")
Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView(Generic[Item]):
    """One kind of item: `key` is its place in `data`, `record` its JSON object.

    csv: `columns` and `rows` (none, one or several lines per item; values as stored). table: `headings` and
    `lines`, which default to those of csv; `wrap`: the last column has text that may need several lines. ids:
    `names`.
    """

    key: str
    record: Callable[[Item], Record]
    columns: Sequence[str]
    names: Callable[[Item], Iterable[str]]
    rows: Callable[[Item], Iterable[Sequence[Any]]] | None = None
    headings: Sequence[str] | None = None
    lines: Callable[[Item], Iterable[Sequence[Any]]] | None = None
    wrap: bool = False

    def csv_rows(self, item: Item) -> list[list[str]]:
        if self.rows is not None:
            return [[plain(cell) for cell in row] for row in self.rows(item)]
        record = self.record(item)
        return [[plain(record[column]) for column in self.columns]]

    def table_headings(self) -> Sequence[str]:
        return self.columns if self.headings is None else self.headings

    def table_lines(self, item: Item) -> list[list[str]]:
        if self.lines is None:
            return self.csv_rows(item)
        return [[plain(cell) for cell in row] for row in self.lines(item)]


def minute(time: str | None) -> str:
    """Return a time of the store (2026-01-02T03:04:05Z) as a table shows it: 2026-01-02 03:04, UTC."""
    return time[:16].replace("T", " ") if time else ""


def plain(value: object) -> str:
    """Return a cell's text: empty for None, true or false for a boolean, compact JSON for collections."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, Mapping)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def record_view(record: Record, name: str, lines: Iterable[tuple[str, object]] | None) -> ItemView[Record]:
    """Return the view of a single record. In JSON, `data` is the record itself."""
    shown = list(record.items() if lines is None else lines)
    return ItemView(
        key="",
        record=lambda item: item,
        columns=list(record),
        names=lambda _: [name],
        headings=(),
        lines=lambda _: [(label, _word(value)) for label, value in shown if value is not None],
        wrap=True,
    )


def _word(value: object) -> object:
    return ("no", "yes")[value] if isinstance(value, bool) else value


FIELDS = ("identifier", "channel", "metadata", "matchratio", "level", "active", "created", "updated")


def target_record(target: Target) -> Record:
    """Return a target's JSON object; its keys are an API (docs/reference/json.md)."""
    record = {field: getattr(target, field) for field in FIELDS}
    return record if target.name is None else {**record, "name": target.name}


def target_lines(target: Target) -> list[tuple[str, object]]:
    """Return a target's fields for people."""
    return [
        ("identifier", target.identifier),
        ("name", target.name),
        ("channel", target.channel),
        ("level", target.level),
        ("active", target.active),
        ("match ratio", _ratio(target.matchratio)),
        ("metadata", target.metadata),
        ("created", target.created),
        ("updated", target.updated),
    ]


def _ratio(value: MatchRatio | None) -> str | None:
    """Return a match ratio; one that no search uses is flagged."""
    from arcli.models import usable_matchratio

    if value is None or usable_matchratio(value) is not None:
        return None if value is None else str(value)
    return f"{value} (not used)"


TARGETS: ItemView[Target] = ItemView(
    key="targets",
    record=target_record,
    columns=(*FIELDS, "name"),
    rows=lambda target: [[*(getattr(target, field) for field in FIELDS), target.name]],
    names=lambda target: [target.identifier],
    headings=("identifier", "level", "active", "ratio", "updated", "name", "metadata"),
    lines=lambda t: [
        (
            t.identifier,
            t.level,
            "yes" if t.active else "no",
            _ratio(t.matchratio),
            minute(t.updated),
            shortened(t.name or "", TABLES.metadata),
            shortened(t.metadata or "", TABLES.metadata),
        )
    ],
)
