"""Formats of a database: numbered steps, each applied in one transaction.

`application_id` says whose file it is and `user_version` how many steps it has seen. Format 1 is the first
step; a later change appends a step and never edits one that was released.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from arcli.errors import DataDamaged, DataTooNew
from arcli.store.checksums import SealedTable

_IMPLAUSIBLE = 1000  # no arcli has so many formats: a bit was changed
Migration = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Schema:
    """The kind of a database file and the steps that lead to its present format.

    readable: the oldest format that can be read without migrating it; None: only the present one.
    sealed: its tables whose rows have checksums. progress: selects how many changes and rows there are.
    """

    application_id: int
    migrations: tuple[Migration, ...]
    readable: int | None = None
    sealed: tuple[SealedTable, ...] = ()
    progress: str | None = None

    @property
    def format(self) -> int:
        return len(self.migrations)


def format_of(connection: sqlite3.Connection, schema: Schema, path: Path) -> int:
    """Return how many steps the database has seen; 0 when it is empty.

    Raises DataTooNew for a format of a later arcli and DataDamaged for a database that is not ours.
    """
    number = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if number == 0 and owner == 0 and not connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
        return 0
    if owner != schema.application_id or not 0 <= number <= _IMPLAUSIBLE:
        raise DataDamaged(f"{path} is not the database that arcli expects there", item=str(path))
    if number > schema.format:
        raise DataTooNew(
            f"{path} has format {number}, this arcli reads up to {schema.format}", item=str(path)
        )
    return number


def migrate(connection: sqlite3.Connection, schema: Schema, path: Path) -> None:
    """Bring the database to the present format. A step that fails leaves the format before it."""
    for number in range(format_of(connection, schema, path), schema.format):
        connection.execute("BEGIN IMMEDIATE")
        try:
            schema.migrations[number](connection)
            connection.execute(f"PRAGMA application_id = {schema.application_id}")
            connection.execute(f"PRAGMA user_version = {number + 1}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
