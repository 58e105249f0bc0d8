"""Checksums for targets that an arcli without checksums wrote: some at a time, from the newest on.

`meta` keeps the highest row id that may lack one (`unsealed`), so that it continues where it was interrupted.
"""

from __future__ import annotations

import sqlite3

from arcli.store.checksums import of_columns
from arcli.store.rows import BLOBS, SUMMED

_MARK = "unsealed"


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
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (_MARK,)).fetchone()
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
        connection.execute(update, (str(found[-1] - 1), _MARK))
    else:
        connection.execute("DELETE FROM meta WHERE key = ?", (_MARK,))
    return left
