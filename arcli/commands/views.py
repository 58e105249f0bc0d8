"""How targets are shown, wherever they are shown."""

from __future__ import annotations

from arcli.console.view import ItemView, Record
from arcli.models import MatchRatio, Target, usable_matchratio

FIELDS = ("identifier", "channel", "metadata", "matchratio", "level", "active", "created", "updated")


def target_record(target: Target) -> Record:
    """Return a target's JSON object; its keys are an API (docs/json.md)."""
    return {field: getattr(target, field) for field in FIELDS}


def target_lines(target: Target) -> list[tuple[str, object]]:
    """Return a target's fields for people."""
    return [
        ("identifier", target.identifier),
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
    if value is None or usable_matchratio(value) is not None:
        return None if value is None else str(value)
    return f"{value} (not used)"


TARGETS: ItemView[Target] = ItemView(
    key="targets",
    record=target_record,
    columns=FIELDS,
    names=lambda target: [target.identifier],
    headings=("identifier", "level", "active", "ratio", "updated", "metadata"),
    lines=lambda t: [
        (t.identifier, t.level, "yes" if t.active else "no", _ratio(t.matchratio), t.updated, t.metadata)
    ],
)
