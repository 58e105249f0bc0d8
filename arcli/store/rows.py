"""Rows of a store as dataclasses, their stored form as text, and their checksums."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from arcli.errors import DataDamaged, ShellHint
from arcli.models import ChannelSettings, IndexKind, ListKind, MatchRatio, Target
from arcli.store.checksums import checksum, of_columns

COLUMNS = "row_id, identifier, metadata, matchratio, level, active, picture_hash, created, updated, name"
BLOBS = {"features": "features_crc", "pictures": "picture_crc", "thumbnails": "thumbnail_crc"}
"""Tables of blobs, and the columns of `targets` that hold their checksums."""
SUMMED = f"{COLUMNS}, {', '.join(BLOBS.values())}"
"""The columns that a target's own checksum, `crc32`, covers."""
DAMAGED_TARGET = ShellHint("remove it and add it again, or restore a backup; arcli doctor names all of them")


class SqlConnection(Protocol):
    """A connection inside a transaction, to SQLite or PostgreSQL: SQL that both know, `?` for a value."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow(Target):
    """A target and the row id that features and index know it by. A replaced picture has a new row id."""

    row_id: int

    def as_target(self) -> Target:
        """Return the target without its row id."""
        return Target(**{name: getattr(self, name) for name in Target.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTarget:
    """The content of a new row. Blobs are stored as they are; `created`, `updated` None: now."""

    identifier: str
    features: bytes
    metadata: str | None = None
    matchratio: MatchRatio | None = None
    level: int | None = None
    active: bool = True
    picture_hash: str | None = None
    picture: bytes | None = None
    thumbnail: bytes | None = None
    name: str | None = None
    created: str | None = None
    updated: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInfo:
    """What a store records about itself.

    `store_id` is drawn when the store is made; `epoch` is drawn again at the first write after the file was
    copied or restored. `moved`: it was copied or restored, and has not been written to since. `home` tells
    the file from its copies.
    """

    name: str
    settings: ChannelSettings
    preset: int
    created: str
    store_id: str
    epoch: str
    moved: bool
    home: str


def now() -> str:
    """Return the present time in UTC, ISO 8601 to the second."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def matchratio_text(value: MatchRatio | None) -> str | None:
    """Return JSON text, so that a number stays a number and a text stays a text."""
    return None if value is None else json.dumps(value)


def target_row(channel: str, values: tuple[Any, ...]) -> TargetRow:
    """Return the row of `values` in the order of SUMMED and crc32. Raises DataDamaged."""
    row_id, identifier, metadata, matchratio, level, active, picture_hash, created, updated, name = values[
        :10
    ]
    if values[-1] is not None and values[-1] != checksum(*values[:-1]):
        readable = str(identifier).encode("utf-8", "replace").decode()
        message = f"what is stored of {readable} in channel {channel!r} fails its checksum"
        raise DataDamaged(message, hint=DAMAGED_TARGET, item=readable)
    if not isinstance(level, int | None) or not all(
        isinstance(text, str | None)
        for text in (identifier or 0, metadata, matchratio, picture_hash, created, name)
    ):
        raise DataDamaged(f"row {row_id} of channel {channel!r} cannot be read")
    return TargetRow(
        row_id=row_id,
        channel=channel,
        identifier=identifier,
        metadata=metadata,
        matchratio=None if matchratio is None else _from_json(matchratio),
        level=level,
        active=bool(active),
        picture_hash=picture_hash,
        created=created,
        updated=updated,
        name=name,
    )


def settings_text(settings: ChannelSettings) -> str:
    """Return `settings` as JSON text."""
    return json.dumps(asdict(settings))


def settings_from(text: str) -> ChannelSettings:
    """Return the settings that `settings_text` wrote. Raises DataDamaged."""
    values = _from_json(text)
    try:
        return ChannelSettings(
            **values | {"kind": ListKind(values["kind"]), "index": IndexKind(values["index"])}
        )
    except (TypeError, ValueError, KeyError) as error:
        raise DataDamaged(f"stored channel settings cannot be read: {error}") from error


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise DataDamaged(f"stored JSON cannot be read: {error}") from error


# Targets that an arcli without checksums wrote get theirs some at a time, from the newest on. `meta` keeps
# the highest row id that may lack one, so that it continues where it was interrupted.

_UNSEALED = "unsealed"


def seal_targets(connection: sqlite3.Connection, first: int, last: int) -> None:
    """Give the rows in [first, last] the checksums of their content; those of blobs only where missing."""
    between = "WHERE row_id BETWEEN ? AND ?"
    for table, column in BLOBS.items():
        data = f"(SELECT checksum(data) FROM {table} WHERE {table}.row_id = targets.row_id)"  # noqa: S608
        update = f"UPDATE targets SET {column} = {data} {between} AND {column} IS NULL"  # noqa: S608
        connection.execute(update, (first, last))
    own = of_columns(SUMMED.split(", "))
    connection.execute(f"UPDATE targets SET crc32 = {own} {between}", (first, last))  # noqa: S608


def unsealed(connection: sqlite3.Connection) -> int:
    """Return the highest row id that may lack a checksum, 0 if all have one."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (_UNSEALED,)).fetchone()
    return int(row[0]) if row and str(row[0]).isdecimal() else 0


def seal_next(connection: sqlite3.Connection, rows: int) -> int:
    """Give the next `rows` targets their checksums, in the current transaction; return how many are left."""
    select = "SELECT row_id FROM targets WHERE row_id <= ? AND crc32 IS NULL ORDER BY row_id DESC LIMIT ?"
    found = [row for (row,) in connection.execute(select, (unsealed(connection), rows))]
    for row in found:
        seal_targets(connection, row, row)
    left = 0
    if len(found) == rows:
        count = "SELECT count(*) FROM targets WHERE row_id < ? AND crc32 IS NULL"
        left = int(connection.execute(count, (found[-1],)).fetchone()[0])
    if left:
        update = "UPDATE meta SET value = ? WHERE key = ?"
        connection.execute(update, (str(found[-1] - 1), _UNSEALED))
    else:
        connection.execute("DELETE FROM meta WHERE key = ?", (_UNSEALED,))
    return left
