"""Which channels a cluster has, in PostgreSQL. A channel's number is its identity; its name may change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from arcli.errors import ChannelExists
from arcli.models import ChannelSettings, SettingsChanges, valid_channel_name
from arcli.store import audit
from arcli.store.catalog import ChannelRecord, earlier_quota, remember_quota, unknown_channel, update_settings
from arcli.store.postgres.database import Connection, PostgresDatabase
from arcli.store.postgres.schema import BLOB_TABLES, format_of, make_tables
from arcli.store.postgres.schema import STEPS as _STEPS
from arcli.store.renaming import NAME_LISTS, rename_in_lists
from arcli.store.rows import now, settings_from, settings_text

_RECORDS = "SELECT name, number, settings, preset, created FROM channels"
_BYTES = """
WITH parts AS (
    SELECT count(*)::int AS modulus FROM pg_inherits WHERE inhparent = 'targets'::regclass
), mine AS (
    SELECT modulus, remainder FROM parts, generate_series(0, modulus - 1) AS remainder
    WHERE satisfies_hash_partition('targets'::regclass, modulus, remainder, %(channel)s::bigint)
), held AS (
    SELECT sum(pg_total_relation_size(to_regclass(name || '_' || remainder))) AS bytes
    FROM mine, unnest(%(tables)s::text[]) AS name
), counted AS (
    SELECT sum(targets) AS together, sum(targets) FILTER (WHERE channel = %(channel)s) AS own
    FROM tally, mine WHERE satisfies_hash_partition('targets'::regclass, modulus, remainder, channel)
)
SELECT coalesce(bytes * own / nullif(together, 0), 0)::bigint FROM held, counted
"""


class PostgresCatalog:
    """The channels of one database. One without tables is an empty catalog. Close it when done."""

    def __init__(self, dsn: str) -> None:
        self.database = PostgresDatabase(dsn)
        self._there = False

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> PostgresCatalog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def exists(self) -> bool:
        """Say whether the tables are there; those of an earlier arcli are brought up to date first.

        Raises DataTooNew, Unreachable.
        """
        if not self._there:
            with self.database.read() as connection:
                done = format_of(connection)
            if done is not None and done < len(_STEPS):
                make_tables(self.database)
            self._there = done is not None
        return self._there

    def make(self) -> None:
        """Make the tables unless they are there; several processes may do so at once."""
        if not self.exists():
            make_tables(self.database)
            self._there = True

    def upgrade(self) -> int:
        """Make the tables, or bring them up to date; return how many steps that took. Raises DataTooNew."""
        return make_tables(self.database)

    def channels(self) -> list[ChannelRecord]:
        if not self.exists():
            return []
        with self.database.read() as connection:
            return [_record(row) for row in connection.execute(f"{_RECORDS} ORDER BY name").fetchall()]

    def channel(self, name: str) -> ChannelRecord:
        name = valid_channel_name(name)
        if not self.exists():
            raise unknown_channel(name)
        with self.database.read() as connection:
            return _one(connection, name)

    def bytes_of(self, number: int) -> int:
        """Return what a channel takes on PostgreSQL's disk, by its number.

        It is the share by targets of the partition's size, where other channels are in the same one.
        """
        values = {"channel": number, "tables": ["targets", "counts", *BLOB_TABLES]}
        with self.database.read() as connection:
            return int(connection.raw.execute(_BYTES, values).fetchone()[0])

    def create_channel(
        self, name: str, settings: ChannelSettings, preset: int, *, created: str | None = None
    ) -> ChannelRecord:
        name = valid_channel_name(name)
        self.make()
        with self.database.write() as connection:
            if settings.quota is None and settings.owner is not None:
                settings = replace(settings, quota=earlier_quota(connection, settings.owner, name))
            self._enter(connection, name, settings, preset, created or now())
            audit.note(connection, "channel created", name, owner=settings.owner)
            return _one(connection, name)

    def _enter(
        self, connection: Connection, name: str, settings: ChannelSettings, preset: int, created: str
    ) -> int:
        row = connection.execute(
            "INSERT INTO channels (name, settings, preset, created, owner) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (name) DO NOTHING RETURNING number",
            (name, settings_text(settings), preset, created, settings.owner),
        ).fetchone()
        if row is None:
            raise ChannelExists(f"channel {name!r} exists already", item=name)
        return int(row[0])

    def set_channel(self, name: str, changes: SettingsChanges) -> ChannelRecord:
        name = valid_channel_name(name)
        with self._changing(name) as connection:
            record = _one(connection, name, lock=True)
            update_settings(connection, name, replace(record.settings, **changes))
            audit.note(connection, "channel set", name, **changes)
            return _one(connection, name)

    def disown(self, connection: Any, name: str) -> None:
        """Take a channel from its owner, in a transaction that `connection` holds."""
        record = _one(connection, name, lock=True)
        update_settings(connection, name, replace(record.settings, owner=None))

    def remove_channel(self, name: str) -> None:
        """Remove a channel with all that is in it; the index follows later, and no search sees it again."""
        name = valid_channel_name(name)
        with self._changing(name) as connection:
            record = _one(connection, name, lock=True)
            remember_quota(connection, record)
            number = channel_number(record)
            for table in ("targets", *BLOB_TABLES, "counts", "pending", "gone", "tally"):
                connection.execute(f"DELETE FROM {table} WHERE channel = ?", (number,))  # noqa: S608 - literals
            connection.execute("DELETE FROM channels WHERE name = ?", (name,))
            connection.execute("INSERT INTO leaving (channel) VALUES (?)", (number,))
            audit.note(connection, "channel removed", name)

    def rename_channel(self, name: str, new: str) -> ChannelRecord:
        """Give a channel another name; grants and counts go along. Raises ChannelNotFound, ChannelExists."""
        name, new = valid_channel_name(name), valid_channel_name(new)
        with self._changing(name) as connection:
            _one(connection, name, lock=True)
            if connection.execute("SELECT 1 FROM channels WHERE name = ?", (new,)).fetchone():
                raise ChannelExists(f"channel {new!r} exists already", item=new)
            connection.execute("UPDATE channels SET name = ? WHERE name = ?", (new, name))
            for table, key in NAME_LISTS.items():
                rename_in_lists(connection, table, key, name, new)
            return _one(connection, new)

    def copy_channel(self, name: str, new: str) -> ChannelRecord:
        """Copy a channel's targets and settings, not its counts. Raises ChannelNotFound, ChannelExists."""
        name, new = valid_channel_name(name), valid_channel_name(new)
        with self._changing(name) as connection:
            record = _one(connection, name, lock=True)
            number = self._enter(connection, new, record.settings, record.preset, now())
            old = channel_number(record)
            run = connection.execute
            run(
                "CREATE TEMPORARY TABLE copied ON COMMIT DROP AS SELECT row_id AS old, nextval('rows') AS new"
                " FROM targets WHERE channel = ?",
                (old,),
            )
            rest = "identifier, metadata, matchratio, level, active, picture_hash, created, updated, name"
            for table, columns in {"targets": rest, **dict.fromkeys(BLOB_TABLES, "data")}.items():
                run(
                    f"INSERT INTO {table} (channel, row_id, {columns})"  # noqa: S608 - literals
                    f" SELECT ?, copied.new, {columns} FROM {table} JOIN copied ON row_id = old"
                    " WHERE channel = ?",
                    (number, old),
                )
            run("INSERT INTO pending SELECT ?, new FROM copied", (number,))
            run("INSERT INTO tally SELECT ?, count(*), 1 FROM copied", (number,))
            return _one(connection, new)

    def secret(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return one of the servers' own secrets, which all of them share; `make` gives it at first use."""
        self.make()
        with self.database.write() as connection:
            return secret_in(connection, name, make)

    @contextmanager
    def _changing(self, name: str) -> Iterator[Connection]:
        if not self.exists():
            raise unknown_channel(name)
        with self.database.write(long=True) as connection:
            yield connection


def secret_in(connection: Any, name: str, make: Callable[[], bytes]) -> bytes:
    """Do what `PostgresCatalog.secret` does, in a transaction that is held."""
    insert = "INSERT INTO server_secrets (name, data) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
    select = "SELECT data FROM server_secrets WHERE name = ?"
    row = connection.execute(select, (name,)).fetchone()
    if row is None:
        connection.execute(insert, (name, make()))
        row = connection.execute(select, (name,)).fetchone()
    return bytes(row[0])


def channel_number(record: ChannelRecord) -> int:
    """Return the number by which the tables know a channel."""
    return int(record.folder.name)


def _one(connection: Any, name: str, *, lock: bool = False) -> ChannelRecord:
    clause = " FOR UPDATE" if lock else ""
    row = connection.execute(f"{_RECORDS} WHERE name = ?{clause}", (name,)).fetchone()
    if row is None:
        raise unknown_channel(name)
    return _record(row)


def _record(row: tuple[str, int, str, int, str]) -> ChannelRecord:
    name, number, settings, preset, created = row
    return ChannelRecord(
        name=name, folder=Path(str(number)), settings=settings_from(settings), preset=preset, created=created
    )
