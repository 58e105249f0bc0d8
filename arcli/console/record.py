"""One object as an answer: its fields one below the other for people."""

from __future__ import annotations

from collections.abc import Iterable

from arcli.console.view import ItemView, Record


def record_view(record: Record, name: str, lines: Iterable[tuple[str, object]] | None) -> ItemView[Record]:
    """Return the view of a single record. In JSON `data` is the record itself."""
    shown = list(record.items() if lines is None else lines)
    return ItemView(
        key="",
        record=lambda item: item,
        columns=list(record),
        names=lambda _: [name],
        headings=(),
        lines=lambda _: [(label, _word(value)) for label, value in shown if value is not None],
    )


def _word(value: object) -> object:
    return ("no", "yes")[value] if isinstance(value, bool) else value
