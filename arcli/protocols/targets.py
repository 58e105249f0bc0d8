"""Targets, the results of adding and checking, and counts, as JSON objects and back.

Keys are those of the command line's JSON. Writers leave out what is None; readers accept what is there and
raise BadAnswer only if the answer would be meaningless.
"""

from __future__ import annotations

from arcli.errors import BadAnswer
from arcli.models import CheckResult, Duplicate, Hint, MatchRatio, StatRecord, Target
from arcli.protocols.reading import JsonObject, flag, json_text, objects, real, text, whole, without_none


def matchratio(value: object) -> MatchRatio | None:
    """Return a matchratio as it was sent, number or text; None for null and ""."""
    if value is None or value == "" or isinstance(value, bool | dict | list):
        return None
    return value if isinstance(value, int | float | str) else None


def target_json(target: Target) -> JsonObject:
    """Write a target with every key that it has."""
    return without_none(
        {
            "identifier": target.identifier,
            "channel": target.channel,
            "metadata": target.metadata,
            "matchratio": target.matchratio,
            "level": target.level,
            "active": target.active,
            "created": target.created,
            "updated": target.updated,
            "sha256": target.picture_hash,
            "name": target.name,
        }
    )


def read_target(body: JsonObject, *, channel: str, identifier: str | None = None) -> Target:
    """Read a target; `identifier`: the one that was requested, in case the answer does not repeat it."""
    name = text(body.get("identifier")) or identifier
    if name is None:
        raise BadAnswer("the service lists an image without an identifier")
    return Target(
        identifier=name,
        channel=text(body.get("channel")) or channel,
        metadata=json_text(body.get("metadata")),
        matchratio=matchratio(body.get("matchratio")),
        level=whole(body.get("level")),
        active=flag(body.get("active"), default=True),
        created=text(body.get("created")),
        updated=text(body.get("updated")),
        picture_hash=text(body.get("sha256")),
        name=text(body.get("name")),
    )


def hint_json(hint: Hint) -> JsonObject:
    return without_none({"code": hint.code, "message": hint.message, "advice": hint.advice})


def read_hints(value: object) -> tuple[Hint, ...]:
    """Read a list of hints; without one there are none."""
    return tuple(
        Hint(
            code=text(item.get("code")) or "hint",
            message=text(item.get("message")) or "",
            advice=text(item.get("advice")),
        )
        for item in objects(value)
    )


def record_json(record: StatRecord) -> JsonObject:
    return without_none(
        {
            "date": record.date,
            "channel": record.channel,
            "identifier": record.identifier,
            "count": record.count,
            "missed": record.missed or None,
        }
    )


def read_record(body: JsonObject, *, channel: str | None) -> StatRecord:
    """Read a count; `channel`: the one that was requested, in case the record does not repeat it."""
    date, count = text(body.get("date")), whole(body.get("count"))
    if date is None or count is None:
        raise BadAnswer("the service sent statistics without a date or a count")
    return StatRecord(
        date=date,
        channel=text(body.get("channel")) or channel,
        identifier=text(body.get("identifier")),
        count=count,
        missed=flag(body.get("missed")),
    )


def check_json(result: CheckResult) -> JsonObject:
    """Write the rating of one picture (without its name, which the client knows)."""
    return without_none(
        {
            "level": result.level,
            "hints": [hint_json(hint) for hint in result.hints],
            "duplicates": [_duplicate_json(duplicate) for duplicate in result.duplicates],
        }
    )


def read_check(body: JsonObject, *, image: str) -> CheckResult:
    """Read the rating of the picture that the client calls `image`."""
    return CheckResult(
        image=image,
        level=whole(body.get("level")),
        hints=read_hints(body.get("hints")),
        duplicates=tuple(_read_duplicate(item) for item in objects(body.get("duplicates"))),
    )


def _duplicate_json(duplicate: Duplicate) -> JsonObject:
    return without_none(
        {
            "identifier": duplicate.identifier,
            "channel": duplicate.channel,
            "kind": duplicate.kind,
            "score": duplicate.score,
            "inliers": duplicate.inliers,
        }
    )


def _read_duplicate(body: JsonObject) -> Duplicate:
    return Duplicate(
        identifier=text(body.get("identifier")),
        channel=text(body.get("channel")),
        kind=text(body.get("kind")) or "look-alike",
        score=real(body.get("score")) or 0.0,
        inliers=whole(body.get("inliers")) or 0,
    )
