"""How the results of a sync are shown; what is unchanged is counted only."""

from __future__ import annotations

from dataclasses import asdict

from arcli.bulk.sync.apply import KEPT, SyncResult
from arcli.console.items import ItemView, Record

COUNTED = ("added", "replaced", "updated", "removed", KEPT, "failed")
PLANNED = ("would-add", "would-replace", "would-update", "would-remove", KEPT, "would-fail")


def _record(result: SyncResult) -> Record:
    return {
        "image": result.image,
        "identifier": result.identifier or None,
        "status": result.status,
        "changes": list(result.changes),
        "level": result.level,
        "hints": [asdict(hint) for hint in result.hints],
    }


RESULTS: ItemView[SyncResult] = ItemView(
    key="items",
    record=_record,
    columns=("image", "identifier", "status", "changes", "level", "hints"),
    names=lambda result: [result.identifier] if result.error is None else [],
    headings=("identifier", "status", "changes", "picture"),
    lines=lambda result: [
        (result.identifier, result.status, ", ".join(result.changes), result.image),
    ],
)
