"""Channels and their settings, as JSON objects and back (`/arcli/v1/channels`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import cast

from arcli.errors import UsageError
from arcli.models import ChannelInfo, ChannelSettings, IndexKind, ListKind, SegmentInfo, SettingsChanges
from arcli.protocols.reading import (
    JsonObject,
    error_json,
    flag,
    objects,
    read_error,
    real,
    shown,
    text,
    whole,
)
from arcli.protocols.strict import refuse_unknown

_SEGMENT_FIELDS = ("name", "kind", "first_row", "last_row", "rows", "descriptors", "bytes")


def settings_json(settings: ChannelSettings) -> JsonObject:
    return {
        "kind": settings.kind.value,
        "threshold": settings.threshold,
        "index": settings.index.value,
        "quota": settings.quota,
        "keep_pictures": settings.keep_pictures,
        "private": settings.private,
        "any_format": settings.any_format,
        "owner": settings.owner,
    }


def read_settings(body: JsonObject) -> ChannelSettings:
    """Read all settings of a channel; missing ones have their default.

    Raises UsageError on an unknown kind.
    """
    try:
        kind = ListKind(text(body.get("kind")) or ListKind.PLAIN)
        index = IndexKind(text(body.get("index")) or IndexKind.AUTO)
    except ValueError as error:
        raise UsageError(f"channel settings: {error}") from error
    return ChannelSettings(
        kind=kind,
        threshold=real(body.get("threshold")),
        index=index,
        quota=whole(body.get("quota")),
        keep_pictures=flag(body.get("keep_pictures"), default=True),
        private=flag(body.get("private")),
        any_format=flag(body.get("any_format")),
        owner=text(body.get("owner")),
    )


def asked_settings(body: object) -> ChannelSettings:
    """Read the settings that a client requests; missing ones have their default. Raises UsageError.

    Unlike a service's answer, a request is read strictly: only known keys, each with its type and range.
    """
    settings = refuse_unknown(body, frozenset(_SETTINGS), "settings")
    for name, value in settings.items():
        if not _SETTINGS[name](value):
            raise UsageError(f"the setting {name} cannot be {shown(json.dumps(value))}", item=name)
    return read_settings(settings)


def asked_changes(body: object) -> SettingsChanges:
    """Read the settings to change: those that are present. Raises UsageError."""
    settings = asked_settings(body)
    given = body if isinstance(body, dict) else {}
    named = {field: getattr(settings, field) for field in SettingsChanges.__annotations__ if field in given}
    return cast("SettingsChanges", named)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_ratio(value: object) -> bool:
    return value is None or (type(value) in (int, float) and 0 <= value <= 1)  # type: ignore[operator]


def _is_count(value: object) -> bool:
    return value is None or (type(value) is int and 0 <= value < 2**62)


def _is_name(value: object) -> bool:
    return value is None or (isinstance(value, str) and value != "")


_SETTINGS: dict[str, Callable[[object], bool]] = {
    "kind": lambda value: value in list(ListKind),
    "threshold": _is_ratio,
    "index": lambda value: value in list(IndexKind),
    "quota": _is_count,
    "keep_pictures": _is_flag,
    "private": _is_flag,
    "any_format": _is_flag,
    "owner": _is_name,
}


def channel_json(info: ChannelInfo) -> JsonObject:
    broken = {} if info.error is None else {"error": error_json(info.error)}
    return broken | {
        "name": info.name,
        "settings": settings_json(info.settings),
        "preset": info.preset,
        "targets": info.targets,
        "created": info.created,
        "segments": [
            {field: getattr(segment, field) for field in _SEGMENT_FIELDS} for segment in info.segments
        ],
        "delta_rows": info.delta_rows,
        "tombstones": info.tombstones,
        "store_bytes": info.store_bytes,
        "index_bytes": info.index_bytes,
        "index_kind": info.index_kind,
        "index_why": info.index_why,
    }


def read_channel(body: JsonObject) -> ChannelInfo:
    settings = body.get("settings")
    return ChannelInfo(
        name=text(body.get("name")) or "",
        settings=read_settings(settings if isinstance(settings, dict) else {}),
        preset=text(body.get("preset")) or "",
        targets=whole(body.get("targets")) or 0,
        created=text(body.get("created")) or "",
        segments=tuple(_read_segment(item) for item in objects(body.get("segments"))),
        delta_rows=whole(body.get("delta_rows")) or 0,
        tombstones=whole(body.get("tombstones")) or 0,
        store_bytes=whole(body.get("store_bytes")) or 0,
        index_bytes=whole(body.get("index_bytes")) or 0,
        index_kind=text(body.get("index_kind")) or "",
        index_why=text(body.get("index_why")) or "",
        error=read_error(body.get("error")),
    )


def _read_segment(body: JsonObject) -> SegmentInfo:
    counts = {field: whole(body.get(field)) or 0 for field in _SEGMENT_FIELDS[2:]}
    return SegmentInfo(name=text(body.get("name")) or "", kind=text(body.get("kind")) or "", **counts)
