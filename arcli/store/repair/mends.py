"""Catalog, store and counts rewritten: lost rows that other rows still give evidence of are made again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence

from arcli.errors import DataDamaged, DataTooNew
from arcli.models import Finding
from arcli.store.catalog import Catalog, ChannelRecord
from arcli.store.channel import ChannelStore
from arcli.store.counts import Counts
from arcli.store.repair.check import is_damaged
from arcli.store.repair.renew import renew
from arcli.store.repair.rescue import Carried
from arcli.store.rows import BLOBS, now, settings_text
from arcli.store.schema import META
from arcli.store.snapshot import as_bytes

_INDEXED = "SELECT row_id, identifier FROM targets INDEXED BY sqlite_autoindex_targets_1"
_OF_ACCOUNTS = ("keys", "grants", "bindings")


def renew_catalog(catalog: Catalog) -> Iterator[Finding]:
    """Rewrite a damaged catalog. Raises DataDamaged if nothing of it can be read."""
    yield from renew(catalog.database, _mend_catalog).findings(str(catalog.database.path))


def _mend_catalog(_: sqlite3.Connection, new: sqlite3.Connection, carried: Sequence[Carried]) -> None:
    """Make accounts whose row is lost again, from their keys, grants and bindings."""
    (accounts,) = [table for table in carried if table.table == "accounts"]
    for table in _OF_ACCOUNTS:
        known = "SELECT username FROM accounts"
        missing = f"SELECT DISTINCT username FROM {table} WHERE username NOT IN ({known})"  # noqa: S608
        for (name,) in new.execute(missing).fetchall():
            new.execute("INSERT INTO accounts (username, created) VALUES (?, ?)", (name, now()))
            accounts.lost.append(f"{name} (made again from its {table})")


def renew_store(store: ChannelStore, record: ChannelRecord | None) -> Iterator[Finding]:
    """Rewrite a damaged store; settings that it has lost are taken from the catalog's `record`.

    Raises DataDamaged if nothing of it can be read.
    """
    noted = store.database.witness.read()
    changes = noted.changes if noted else 0

    def mend(old: sqlite3.Connection, new: sqlite3.Connection, carried: Sequence[Carried]) -> None:
        targets = {table.table: table for table in carried}["targets"]
        _name_lost_targets(old, new, targets)
        _describe(new, record)
        _name_lost_blobs(new, carried)
        new.execute(
            "UPDATE state SET changes = max(changes, ?) + 1, dead_changes = dead_changes + 1", (changes,)
        )
        new.execute("UPDATE state SET targets = (SELECT count(*) FROM targets)")

    renewed = renew(store.database, mend)
    store.database.accept_loss()
    yield from renewed.findings(record.name if record else str(store.folder))


def renew_counts(counts: Counts) -> Iterator[Finding]:
    """Rewrite match counts in which SQLite finds damage. Raises DataTooNew.

    Where nothing can be read they are put aside, and counting starts again.
    """
    if not counts.database.exists() or not is_damaged(counts.database):
        return
    subject = str(counts.database.path)
    try:
        yield from renew(counts.database, lambda *_: None).findings(subject)
    except DataTooNew:
        raise
    except DataDamaged:
        aside = counts.database.set_aside()
        message = (
            f"of the counts nothing can be read; they are now in {aside.name}, and counting starts again"
        )
        hint = "restore a backup if they matter"
        yield Finding(subject=subject, ok=False, message=message, hint=hint, repaired=True)


def _name_lost_targets(old: sqlite3.Connection, new: sqlite3.Connection, targets: Carried) -> None:
    """Name lost rows by the identifiers in the index; rows with features are made again."""
    identifiers: dict[int, bytes] = {}
    for order in ("ASC", "DESC"):
        select = f"{_INDEXED} ORDER BY identifier {order}"
        with contextlib.suppress(sqlite3.Error):
            for row_id, identifier in old.execute(select):
                identifiers[row_id] = identifier
    named = list[str]()
    for key in targets.lost:
        name = identifiers.get(int(key))
        made = name is not None and _made_again(new, int(key), name)
        words = f"row {key}" if name is None else name.decode("utf-8", "replace")
        named.append(f"{words} (its metadata; found again by its features)" if made else words)
    targets.lost[:] = named


def _name_lost_blobs(new: sqlite3.Connection, carried: Sequence[Carried]) -> None:
    """Name the targets whose checksums mention a blob that is missing."""
    tables = {table.table: table for table in carried}
    for table, column in BLOBS.items():
        there = f"SELECT row_id FROM {table}"  # noqa: S608 - constants
        missing = f"SELECT identifier FROM targets WHERE {column} NOT NULL AND row_id NOT IN ({there})"  # noqa: S608
        with as_bytes(new):
            names = [name.decode("utf-8", "replace") for (name,) in new.execute(missing)]
        tables[table].lost += names


def _made_again(new: sqlite3.Connection, row_id: int, identifier: bytes) -> bool:
    if not new.execute("SELECT 1 FROM features WHERE row_id = ?", (row_id,)).fetchone():
        return False
    insert = (
        "INSERT OR IGNORE INTO targets (row_id, identifier, active, created, updated)"
        " VALUES (?, CAST(? AS TEXT), 1, ?, ?)"
    )
    return new.execute(insert, (row_id, identifier, now(), now())).rowcount > 0


def _describe(new: sqlite3.Connection, record: ChannelRecord | None) -> None:
    """Restore values of `meta` that are missing or fail their checksum."""
    if record is not None:
        meta = {
            "name": record.name,
            "settings": settings_text(record.settings),
            "preset": str(record.preset),
            "created": record.created,
        }
        for key, value in meta.items():
            _put(new, key, value)
    for key in ("store_id", "epoch", "home"):
        _put(new, key, "")


def _put(new: sqlite3.Connection, key: str, value: str) -> None:
    sound = f"SELECT 1 FROM meta WHERE key = ? AND {META.sound()}"  # noqa: S608 - constants
    if not new.execute(sound, (key,)).fetchone():
        new.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
