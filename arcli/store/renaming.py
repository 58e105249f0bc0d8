"""Channels under another name: renamed where they are, or copied.

A rename changes the catalog and the name in the channel's own store. The store comes first: a process that is
killed in between leaves a channel under its old name, and the next to open it corrects the store's name. A
copy appears in the catalog once all of it is on disk.
"""

from __future__ import annotations

import json
import secrets
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from arcli.errors import ArcliError
from arcli.files import built_aside
from arcli.models import valid_channel_name
from arcli.store.catalog import Catalog, ChannelRecord, enter, expect_free
from arcli.store.channel import STORE_FILE, ChannelStore
from arcli.store.checksums import seal
from arcli.store.connections import open_connection
from arcli.store.leftovers import made_whole
from arcli.store.rows import SqlConnection, now
from arcli.store.schema import STORE

NAME_LISTS = {"keys": "key_id", "bindings": "secret_id"}  # tables whose `channels` is a list of names


def rename_channel(catalog: Catalog, old: str, new: str) -> ChannelRecord:
    """Give a channel another name; grants, keys and bindings go with it.

    Raises ChannelNotFound, ChannelExists, InvalidChannelName.
    """
    new = valid_channel_name(new)
    record = catalog.channel(old)
    with catalog.database.write() as connection:
        expect_free(connection, new)
        _name_store(record.folder, new)
        connection.execute("PRAGMA defer_foreign_keys = ON")  # until the commit below
        connection.execute("UPDATE channels SET name = ? WHERE name = ?", (new, record.name))
        connection.execute("UPDATE grants SET channel = ? WHERE channel = ?", (new, record.name))
        for table, key in NAME_LISTS.items():
            rename_in_lists(connection, table, key, record.name, new)
    return catalog.channel(new)


def put_name_right(record: ChannelRecord, store: ChannelStore) -> None:
    """Give a store the name that the catalog has for it, in case a rename was killed half-way."""
    with store.read() as snapshot:
        known = snapshot.info().name
    if known != record.name:
        with suppress(ArcliError):  # a folder that may only be read
            _name_store(record.folder, record.name)


def copy_channel(catalog: Catalog, old: str, new: str) -> ChannelRecord:
    """Copy a channel's settings and targets, as they are now, to a new channel; its counts start at zero.

    Raises ChannelNotFound, ChannelExists, InvalidChannelName.
    """
    new = valid_channel_name(new)
    record = catalog.channel(old)
    with catalog.database.read() as connection:
        expect_free(connection, new)
    folder = catalog.make_folder(new)
    with made_whole(folder):
        return _copy_into(catalog, record, new, folder)


def _copy_into(catalog: Catalog, record: ChannelRecord, new: str, folder: Path) -> ChannelRecord:
    copied = replace(record, name=new, folder=folder, created=now())
    with built_aside(folder / STORE_FILE) as aside:
        _copy_store(record.folder, aside, copied)
    with catalog.database.write() as connection:
        expect_free(connection, new)
        enter(connection, copied)
    return copied


def _name_store(folder: Path, name: str) -> None:
    with ChannelStore.open(folder) as store, store.write() as transaction:
        transaction.set_name(name)


def rename_in_lists(connection: SqlConnection, table: str, key: str, old: str, new: str) -> None:
    """Rename a channel where its name is an item of a list in `table`."""
    rows = connection.execute(f"SELECT {key}, channels FROM {table} WHERE channels IS NOT NULL")  # noqa: S608
    for owner, text in rows.fetchall():
        names = json.loads(text)
        if old in names:
            renamed = json.dumps([new if name == old else name for name in names])
            connection.execute(f"UPDATE {table} SET channels = ? WHERE {key} = ?", (renamed, owner))  # noqa: S608


def _copy_store(source: Path, target: Path, record: ChannelRecord) -> None:
    """Copy a store page by page from one snapshot; the copy is a store of its own, without an index."""
    meta = {
        "name": record.name,
        "created": record.created,
        "store_id": secrets.token_hex(16),
        "epoch": secrets.token_hex(8),
        "home": "",
    }
    with (
        ChannelStore.open(source, readonly=True) as store,
        store.read() as snapshot,
        closing(open_connection(target, "mode=rwc")) as copy,
    ):
        snapshot.connection.backup(copy)
        copy.execute("BEGIN IMMEDIATE")
        copy.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", meta.items())
        copy.execute("DELETE FROM segments")
        seal(copy, STORE.sealed)
        copy.execute("COMMIT")
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # closing says nothing where that fails
