"""How one kind of item is shown in each format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView(Generic[Item]):
    """One kind of item: `key` is its place in `data`, `record` its JSON object.

    csv: `columns` and `rows` (none, one or several lines an item; values as stored). table: `headings`
    and `lines`, which default to the csv. ids: `names`.
    """

    key: str
    record: Callable[[Item], Record]
    columns: Sequence[str]
    names: Callable[[Item], Iterable[str]]
    rows: Callable[[Item], Iterable[Sequence[Any]]] | None = None
    headings: Sequence[str] | None = None
    lines: Callable[[Item], Iterable[Sequence[Any]]] | None = None

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


def plain(value: object) -> str:
    """Return a cell's text: nothing for None, JSON's words for truth, compact JSON for lists and objects."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, Mapping)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)
