"""What a sync would do to one target, and the plan file in which such actions wait for review."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from arcli.bulk.add_plan import PlanEntry
from arcli.bulk.channel_state import Known
from arcli.bulk.report import json_line
from arcli.bulk.table import LINE_LIMIT
from arcli.errors import ArcliError, InvalidManifest

_FORMAT = 1


class Do(StrEnum):
    """What to do with a target."""

    ADD = "add"
    REPLACE = "replace"
    UPDATE = "update"
    REMOVE = "remove"
    HOLD = "hold"  # would be removed, but the source could not be read completely
    KEEP = "keep"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action.

    `changes`: what differs; `before`: the target as it was at the time of the decision. `picture`: SHA-256 of
    the picture that the decision is about. FAIL has an `error`, REMOVE and HOLD no `entry`.
    """

    do: Do
    identifier: str
    entry: PlanEntry | None = None
    changes: tuple[str, ...] = ()
    picture: str | None = None
    before: Known | None = None
    error: ArcliError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first line of a plan: its channel, and its source.

    `source`: a folder, a manifest, or with `from_profile` a channel; `pictures`: the folder of its pictures.
    """

    profile: str
    channel: str
    source: str
    from_profile: str | None = None
    pictures: str | None = None


def head_line(head: Head) -> bytes:
    return json_line({"arcli_sync": _FORMAT, **asdict(head)})


def action_line(action: Action) -> bytes:
    """Return an action as one line of JSON; paths become absolute, so that any folder will do to apply it."""
    entry = action.entry
    record: dict[str, Any] = {"do": action.do.value, "identifier": action.identifier}
    if entry is not None:
        record |= {
            "image": entry.image,
            "path": None if entry.path is None else str(entry.path.absolute()),
            "metadata": entry.metadata,
            "matchratio": entry.matchratio,
            "active": entry.active,
            "name": entry.name,
            "where": entry.where,
        }
    record |= {"changes": list(action.changes), "picture": action.picture}
    record["before"] = None if action.before is None else asdict(action.before)
    if action.error is not None:
        record["error"] = action.error.as_record()
    return json_line(record)


def read_head(path: Path) -> Head:
    """Read a plan's first line. Raises InvalidManifest."""
    try:
        with path.open("rb") as file:
            record = _object(file.readline(LINE_LIMIT), path, 1)
    except OSError as error:
        hint = "write a plan first: arcli sync SOURCE --plan FILE"
        raise InvalidManifest(f"cannot read the plan {path}: {error.strerror}", hint=hint) from error
    if record.pop("arcli_sync", None) == _FORMAT:
        with suppress(TypeError):
            return Head(**record)
    raise InvalidManifest(f"{path} is not a plan written by arcli sync", item=str(path))


def read_actions(path: Path) -> Iterator[Action]:
    """Read a plan's actions. Raises InvalidManifest for a line that is not an action, OSError."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number == 1:
                continue
            record = _object(line, path, number)
            try:
                yield _action(record)
            except (KeyError, TypeError, ValueError) as error:
                raise InvalidManifest(f"{path}, line {number}: not an action of a plan") from error


def _object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidManifest(f"{path}, line {number}: not JSON") from error
    if not isinstance(record, dict):
        raise InvalidManifest(f"{path}, line {number}: not an action of a plan")
    return record


def read_action(line: str) -> Action:
    """Read what `action_line` wrote."""
    return _action(json.loads(line))


def _action(record: dict[str, Any]) -> Action:
    before, error = record["before"], record.get("error")
    return Action(
        do=Do(record["do"]),
        identifier=_text(record["identifier"]),
        entry=_entry(record) if "image" in record else None,
        changes=tuple(map(str, record["changes"])),
        picture=record["picture"],
        before=None if before is None else Known(**before),
        error=None if error is None else ArcliError.from_record(error),
    )


def _entry(record: dict[str, Any]) -> PlanEntry:
    path = record["path"]
    return PlanEntry(
        image=_text(record["image"]),
        identifier=_text(record["identifier"]),
        path=None if path is None else Path(path),
        metadata=record["metadata"],
        matchratio=record["matchratio"],
        active=record["active"],
        name=record.get("name"),
        where=record["where"],
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
