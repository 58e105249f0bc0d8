"""The targets of one channel in PostgreSQL: what a snapshot reads, and what a transaction changes.

Writers of a channel do not wait for each other (unless it has a quota), so row ids become visible out of
order: nothing here, and nothing that reads this, may take a row id for a watermark. What a transaction adds
it also puts into `pending`, and what it removes into `gone`: the index follows these two.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from arcli.errors import ChannelNotFound, QuotaExceeded, TargetExists, TargetNotFound
from arcli.models import ListQuery, TargetChanges
from arcli.store.postgres.database import POSTGRES, Connection, PostgresDatabase
from arcli.store.postgres.schema import BLOB_TABLES
from arcli.store.rows import (
    COLUMNS,
    NewTarget,
    StoreInfo,
    TargetRow,
    matchratio_text,
    now,
    settings_from,
    target_row,
)
from arcli.store.snapshot import metadata_is

_CHUNK = 400  # rows whose features are read at once: some 10 MB
_FIELDS = (
    "channel, row_id, identifier, metadata, matchratio, level, active, picture_hash, created, updated, name"
)


class PostgresStore:
    """The truth about one channel. Threads and processes share it."""

    def __init__(self, database: PostgresDatabase, number: int) -> None:
        self.database, self.number = database, number

    def close(self) -> None:
        """The database belongs to the catalog, which closes it."""

    @contextmanager
    def read(self) -> Iterator[PostgresSnapshot]:
        """Hold one snapshot of all that was committed. It never waits for a writer."""
        with self.database.read() as connection:
            yield PostgresSnapshot(connection, self.number)

    @contextmanager
    def write(self) -> Iterator[PostgresWriter]:
        """Hold a write transaction: durable when the block has ended, void if it raises.

        Raises ChannelNotFound when the channel was removed, Locked, Unreachable, DiskFull.
        """
        with self.database.write() as connection:
            writer = PostgresWriter(connection, self.number)
            writer.hold_channel()
            yield writer
            writer.write_waiting()
            writer.count_change()

    def shrink(self) -> None:
        """PostgreSQL's own vacuum gives the space of removed targets back."""


class PostgresSnapshot:
    """A channel at one moment. Use it only inside the `with` block that yields it."""

    def __init__(self, connection: Connection, number: int) -> None:
        self.connection, self.number = connection, number
        self._info: StoreInfo | None = None

    def info(self) -> StoreInfo:
        if self._info is None:
            self._info = self._read_info()
        return self._info

    def _read_info(self) -> StoreInfo:
        select = "SELECT name, settings, preset, created FROM channels WHERE number = ?"
        row = self.connection.execute(select, (self.number,)).fetchone()
        if row is None:
            raise ChannelNotFound(f"channel number {self.number} was removed")
        name, settings, preset, created = row
        state = "SELECT value, collection FROM meta, index_state WHERE key = 'store_id'"
        store_id, collection = self.connection.execute(state).fetchone()
        return StoreInfo(
            name=name,
            settings=settings_from(settings),
            preset=preset,
            created=created,
            store_id=store_id,
            epoch=collection,
            moved=False,
            home="",
        )

    def changes(self) -> int:
        return self._tally("changes")

    def count(self) -> int:
        return self._tally("targets")

    def _tally(self, column: str) -> int:
        select = f"SELECT coalesce(sum({column}), 0) FROM tally WHERE channel = ?"  # noqa: S608 - a literal
        return int(self.connection.execute(select, (self.number,)).fetchone()[0])

    def refuse_if_full(self, identifier: str, *, more: int = 0) -> None:
        info = self.info()
        quota = info.settings.quota
        if quota is not None and self.count() + more >= quota:
            raise QuotaExceeded(
                f"channel {info.name!r} is full: its quota is {quota:,} targets", item=identifier
            )

    def target(self, identifier: str) -> TargetRow | None:
        rows = self._rows("identifier = %s", (_storable(identifier),))
        return rows[0] if rows else None

    def rows(self, row_ids: Iterable[int]) -> dict[int, TargetRow]:
        return {row.row_id: row for row in self._rows("row_id = ANY(%s)", ([int(row) for row in row_ids],))}

    def features(self, row_ids: Iterable[int]) -> dict[int, bytes]:
        return self._blobs("features", row_ids)

    def thumbnails(self, row_ids: Iterable[int]) -> dict[int, bytes]:
        return self._blobs("thumbnails", row_ids)

    def picture(self, row_id: int) -> bytes | None:
        return self._blobs("pictures", (row_id,)).get(row_id)

    def _blobs(self, table: str, row_ids: Iterable[int]) -> dict[int, bytes]:
        select = f"SELECT row_id, data FROM {table} WHERE channel = %s AND row_id = ANY(%s)"  # noqa: S608
        values = (self.number, [int(row) for row in row_ids])
        return dict(self.connection.raw.execute(select, values, binary=True).fetchall())

    def features_after(self, row_id: int, limit: int = -1) -> Iterator[tuple[int, bytes]]:
        select = "SELECT row_id FROM targets WHERE channel = %s AND row_id > %s ORDER BY row_id LIMIT %s"
        values = (self.number, row_id, None if limit < 0 else limit)
        ids = [row for (row,) in self.connection.raw.execute(select, values)]
        for start in range(0, len(ids), _CHUNK):
            part = ids[start : start + _CHUNK]
            found = self.features(part)
            yield from ((row, found.get(row, b"")) for row in part)

    def _rows(self, where: str, values: tuple[Any, ...], page: str = "") -> list[TargetRow]:
        select = f"SELECT {COLUMNS} FROM targets WHERE channel = %s AND {where} {page}"  # noqa: S608
        channel = self.info().name
        found = self.connection.raw.execute(select, (self.number, *values))
        return [target_row(channel, (*row, None)) for row in found]

    def living(self, row_ids: Sequence[int]) -> list[int]:
        """Return those of `row_ids` that exist and are active: the only ones that a search may answer."""
        select = "SELECT row_id FROM targets WHERE channel = %s AND row_id = ANY(%s) AND active"
        found = self.connection.raw.execute(select, (self.number, [*row_ids]), binary=True)
        return [row for (row,) in found]

    def list(self, query: ListQuery = ListQuery()) -> tuple[int, list[TargetRow]]:
        where, values = _conditions(query)
        limit = None if query.limit is None else min(max(query.limit, 0), sys.maxsize)
        position = min(max(int(query.position), 0), sys.maxsize)
        if query.where:
            rows = [row for row in self._rows(where, values, "ORDER BY identifier") if _selected(row, query)]
            return len(rows), rows[position : None if limit is None else position + limit]
        total = self.count()
        if values:
            select = f"SELECT count(*) FROM targets WHERE channel = %s AND {where}"  # noqa: S608
            total = self.connection.raw.execute(select, (self.number, *values)).fetchone()[0]
        page = "ORDER BY identifier LIMIT %s OFFSET %s"
        return total, self._rows(where, (*values, limit, position), page)


class PostgresWriter(PostgresSnapshot):
    """A snapshot that can be changed. What it changes is durable when its `with` block has ended."""

    def __init__(self, connection: Connection, number: int) -> None:
        super().__init__(connection, number)
        self._targets = 0
        self._changed = False
        self._waiting: dict[str, dict[int, bytes]] = {table: {} for table in BLOB_TABLES}
        self._bytes = 0

    def hold_channel(self) -> None:
        """Keep the channel from being removed; where it has a quota, others wait, so that it holds."""
        lock = "SELECT settings::json->>'quota' FROM channels WHERE number = %s FOR SHARE"
        row = self.connection.raw.execute(lock, (self.number,)).fetchone()
        if row is None:
            raise ChannelNotFound(f"channel number {self.number} was removed")
        if row[0] is not None:
            self.connection.raw.execute("SELECT pg_advisory_xact_lock(%s, %s)", (1, self.number % 2**31))

    def count(self) -> int:
        return super().count() + self._targets

    def insert(self, new: NewTarget) -> int:
        """Add a target and return its row id. Raises TargetExists, QuotaExceeded."""
        if self.target(new.identifier) is not None:
            raise TargetExists(f"{new.identifier} exists already", item=new.identifier)
        self.refuse_if_full(new.identifier)
        return self._insert(new, new.created or now())

    def holder(self, row_id: int) -> str | None:  # noqa: ARG002 - as in the other store
        """Nothing: see `restore`."""
        return None

    def restore(self, new: NewTarget, row_id: int, segment: str | None) -> int:  # noqa: ARG002
        """Add a target that was removed, under a new row id: the old one may still be leaving Milvus."""
        return self.insert(new)

    def replace(self, new: NewTarget) -> int:
        """Replace the target of the same identifier, keeping its date of creation. Raises TargetNotFound."""
        old = self._held(new.identifier)
        self._delete(old.row_id)
        return self._insert(new, old.created or now())

    def remove(self, identifier: str) -> int | None:
        try:
            row = self._held(identifier)
        except TargetNotFound:
            return None
        self._delete(row.row_id)
        return row.row_id

    def update(self, identifier: str, changes: TargetChanges) -> TargetRow:
        """Change metadata, matchratio, active and identifier. Raises TargetNotFound, TargetExists."""
        row = self._held(identifier)
        if changes.rename is not None and changes.rename != identifier and self.target(changes.rename):
            raise TargetExists(f"{changes.rename} exists already", item=changes.rename)
        metadata, matchratio = changes.of(row.as_target())
        self.connection.raw.execute(
            "UPDATE targets SET identifier = coalesce(%s, identifier), metadata = %s, matchratio = %s,"
            " active = coalesce(%s, active), updated = %s WHERE channel = %s AND row_id = %s",
            (
                changes.rename,
                metadata,
                matchratio_text(matchratio),
                changes.active,
                now(),
                self.number,
                row.row_id,
            ),
        )
        self._changed = True
        return self._held(changes.rename or identifier)

    def _held(self, identifier: str) -> TargetRow:
        """Return a target, locked against others until the end."""
        rows = self._rows("identifier = %s", (_storable(identifier),), "FOR UPDATE")
        if not rows:
            raise TargetNotFound(f"no target {identifier} in channel {self.info().name!r}", item=identifier)
        return rows[0]

    def _insert(self, new: NewTarget, created: str) -> int:
        values = (
            self.number,
            new.identifier,
            new.metadata,
            matchratio_text(new.matchratio),
            new.level,
            new.active,
            new.picture_hash,
            created,
            new.updated or now(),
            new.name,
        )
        row = self.connection.raw.execute(
            f"INSERT INTO targets ({_FIELDS}) VALUES (%s, nextval('rows'){', %s' * 9})"  # noqa: S608
            " ON CONFLICT (channel, identifier) DO NOTHING RETURNING row_id",
            values,
        ).fetchone()
        if row is None:  # another transaction added it since we looked
            raise TargetExists(f"{new.identifier} exists already", item=new.identifier)
        row_id = int(row[0])
        for table, data in zip(BLOB_TABLES, (new.features, new.picture, new.thumbnail), strict=True):
            if data is not None:
                self._waiting[table][row_id] = data
                self._bytes += len(data)
        if self._bytes > POSTGRES.copy_bytes:
            self.write_waiting()
        insert = "INSERT INTO pending (channel, row_id) VALUES (%s, %s)"
        self.connection.raw.execute(insert, (self.number, row_id))
        self._targets += 1
        self._changed = True
        return row_id

    def write_waiting(self) -> None:
        """Write the blobs of what was inserted, by COPY: one stream a table instead of a statement a row."""
        for table, rows in self._waiting.items():
            if rows:
                copy = f"COPY {table} (channel, row_id, data) FROM STDIN (FORMAT BINARY)"
                with self.connection.raw.cursor().copy(copy) as stream:
                    stream.set_types(["int8", "int8", "bytea"])
                    for row_id, data in rows.items():
                        stream.write_row((self.number, row_id, data))
                rows.clear()
        self._bytes = 0

    def _blobs(self, table: str, row_ids: Iterable[int]) -> dict[int, bytes]:
        self.write_waiting()
        return super()._blobs(table, row_ids)

    def _delete(self, row_id: int) -> None:
        self.write_waiting()
        values = (self.number, row_id)
        for table in ("targets", "features", "pictures", "thumbnails", "pending"):
            delete = f"DELETE FROM {table} WHERE channel = %s AND row_id = %s"  # noqa: S608 - literals
            self.connection.raw.execute(delete, values)
        self.connection.raw.execute("INSERT INTO gone (channel, row_id) VALUES (%s, %s)", values)
        self._targets -= 1
        self._changed = True

    def count_change(self) -> None:
        """Note the change: a row of its own for each transaction, so that no two wait for one counter."""
        if self._changed:
            insert = "INSERT INTO tally (channel, targets, changes) VALUES (%s, %s, 1)"
            self.connection.raw.execute(insert, (self.number, self._targets))


def _storable(text: str) -> str:
    """Return a text that PostgreSQL can compare: one that no target has, where it cannot hold it."""
    text = text.encode(errors="replace").decode()
    return text if "\0" not in text else ""


def _conditions(query: ListQuery) -> tuple[str, tuple[Any, ...]]:
    terms: list[tuple[str, tuple[Any, ...]]] = [("true", ())]
    if query.prefix is not None:
        prefix = _storable(query.prefix)
        if prefix != query.prefix and not prefix:
            terms.append(("false", ()))
        terms.append(("identifier >= %s AND identifier < %s || chr(1114111)", (prefix, prefix)))
    if query.active is not None:
        terms.append(("active = %s", (bool(query.active),)))
    if query.level is not None:
        terms.append(("level = %s", (query.level,)))
    return " AND ".join(term for term, _ in terms), tuple(v for _, values in terms for v in values)


def _selected(row: TargetRow, query: ListQuery) -> bool:
    return all(metadata_is(row.metadata, json.dumps(k), json.dumps(v)) for k, v in query.where)
