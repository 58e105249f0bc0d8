"""What can be read in one transaction of a channel's store."""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from arcli.errors import ChannelNotFound, DataDamaged, QuotaExceeded
from arcli.models import ListQuery
from arcli.store.checksums import checksum
from arcli.store.connections import STORE
from arcli.store.faults import interrupted, translated
from arcli.store.rows import (
    BLOBS,
    DAMAGED_TARGET,
    SUMMED,
    StoreInfo,
    TargetRow,
    settings_from,
    target_row,
)
from arcli.store.schema import META

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_AMONG = "IN (SELECT value FROM json_each(?))"
_BETWEEN = "row_id BETWEEN ? AND ?"


class Snapshot:
    """A channel at one moment. Use it only inside the `with` block that yields it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection = connection
        self._path = path
        self._info: StoreInfo | None = None

    def info(self) -> StoreInfo:
        """Return the store's name, settings, preset and identity. Raises DataDamaged."""
        if self._info is None:
            self._info = self._read_info()
        return self._info

    def _read_info(self) -> StoreInfo:
        meta = dict(self.connection.execute(f"SELECT key, value FROM meta WHERE {META.sound()}"))  # noqa: S608
        home = home_of(self._path)
        try:
            return StoreInfo(
                name=meta["name"],
                settings=settings_from(meta["settings"]),
                preset=int(meta["preset"]),
                created=meta["created"],
                store_id=meta["store_id"],
                epoch=meta["epoch"],
                moved=meta["home"] != home,
                home=home,
            )
        except (KeyError, ValueError, TypeError) as error:
            raise DataDamaged(
                f"the description in {self._path} cannot be read: {error}", item=str(self._path)
            ) from error

    def changes(self) -> int:
        """Return a number that differs after each write transaction that changed the store."""
        return self._state("changes")

    def dead_changes(self) -> int:
        """Return a number that differs whenever `dead_rows` may give another answer."""
        return self._state("dead_changes")

    def count(self) -> int:
        """Return how many targets there are, active or not."""
        return self._state("targets")

    def refuse_if_full(self, identifier: str, *, more: int = 0) -> None:
        """Raise QuotaExceeded when the quota leaves no room for a target besides `more` new ones."""
        info = self.info()
        quota = info.settings.quota
        if quota is not None and self.count() + more >= quota:
            raise QuotaExceeded(
                f"channel {info.name!r} is full: its quota is {quota:,} targets", item=identifier
            )

    def _state(self, column: str) -> int:
        row = self.connection.execute(f"SELECT {column} FROM state").fetchone()  # noqa: S608 (three literals)
        if row is None or not isinstance(row[0], int):
            raise DataDamaged(f"{self._path} has lost its counters", item=str(self._path))
        return row[0]

    def last_row(self) -> int:
        """Return the highest row id ever given, 0 in a new store."""
        row = self.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'targets'").fetchone()
        return row[0] if row and isinstance(row[0], int) else 0

    def dead_rows(self) -> array[int]:
        """Return the row ids that a segment may hold and no search may answer: removed or inactive."""
        return self._ids("SELECT row_id FROM dead UNION ALL SELECT row_id FROM targets WHERE active = 0")

    def removed_rows(self) -> array[int]:
        """Return the row ids that were removed and not yet forgotten (`WriteTransaction.forget_dead`), in
        order."""
        return self._ids("SELECT row_id FROM dead ORDER BY row_id")

    def _ids(self, select: str) -> array[int]:
        """Return what a statement selects in 8 bytes each: a list takes five times as much."""
        return array("q", (row for (row,) in self.connection.execute(select)))

    def restored(self) -> dict[int, tuple[int, str | None]]:
        """Return the rows that were removed and came back under their id, until segments know of it.

        With each: `changes` when it came back, and the segment that held it all the time, if one did.
        """
        select = f"SELECT value FROM meta WHERE key = 'restored' AND {META.sound()}"  # noqa: S608 - constants
        row = self.connection.execute(select).fetchone()
        return {int(row_id): (at, name) for row_id, (at, name) in json.loads(row[0] if row else "{}").items()}

    def live_rows(self, first: int, last: int) -> list[int]:
        """Return the row ids in [first, last] that exist, active or not, in order."""
        select = f"SELECT row_id FROM targets WHERE {_BETWEEN} ORDER BY row_id"  # noqa: S608 (values are bound)
        return [row for (row,) in self.connection.execute(select, (first, last))]

    def living(self, first: int, last: int) -> int:
        """Return how many rows in [first, last] exist, active or not."""
        select = f"SELECT count(*) FROM targets WHERE {_BETWEEN}"  # noqa: S608 (values are bound)
        return int(self.connection.execute(select, (first, last)).fetchone()[0])

    def target(self, identifier: str) -> TargetRow | None:
        """Return the target of that identifier, or None. Raises DataDamaged that names it."""
        rows = self._rows("identifier = ?", (identifier,))
        return rows[0] if rows else None

    def row_id(self, identifier: str) -> int | None:
        """Return the row id of a target, also of one that is damaged."""
        select = "SELECT row_id FROM targets WHERE identifier = ?"
        try:
            row = self.connection.execute(select, (identifier,)).fetchone()
        except UnicodeEncodeError:  # of what is no text: no target has it
            return None
        return None if row is None else int(row[0])

    def rows(self, row_ids: Iterable[int]) -> dict[int, TargetRow]:
        """Return those of `row_ids` that exist, active or not; the log names those that are damaged."""
        return self._each(self._rows_of, row_ids)

    def features(self, row_ids: Iterable[int]) -> dict[int, bytes]:
        """Return the features of those of `row_ids` that exist; the log names those that are damaged."""
        return self._each(partial(self._blobs, "features"), row_ids)

    def thumbnails(self, row_ids: Iterable[int]) -> dict[int, bytes]:
        """Return the thumbnails of those of `row_ids` that have one; the log names damaged ones."""
        return self._each(partial(self._blobs, "thumbnails"), row_ids)

    def picture(self, row_id: int) -> bytes | None:
        """Return the kept picture, or None. Raises DataDamaged."""
        return self._blobs("pictures", (row_id,)).get(row_id)

    def _each(self, read: Callable[[Sequence[int]], dict[int, _T]], row_ids: Iterable[int]) -> dict[int, _T]:
        """Read all at once; where that fails for damage, leave out what is damaged."""
        ids = [*row_ids]
        try:
            with translated(self._path):
                return read(ids)
        except DataDamaged as error:
            if len(ids) <= 1:
                _log.warning("channel %r: row %s is left out: %s", self.info().name, ids, error.message)
                return {}
        half = len(ids) // 2
        return self._each(read, ids[:half]) | self._each(read, ids[half:])

    def _rows_of(self, row_ids: Sequence[int]) -> dict[int, TargetRow]:
        return {row.row_id: row for row in self._rows(f"row_id {_AMONG}", (_json(row_ids),))}

    def features_after(self, row_id: int, limit: int = -1) -> Iterator[tuple[int, bytes]]:
        """Yield (row id, features) above `row_id` in order, at most `limit` (-1: all), inactive ones too.

        A long read transaction keeps the log from being emptied: read in chunks, each in its own. Features
        that are damaged come as no bytes.
        """
        select = "SELECT row_id FROM features WHERE row_id > ? ORDER BY row_id LIMIT ?"
        ids = [row for (row,) in self.connection.execute(select, (row_id, limit))]
        for start in range(0, len(ids), STORE.rows_at_once):
            part = ids[start : start + STORE.rows_at_once]
            found = self.features(part)
            yield from ((row, found.get(row, b"")) for row in part)

    def _blobs(self, table: str, row_ids: Iterable[int]) -> dict[int, bytes]:
        select = (
            f"SELECT row_id, data, {BLOBS[table]} FROM {table} JOIN targets USING (row_id)"  # noqa: S608
            f" WHERE row_id {_AMONG}"
        )
        found = self.connection.execute(select, (_json(row_ids),))
        return {row: _bytes(table, row, data, crc) for row, data, crc in found}

    def _rows(self, where: str, values: tuple[Any, ...]) -> list[TargetRow]:
        channel = self.info().name
        select = f"SELECT {SUMMED}, crc32 FROM targets WHERE {where}"  # noqa: S608 (values are bound)
        try:
            return [target_row(channel, row) for row in self.connection.execute(select, values)]
        except UnicodeEncodeError:  # of a value that is no text: no target has it
            return []
        except sqlite3.OperationalError as error:  # a text that is none
            if interrupted(error):
                raise
            with as_bytes(self.connection):
                for row in self.connection.execute(select, values):
                    target_row(channel, tuple(_text(value) for value in row))  # raises what names the target
            raise DataDamaged(f"a target of channel {channel!r} cannot be read: {error}") from error

    def list(self, query: ListQuery = ListQuery()) -> tuple[int, list[TargetRow]]:
        """Return how many targets `query` selects, and the page it asks for, by identifier (code points)."""
        where, values = _conditions(query)
        if query.where:
            self.connection.create_function("metadata_is", 3, metadata_is, deterministic=True)
        count = f"SELECT count(*) FROM targets WHERE {where}"  # noqa: S608 (values are bound)
        total = int(self.connection.execute(count, values).fetchone()[0])
        limit = -1 if query.limit is None else min(max(query.limit, 0), sys.maxsize)
        position = min(max(query.position, 0), sys.maxsize)
        page = f"{where} ORDER BY identifier LIMIT {int(limit)} OFFSET {int(position)}"
        return total, self._rows(page, values)


def home_of(path: Path) -> str:
    """Return what distinguishes the file at `path` from a copy: its inode and its folder's.

    Raises ChannelNotFound when the channel was removed since the file was opened.
    """
    try:
        return f"{path.stat().st_ino}:{path.parent.stat().st_ino}"
    except FileNotFoundError as error:
        raise ChannelNotFound(f"the channel in {path.parent} was removed", item=str(path.parent)) from error


def _bytes(table: str, row_id: int, data: object, crc: int | None) -> bytes:
    if not isinstance(data, bytes):
        raise DataDamaged(f"what is stored for row {row_id} cannot be read")
    if crc is not None and crc != checksum(data):
        raise DataDamaged(f"{table} of row {row_id} fail their checksum", hint=DAMAGED_TARGET)
    return data


@contextmanager
def as_bytes(connection: sqlite3.Connection) -> Iterator[None]:
    """Have texts read as the bytes that are stored."""
    usual, connection.text_factory = connection.text_factory, bytes
    try:
        yield
    finally:
        connection.text_factory = usual


def _text(value: object) -> object:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _json(values: Iterable[object]) -> str:
    return json.dumps([*values], default=int)


def _conditions(query: ListQuery) -> tuple[str, tuple[Any, ...]]:
    """Return an SQL condition and its values."""
    terms: list[tuple[str, tuple[Any, ...]]] = [("1", ())]
    if query.prefix is not None:
        prefix = query.prefix.encode(errors="replace").decode()
        terms.append(("identifier >= ? AND identifier < ? || char(0x10FFFF)", (prefix, prefix)))
    if query.active is not None:
        terms.append(("active = ?", (int(query.active),)))
    if query.level is not None:
        terms.append(("level = ?", (query.level,)))
    for key, value in query.where:
        terms.append(("metadata_is(metadata, ?, ?)", (json.dumps(key), json.dumps(value))))
    return " AND ".join(term for term, _ in terms), tuple(v for _, values in terms for v in values)


def metadata_is(metadata: str | None, key: str, value: str) -> bool:
    """Say whether `metadata` is a JSON object whose `key` has `value` as text (true, null, 1.5, plain text).

    Key and value come as JSON, which carries any argument a shell can pass. SQLite's own JSON functions
    refuse texts that Python accepts (NaN), and one such row would fail the whole listing.
    """
    name, wanted = json.loads(key), json.loads(value)
    try:
        found = json.loads(metadata) if metadata is not None else None
        if not isinstance(found, dict) or name not in found:
            return False
        item = found[name]
        text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
    except (ValueError, RecursionError):
        return False
    return bool(text == wanted)
