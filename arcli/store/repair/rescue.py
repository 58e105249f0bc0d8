"""Reads what SQLite can still read of a damaged table, from both ends and between damaged places."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from arcli.store.connections import STORE

Key = tuple[bytes | int, ...]
Row = tuple[object, ...]
_NOT_DAMAGE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT}


@dataclass(slots=True)
class Carried:
    """The result for a table: how many rows are in the new database, and the keys known to be missing.

    places: damaged places in which there may have been rows that no index names. refused: rows that could be
    read but break the table's rules.
    """

    table: str
    rows: int = 0
    lost: list[str] = field(default_factory=list)
    places: int = 0
    refused: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not (self.lost or self.places or self.refused)


@dataclass(frozen=True, slots=True)
class Layout:
    """A table's columns in the new database that the old one has too: (name, type), and its key."""

    table: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]

    @property
    def by_row_id(self) -> bool:
        types = dict(self.columns)
        return len(self.key) == 1 and types[self.key[0]] == "INTEGER"

    @property
    def names(self) -> str:
        return ", ".join(name for name, _ in self.columns)

    @property
    def marks(self) -> str:
        """SQL marks that store bytes as text unchanged, even if they are no longer valid text."""
        return ", ".join("CAST(? AS TEXT)" if kind == "TEXT" else "?" for _, kind in self.columns)

    @classmethod
    def of(cls, old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> Layout:
        """Return the table's layout. Raises sqlite3.Error if the old database does not know the table."""
        there = {_text(row[1]) for row in old.execute(f"PRAGMA table_info({table})")}
        if not there:
            raise sqlite3.OperationalError(f"no such table: {table}")
        info = new.execute(f"PRAGMA table_info({table})").fetchall()
        key = sorted((row[5], row[1]) for row in info if row[5])
        columns = tuple((row[1], row[2]) for row in info if row[1] in there)
        return cls(table, columns, tuple(name for _, name in key))


def is_damage(error: sqlite3.Error) -> bool:
    """Say whether an error means that the file is damaged."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _NOT_DAMAGE


class TableReader:
    """Reads a table of a damaged database; texts come as bytes. `places` counts what could not be read."""

    def __init__(self, old: sqlite3.Connection, layout: Layout) -> None:
        self._old, self._layout = old, layout
        self._at = [[name for name, _ in layout.columns].index(name) for name in layout.key]
        self.known = self._known_keys()
        self.places = 0
        self._stopped = 0  # scans that came upon something unreadable

    def key_of(self, row: Row) -> Key:
        return tuple(row[at] for at in self._at)  # type: ignore[misc]

    def rows(self) -> Iterator[Row]:
        """Yield each row that can be read, from both ends and then one by one; some come more than once."""
        seen: set[Key] = set()
        for order in ("ASC", "DESC"):
            for row in self._scan(order):
                seen.add(self.key_of(row))
                yield row
        if self._stopped == 2 and not self._layout.by_row_id:
            self.places += 1
        for key in self._others(seen):
            yield from self.one(key)

    def _others(self, seen: set[Key]) -> Iterator[Key]:
        """Yield the keys that no scan found: all numbers up to the last one given, or those in an index."""
        if not self._layout.by_row_id:
            yield from self.known
            return
        yield from ((number,) for number in range(1, self._last_given() + 1) if (number,) not in seen)

    def _scan(self, order: str) -> Iterator[Row]:
        """Yield rows in order up to the first one that cannot be read."""
        by = ", ".join(f"{name} {order}" for name in self._layout.key)
        select = f"SELECT {self._layout.names} FROM {self._layout.table} ORDER BY {by}"  # noqa: S608
        try:
            yield from self._old.execute(select)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self._stopped += 1

    def one(self, key: Key) -> Iterator[Row]:
        """Yield the row of that key, if it exists and can be read."""
        types = dict(self._layout.columns)
        marks = {"TEXT": "CAST(? AS TEXT)"}
        terms = " AND ".join(f"{name} = {marks.get(types[name], '?')}" for name in self._layout.key)
        select = f"SELECT {self._layout.names} FROM {self._layout.table} WHERE {terms}"  # noqa: S608
        try:
            yield from self._old.execute(select, key)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self.places += 1

    def _last_given(self) -> int:
        """Return the highest row id that was ever given; a guess if nothing records it."""
        known = [int(key[0]) for key in self.known]
        with contextlib.suppress(sqlite3.Error):
            select = "SELECT max(seq) FROM sqlite_sequence"
            known.append(int(self._old.execute(select).fetchone()[0] or 0))
            return max(known)
        return max(known, default=0) + STORE.rows_beyond

    def _known_keys(self) -> dict[Key, None]:
        """Return the readable keys in the table's indexes."""
        found: dict[Key, None] = {}
        names = ", ".join(self._layout.key)
        with contextlib.suppress(sqlite3.Error):
            for index in self._old.execute(f"PRAGMA index_list({self._layout.table})").fetchall():
                name = _text(index[1])
                if _text(index[3]) == "pk":
                    continue
                for order in ("ASC", "DESC"):
                    self._read_index(name, names, order, found)
        return found

    def _read_index(self, index: str, names: str, order: str, found: dict[Key, None]) -> None:
        with contextlib.suppress(sqlite3.Error):
            first = _text(self._old.execute(f"PRAGMA index_info({index})").fetchone()[2])
            select = f"SELECT {names} FROM {self._layout.table} INDEXED BY {index} ORDER BY {first} {order}"  # noqa: S608
            for row in self._old.execute(select):
                if None not in row:
                    found[tuple(row)] = None


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def carry(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> Carried:
    """Copy what can be read of a table into the new database, and return what could not."""
    carried = Carried(table)
    try:
        layout = Layout.of(old, new, table)
        reader = TableReader(old, layout)
    except sqlite3.Error:
        carried.places = 1
        return carried
    insert = f"INSERT OR REPLACE INTO {table} ({layout.names}) VALUES ({layout.marks})"  # noqa: S608
    there: dict[Key, int] = {}
    for row in reader.rows():
        key, content = reader.key_of(row), hash(row)
        if there.get(key) == content:
            continue
        twice = key in there  # two rows have the key: the one found by it counts
        try:
            new.execute(insert, next(reader.one(key), row) if twice else row)
        except (sqlite3.IntegrityError, sqlite3.DataError):
            carried.refused.append(named(key))
            continue
        there[key] = content
    carried.rows, carried.places = len(there), reader.places
    carried.lost = [named(key) for key in reader.known if key not in there]
    carried.refused = [name for name in carried.refused if name not in map(named, there)]
    return carried


def named(key: Sequence[object]) -> str:
    return " ".join(map(_text, key))
