"""Requests of the seven calls: text fields and a picture, written by the client and read by the server.

Fields beyond the vendor's document are ours (docs/reference/protocols.md, "Every ARCloud call"); a client
sends them only to a service whose capabilities list them. A field that is empty counts as absent.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from arcli.errors import InvalidIdentifier, UsageError
from arcli.models import (
    NAME_LIMIT,
    AddItem,
    AddOptions,
    Clearable,
    Effort,
    FindOptions,
    MatchRatio,
    OnExists,
    Picture,
    StatisticsQuery,
    TargetChanges,
    valid_identifier,
    valid_metadata,
)
from arcli.models.statistics import compact_day, days_of
from arcli.protocols.strict import (
    decimal_number,
    ratio,
    untrusted_json,
    whole_number,
    written_number,
    yes_or_no,
)

Fields = dict[str, str]
PAGE_SIZE = 100  # images in a page of GetImages when no `limit` is sent; our choice, decision 6
LARGEST_PAGE = 1000
MOST_CHANNELS = 100  # that one FindImage may name; our choice, as many as an account may make by default


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The caller's username and secret. No repr shows the secret, so no log and no traceback has it."""

    username: str
    secretkey: str = field(repr=False)

    def fields(self) -> Fields:
        return {"username": self.username, "secretkey": self.secretkey}


def read_credentials(fields: Mapping[str, str]) -> Credentials:
    """Read the credentials. Raises UsageError (29001) when one is missing."""
    return Credentials(username=required(fields, "username"), secretkey=required(fields, "secretkey"))


def optional_credentials(fields: Mapping[str, str]) -> Credentials | None:
    """Return the credentials, if any were sent: the call (GetImage) needs none."""
    return read_credentials(fields) if fields.get("username") and fields.get("secretkey") else None


def required(fields: Mapping[str, str], name: str) -> str:
    """Return a mandatory field. Raises UsageError when it is absent or empty."""
    value = fields.get(name)
    if not value:
        raise UsageError(f"the parameter {name} is missing", item=name)
    return value


def required_identifier(fields: Mapping[str, str]) -> str:
    """Return the identifier. Raises UsageError when it is absent, InvalidIdentifier when it is empty."""
    if fields.get("identifier") == "":
        raise InvalidIdentifier("the identifier is empty", item="identifier")
    return required(fields, "identifier")


def optional(fields: Mapping[str, str], name: str) -> str | None:
    return fields.get(name) or None


def read_matchratio(fields: Mapping[str, str]) -> MatchRatio | None:
    """Return matchratio as a number. Raises UsageError unless it is one in decimal digits."""
    value = optional(fields, "matchratio")
    if value is None:
        return None
    return decimal_number(value, "matchratio")


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
    """Write our server's fields: what to do with a taken identifier, gates, dry run, matchratio."""
    return _present(
        replace="1" if options.on_exists is OnExists.REPLACE else None,
        skip="1" if options.on_exists is OnExists.SKIP else None,
        matchratio=_ratio_text(item.matchratio),
        minlevel=None if options.min_level is None else str(options.min_level),
        noduplicates="1" if options.no_duplicates else None,
        dryrun="1" if options.dry_run else None,
        name=item.name,
    )


def read_add_options(fields: Mapping[str, str]) -> AddOptions:
    """Read our fields of AddImage. A server never creates the channel. Raises UsageError."""
    exists = OnExists.SKIP if _flag(fields, "skip") else OnExists.FAIL
    return AddOptions(
        on_exists=OnExists.REPLACE if _flag(fields, "replace") else exists,
        create_channel=False,
        min_level=_whole_field(fields, "minlevel", 1, 5),
        no_duplicates=_flag(fields, "noduplicates"),
        dry_run=_flag(fields, "dryrun"),
    )


def read_item(fields: Mapping[str, str], picture: Picture) -> AddItem:
    """Read what is added. Raises InvalidIdentifier, InvalidMetadata, UsageError."""
    return AddItem(
        picture=picture,
        identifier=valid_identifier(required_identifier(fields)),
        metadata=read_metadata(fields),
        matchratio=read_matchratio(fields),
        name=_name(fields),
    )


def _name(fields: Mapping[str, str]) -> str | None:
    """Read the name of a picture's file. Raises UsageError for an impossible name."""
    name = optional(fields, "name")
    if name is not None and len(name) > NAME_LIMIT:
        raise UsageError(f"name has over {NAME_LIMIT:,} characters", item="name")
    return name


# UpdateImageInfo


def update_fields(changes: TargetChanges) -> Fields:
    """Write the documented changes: metadata and matchratio."""
    return _present(metadata=changes.metadata, matchratio=_ratio_text(changes.matchratio))


def update_extension_fields(changes: TargetChanges) -> Fields:
    """Write our server's fields (a new picture is sent as the part `image`)."""
    active = None if changes.active is None else str(int(changes.active))
    return _present(active=active, rename=changes.rename, clear=" ".join(sorted(changes.clear)) or None)


def read_changes(fields: Mapping[str, str]) -> TargetChanges:
    """Read all changes but the picture. Raises UsageError, InvalidMetadata."""
    active = optional(fields, "active")
    return TargetChanges(
        metadata=read_metadata(fields),
        matchratio=read_matchratio(fields),
        active=None if active is None else yes_or_no(active, "active"),
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
    """Write a range of days; `misses` is our field and is left out unless requested."""
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
        misses=_flag(fields, "misses"),
    )


# FindImage


def find_fields(channels: Sequence[str] | None) -> Fields:
    """Write the documented field: one channel, or none for all."""
    return {"channel": channels[0]} if channels is not None and len(channels) == 1 else {}


def find_extension_fields(channels: Sequence[str] | None, options: FindOptions) -> Fields:
    """Write our server's fields. Several channels are sent as a JSON list in `channels`."""
    several = channels is not None and len(channels) > 1
    return _present(
        channels=json.dumps(list(channels or ()), ensure_ascii=False) if several else None,
        limit="all" if options.limit is None else str(options.limit),
        candidates=str(options.candidates),
        threshold=None if options.threshold is None else written_number(options.threshold),
        effort=options.effort.value,
        count=str(int(options.count)),
        metadata=str(int(options.metadata)),
    )


def read_find_channels(fields: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the channels to search, without repetitions; None for all that the key may search.

    Raises UsageError.
    """
    several = optional(fields, "channels")
    if several is None:
        one = optional(fields, "channel")
        return None if one is None else (one,)
    try:
        names = untrusted_json(several.encode())
    except ValueError as error:
        raise UsageError("channels is not a JSON list", item="channels") from error
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UsageError("channels is not a list of names", item="channels")
    distinct = tuple(dict.fromkeys(unicodedata.normalize("NFC", name) for name in names))
    if len(distinct) > MOST_CHANNELS:
        raise UsageError(
            f"channels has {len(distinct)} names, at most {MOST_CHANNELS} are allowed", item="channels"
        )
    return distinct


def read_find_options(fields: Mapping[str, str]) -> FindOptions:
    """Read our fields of FindImage; without them one target, metadata included. Raises UsageError."""
    limit = fields.get("limit")
    return FindOptions(
        limit=None if limit == "all" else _whole_field(fields, "limit", 1, 1000) or 1,
        candidates=_whole_field(fields, "candidates", 0, 1000) or 0,
        threshold=_threshold(optional(fields, "threshold")),
        effort=_effort(optional(fields, "effort")),
        count=_flag(fields, "count", default=True),
        metadata=_flag(fields, "metadata", default=True),
    )


def _threshold(value: str | None) -> float | None:
    return None if value is None else ratio(value, "threshold")


def _effort(value: str | None) -> Effort:
    try:
        return Effort(value or Effort.NORMAL)
    except ValueError as error:
        raise UsageError(f"effort is not {', '.join(Effort)}: {value!r}", item="effort") from error


def _whole_field(fields: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    value = optional(fields, name)
    return None if value is None else whole_number(value, name, least=least, most=most)


def _flag(fields: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    return yes_or_no(fields.get(name), name, default=default)


def _ratio_text(value: MatchRatio | None) -> str | None:
    """Write a number as our server reads it, and a vendor's own value unchanged."""
    return written_number(value) if isinstance(value, float) else None if value is None else str(value)


def _present(**values: str | None) -> Fields:
    return {name: value for name, value in values.items() if value is not None}
