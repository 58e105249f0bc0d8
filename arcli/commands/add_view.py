"""How additions are shown."""

from __future__ import annotations

from typing import Any

from arcli.bulk.report import item_object
from arcli.console.items import ItemView
from arcli.models import AddResult, AddStatus

_DONE = (AddStatus.ADDED, AddStatus.REPLACED, AddStatus.WOULD_ADD, AddStatus.WOULD_REPLACE)


def _lines(result: AddResult) -> list[tuple[Any, ...]]:
    remarks = "; ".join(hint.message for hint in result.hints)
    return [(result.image, result.identifier, result.status, result.level, remarks)]


ITEMS: ItemView[AddResult] = ItemView(
    key="items",
    record=item_object,
    columns=("image", "identifier", "status", "level", "hints"),
    names=lambda result: [result.identifier] if result.status in _DONE else [],
    headings=("picture", "identifier", "status", "level", "remarks"),
    lines=_lines,
    wrap=True,
)
