"""Checksums of rows, kept in the rows themselves: data that the disk has changed are noticed when read.

`checksum` is a Python function and, under the same name, a function of every connection's SQL. A sealed table
has a column `crc32`. Any UPDATE sets it to NULL, by a trigger that needs no function, as does an INSERT that
does not name it; a transaction fills in what is NULL before it commits. NULL in a row at rest means that an
arcli without checksums wrote it.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Value = bytes | str | int | None


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table whose rows have checksums: the columns of its key, and the others that are covered."""

    name: str
    key: tuple[str, ...]
    rest: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return self.key + self.rest

    @property
    def sum(self) -> str:
        """The SQL of a row's checksum."""
        return of_columns(self.columns)

    def sound(self, alias: str | None = None) -> str:
        """Return an SQL condition that holds for rows that are as they were written."""
        table = alias or self.name
        return f"({table}.crc32 IS NULL OR {table}.crc32 = {of_columns(self.columns, table)})"


def checksum(*values: Value) -> int | None:
    """Return the CRC-32 of a row's values; for one blob that of its bytes, for one NULL NULL."""
    if len(values) == 1:
        return None if values[0] is None else zlib.crc32(_bytes(values[0]))
    return zlib.crc32(b"\0".join(map(_bytes, values)))


def _bytes(value: Value) -> bytes:
    """Return what `CAST(value AS BLOB)` gives; for NULL bytes that are no text."""
    if isinstance(value, bytes):
        return value
    if value is None:
        return b"\xff"
    return str(value).encode("utf-8", "surrogateescape")


def install(connection: sqlite3.Connection) -> None:
    """Make `checksum` known to the SQL of a connection."""
    connection.create_function("checksum", -1, checksum, deterministic=True)


def of_columns(columns: Sequence[str], table: str | None = None) -> str:
    """Return the SQL of a row's checksum. Text that is no longer Unicode has one too."""
    prefix = f"{table}." if table else ""
    return f"checksum({', '.join(f'CAST({prefix}{name} AS BLOB)' for name in columns)})"


def add_column(connection: sqlite3.Connection, tables: Iterable[SealedTable]) -> None:
    """Give tables the column, the trigger that empties it, and an index of rows without a checksum."""
    for table in tables:
        name, same = table.name, " AND ".join(f"{column} = NEW.{column}" for column in table.key)
        connection.execute(f"ALTER TABLE {name} ADD COLUMN crc32 INTEGER")
        connection.execute(f"CREATE INDEX {name}_unsealed ON {name} ({table.key[0]}) WHERE crc32 IS NULL")
        connection.execute(
            f"CREATE TRIGGER {name}_changed AFTER UPDATE ON {name} WHEN NEW.crc32 IS OLD.crc32"  # noqa: S608
            f" BEGIN UPDATE {name} SET crc32 = NULL WHERE {same}; END"
        )


def seal(connection: sqlite3.Connection, tables: Iterable[SealedTable]) -> None:
    """Give a checksum to each row that has none."""
    for table in tables:
        connection.execute(f"UPDATE {table.name} SET crc32 = {table.sum} WHERE crc32 IS NULL")  # noqa: S608


def failing(connection: sqlite3.Connection, tables: Iterable[SealedTable]) -> Iterator[tuple[str, str]]:
    """Yield (table, key) of each row that is not as it was written. Changes nothing."""
    for table in tables:
        key = " || ' ' || ".join(table.key)
        select = f"SELECT CAST({key} AS BLOB) FROM {table.name} WHERE NOT {table.sound()}"  # noqa: S608
        for (name,) in connection.execute(select):
            yield table.name, name.decode("utf-8", "replace")
