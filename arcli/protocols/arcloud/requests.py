"""Requests of the seven calls: text fields and a picture, written by the client and read by the server.

Fields beyond the vendor's document are ours (protocols.md, decision 3); a client sends them only to a
service whose capabilities list them. A field that is empty counts as absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from arcli.errors import UsageError
from arcli.models import (
    AddItem,
    AddOptions,
    Clearable,
    Effort,
    FindOptions,
    MatchRatio,
    OnExists,
    StatisticsQuery,
    TargetChanges,
    valid_metadata,
)
from arcli.models.statistics import compact_day, days_of
from arcli.protocols.reading import flag, real, whole

Fields = dict[str, str]
PAGE_SIZE = 100  # images in a page of GetImages when no `limit` is sent; ours, decision 6
LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who asks. The secret is in no repr, so it is in no log and no traceback."""

    username: str
    secretkey: str = field(repr=False)

    def fields(self) -> Fields:
        return {"username": self.username, "secretkey": self.secretkey}


def read_credentials(fields: Mapping[str, str]) -> Credentials:
    """Raises UsageError (29001) when one is missing."""
    return Credentials(username=required(fields, "username"), secretkey=required(fields, "secretkey"))


def optional_credentials(fields: Mapping[str, str]) -> Credentials | None:
    """Return the credentials that came along although the call needs none (GetImage), if any did."""
    return read_credentials(fields) if fields.get("username") and fields.get("secretkey") else None


def required(fields: Mapping[str, str], name: str) -> str:
    """Return a mandatory field. Raises UsageError when it is absent or empty."""
    value = fields.get(name)
    if not value:
        raise UsageError(f"the parameter {name} is missing", item=name)
    return value


def optional(fields: Mapping[str, str], name: str) -> str | None:
    return fields.get(name) or None


def read_matchratio(fields: Mapping[str, str]) -> MatchRatio | None:
    """Return matchratio as a number. Raises UsageError when it is no finite number."""
    value = optional(fields, "matchratio")
    if value is None:
        return None
    number = whole(value) if value.strip().lstrip("+-").isdigit() else real(value)
    if number is None:
        raise UsageError(f"matchratio is no number: {value!r}", item="matchratio")
    return number


def read_metadata(fields: Mapping[str, str]) -> str | None:
    """Return metadata verbatim. Raises InvalidMetadata unless it is JSON of at most 64 KiB."""
    value = optional(fields, "metadata")
    return None if value is None else valid_metadata(value)


# AddImage


def add_fields(channel: str, item: AddItem) -> Fields:
    """Write the documented fields of AddImage (matchratio is not among them)."""
    fields = {"channel": channel, "identifier": item.identifier}
    return fields | _present(metadata=item.metadata)


def add_extension_fields(item: AddItem, options: AddOptions) -> Fields:
    """Write what our server adds: how to treat a taken identifier, gates, a dry run, matchratio."""
    return _present(
        replace="1" if options.on_exists is OnExists.REPLACE else None,
        skip="1" if options.on_exists is OnExists.SKIP else None,
        matchratio=None if item.matchratio is None else str(item.matchratio),
        minlevel=None if options.min_level is None else str(options.min_level),
        noduplicates="1" if options.no_duplicates else None,
        dryrun="1" if options.dry_run else None,
    )


def read_add_options(fields: Mapping[str, str]) -> AddOptions:
    """Read our fields of AddImage. A server never creates the channel. Raises UsageError."""
    exists = OnExists.SKIP if flag(fields.get("skip")) else OnExists.FAIL
    return AddOptions(
        on_exists=OnExists.REPLACE if flag(fields.get("replace")) else exists,
        create_channel=False,
        min_level=_whole_field(fields, "minlevel", 1, 5),
        no_duplicates=flag(fields.get("noduplicates")),
        dry_run=flag(fields.get("dryrun")),
    )


# UpdateImageInfo


def update_fields(changes: TargetChanges) -> Fields:
    """Write the documented changes: metadata and matchratio."""
    ratio = None if changes.matchratio is None else str(changes.matchratio)
    return _present(metadata=changes.metadata, matchratio=ratio)


def update_extension_fields(changes: TargetChanges) -> Fields:
    """Write what our server adds (a new picture travels as the part `image`)."""
    active = None if changes.active is None else str(int(changes.active))
    return _present(active=active, rename=changes.rename, clear=" ".join(sorted(changes.clear)) or None)


def read_changes(fields: Mapping[str, str]) -> TargetChanges:
    """Read all changes but the picture. Raises UsageError, InvalidMetadata."""
    active = optional(fields, "active")
    return TargetChanges(
        metadata=read_metadata(fields),
        matchratio=read_matchratio(fields),
        active=None if active is None else flag(active),
        rename=optional(fields, "rename"),
        clear=_clear(optional(fields, "clear")),
    )


def _clear(value: str | None) -> frozenset[Clearable]:
    try:
        return frozenset(Clearable(name) for name in (value or "").split())
    except ValueError as error:
        raise UsageError(f"clear is not {', '.join(Clearable)}: {value!r}", item="clear") from error


# GetImages


def read_position(fields: Mapping[str, str]) -> int:
    """Return the start index, counted from 0. Raises UsageError."""
    return _whole_field(fields, "position", 0, 2**62) or 0


def read_page_size(fields: Mapping[str, str]) -> int:
    """Return our field `limit` (1 to 1000), 100 when absent. Raises UsageError."""
    return _whole_field(fields, "limit", 1, LARGEST_PAGE) or PAGE_SIZE


# Statistics


def statistics_fields(query: StatisticsQuery) -> Fields:
    """Write a range of days; `misses` is ours and is left out unless asked for."""
    return _present(
        startdate=compact_day(query.start),
        enddate=compact_day(query.end),
        channel=query.channel,
        identifier=query.identifier,
        misses="1" if query.misses else None,
    )


def read_statistics(fields: Mapping[str, str]) -> StatisticsQuery:
    """Read a range of days; a year or month means all of it. Raises InvalidDate, UsageError."""
    start = days_of(required(fields, "startdate"))[0]
    end = days_of(required(fields, "enddate"))[1]
    if start > end:
        raise UsageError("startdate is after enddate", item="startdate")
    return StatisticsQuery(
        start=start,
        end=end,
        channel=optional(fields, "channel"),
        identifier=optional(fields, "identifier"),
        misses=flag(fields.get("misses")),
    )


# FindImage


def find_fields(channels: Sequence[str] | None) -> Fields:
    """Write the documented field: one channel, or none for all."""
    return {"channel": channels[0]} if channels is not None and len(channels) == 1 else {}


def find_extension_fields(channels: Sequence[str] | None, options: FindOptions) -> Fields:
    """Write what our server adds. Several channels travel as a JSON list in `channels`."""
    several = channels is not None and len(channels) > 1
    return _present(
        channels=json.dumps(list(channels or ()), ensure_ascii=False) if several else None,
        limit="all" if options.limit is None else str(options.limit),
        candidates=str(options.candidates),
        threshold=None if options.threshold is None else str(options.threshold),
        effort=options.effort.value,
        count=str(int(options.count)),
        metadata=str(int(options.metadata)),
    )


def read_find_channels(fields: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the channels to search, None for all that the key may search. Raises UsageError."""
    several = optional(fields, "channels")
    if several is None:
        one = optional(fields, "channel")
        return None if one is None else (one,)
    try:
        names = json.loads(several)
    except (ValueError, RecursionError) as error:
        raise UsageError("channels is no JSON list", item="channels") from error
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UsageError("channels is no list of names", item="channels")
    return tuple(names)


def read_find_options(fields: Mapping[str, str]) -> FindOptions:
    """Read our fields of FindImage; without them one target, metadata included. Raises UsageError."""
    limit = fields.get("limit")
    return FindOptions(
        limit=None if limit == "all" else _whole_field(fields, "limit", 1, 1000) or 1,
        candidates=_whole_field(fields, "candidates", 0, 1000) or 0,
        threshold=_threshold(optional(fields, "threshold")),
        effort=_effort(optional(fields, "effort")),
        count=flag(fields.get("count"), default=True),
        metadata=flag(fields.get("metadata"), default=True),
    )


def _threshold(value: str | None) -> float | None:
    number = real(value)
    if value is not None and (number is None or not 0 <= number <= 1):
        raise UsageError(f"threshold is no number from 0 to 1: {value!r}", item="threshold")
    return number


def _effort(value: str | None) -> Effort:
    try:
        return Effort(value or Effort.NORMAL)
    except ValueError as error:
        raise UsageError(f"effort is not {', '.join(Effort)}: {value!r}", item="effort") from error


def _whole_field(fields: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    value = optional(fields, name)
    if value is None:
        return None
    number = whole(value)
    if number is None or not least <= number <= most:
        raise UsageError(f"{name} is no whole number from {least} to {most}: {value!r}", item=name)
    return number


def _present(**values: str | None) -> Fields:
    return {name: value for name, value in values.items() if value is not None}
