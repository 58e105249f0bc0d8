"""How additions are shown."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from arcli.console.view import Record, View
from arcli.models import AddResult, AddStatus

_DONE = (AddStatus.ADDED, AddStatus.REPLACED, AddStatus.WOULD_ADD, AddStatus.WOULD_REPLACE)


def _record(result: AddResult) -> Record:
    return {
        "image": result.image,
        "identifier": result.identifier or None,
        "status": result.status.value,
        "level": result.level,
        "hints": [asdict(hint) for hint in result.hints],
    }


def _lines(result: AddResult) -> list[tuple[Any, ...]]:
    remarks = "; ".join(hint.message for hint in result.hints)
    return [(result.image, result.identifier, result.status, result.level, remarks)]


ITEMS: View[AddResult] = View(
    key="items",
    record=_record,
    columns=("image", "identifier", "status", "level", "hints"),
    names=lambda result: [result.identifier] if result.status in _DONE else [],
    headings=("picture", "identifier", "status", "level", "remarks"),
    lines=_lines,
)
