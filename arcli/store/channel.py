"""The store of one channel: targets, features, kept pictures and thumbnails in `store.sqlite`."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arcli.errors import ArcliError, ChannelNotFound, StorageNotWritable
from arcli.models import ChannelSettings
from arcli.store.connections import PATIENCE, Patience
from arcli.store.database import Database
from arcli.store.rows import seal_next, settings_text, unsealed
from arcli.store.schema import STORE
from arcli.store.snapshot import Snapshot
from arcli.store.transaction import WriteTransaction

STORE_FILE = "store.sqlite"


class ChannelStore:
    """The truth about one channel. Threads and processes may share it; close it when done."""

    def __init__(self, folder: Path, *, readonly: bool, patience: Patience = PATIENCE) -> None:
        self.folder = folder
        self.readonly = readonly
        self.database = Database(folder / STORE_FILE, STORE, missing=self._missing, patience=patience)

    @classmethod
    def open(cls, folder: Path, *, readonly: bool = False, patience: Patience = PATIENCE) -> ChannelStore:
        """Open the store in `folder`. Raises ChannelNotFound, DataDamaged, DataTooNew, StorageNotWritable."""
        store = cls(folder, readonly=readonly, patience=patience)
        try:
            with store.read() as snapshot:
                snapshot.info()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def create(cls, folder: Path, *, name: str, settings: ChannelSettings, preset: int, created: str) -> None:
        """Make an empty store in the existing `folder`."""

        def fill(connection: sqlite3.Connection) -> None:
            cls.describe(connection, name, settings, preset, created)

        cls(folder, readonly=False).database.create(fill)

    @staticmethod
    def describe(
        connection: sqlite3.Connection, name: str, settings: ChannelSettings, preset: int, created: str
    ) -> None:
        """Write what a store says of itself, with an identity of its own."""
        meta = {
            "name": name,
            "settings": settings_text(settings),
            "preset": str(preset),
            "created": created,
            "store_id": secrets.token_hex(16),
            "epoch": secrets.token_hex(8),
            "home": "",  # the first write transaction fills it in: a rename keeps the inode, but not the name
        }
        connection.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", meta.items())

    def __enter__(self) -> ChannelStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()

    @contextmanager
    def read(self) -> Iterator[Snapshot]:
        """Hold one read transaction. It sees all that was acknowledged and never waits for a writer."""
        with self.database.read() as connection:
            yield Snapshot(connection, self.database.path)

    @contextmanager
    def write(self, *, timeout: float | None = None) -> Iterator[WriteTransaction]:
        """Hold the one write transaction: durable when the block has ended, void if it raises.

        Raises Locked when others write for `timeout` seconds (None: those of its patience),
        StorageNotWritable, DiskFull, ChannelNotFound.
        """
        if self.readonly:
            raise StorageNotWritable(f"{self.folder} was opened for reading only", item=str(self.folder))
        with self.database.write(timeout=timeout) as connection:
            transaction = WriteTransaction(connection, self.database.path)
            transaction.settle_in()
            yield transaction
            transaction.count_change()

    def seal(self, *, rows: int) -> int:
        """Give a checksum to at most `rows` targets of an earlier arcli; return how many have none yet.

        Raises Locked, StorageNotWritable, DiskFull.
        """
        with self.read() as snapshot:
            if not unsealed(snapshot.connection):
                return 0
        with self.write() as transaction:
            return seal_next(transaction.connection, rows)

    def shrink(self) -> None:
        """Give the space of removed targets back. Raises Locked, StorageNotWritable, DiskFull."""
        if self.readonly:
            raise StorageNotWritable(f"{self.folder} was opened for reading only", item=str(self.folder))
        self.database.shrink()

    def _missing(self) -> ArcliError:
        return ChannelNotFound(f"the channel in {self.folder} is gone", item=str(self.folder))
