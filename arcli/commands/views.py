"""How targets are shown, wherever they are shown."""

from __future__ import annotations

from arcli.console.view import Record, View
from arcli.models import Target

FIELDS = ("identifier", "channel", "metadata", "matchratio", "level", "active", "created", "updated")


def target_record(target: Target) -> Record:
    """Return a target's JSON object; its keys are an API (docs/json.md)."""
    return {field: getattr(target, field) for field in FIELDS}


TARGETS: View[Target] = View(
    key="targets",
    record=target_record,
    columns=FIELDS,
    names=lambda target: [target.identifier],
    headings=("identifier", "level", "active", "ratio", "updated", "metadata"),
    lines=lambda t: [
        (t.identifier, t.level, "yes" if t.active else "no", t.matchratio, t.updated, t.metadata)
    ],
)
