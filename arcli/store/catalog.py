"""The catalog of a data folder: which channels there are, and in which folder each is.

The data folder holds `catalog.sqlite` and, below `channels/`, a folder for each channel. A channel's name,
settings and preset are in its own store too, so that `arcli.store.repair.check` can rebuild a lost catalog.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from arcli.errors import (
    ArcliError,
    ChannelExists,
    ChannelNotFound,
    DataDamaged,
    DiskFull,
    ShellHint,
    StorageNotWritable,
)
from arcli.files import make_folder, of_os
from arcli.models import ChannelSettings, SettingsChanges, valid_channel_name
from arcli.store import audit
from arcli.store.channel import STORE_FILE, ChannelStore
from arcli.store.database import Database
from arcli.store.leftovers import DAMAGED, REMOVED, discard, leaving, sweep
from arcli.store.reserve import Reserve, warn_of_network
from arcli.store.rows import SqlConnection, now, settings_from, settings_text
from arcli.store.schema import CATALOG
from arcli.system import sync

CATALOG_FILE = "catalog.sqlite"
CHANNELS_FOLDER = "channels"
_COLUMNS = "name, folder, settings, preset, created"
_RECORDS = f"SELECT {_COLUMNS} FROM channels"  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRecord:
    """A channel as the catalog knows it. `folder` is where its store, counts and index are."""

    name: str
    folder: Path
    settings: ChannelSettings
    preset: int
    created: str


class Catalog:
    """The channels of one data folder. A folder that does not exist is an empty catalog."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.database = Database(data_dir / CATALOG_FILE, CATALOG, missing=self._missing)
        self.reserve = Reserve(data_dir)

    @classmethod
    def open(cls, data_dir: Path, *, create: bool) -> Catalog:
        """Open the catalog of `data_dir`, making the folder and the catalog if `create` is on.

        Raises StorageNotWritable, DiskFull, DataDamaged (also when the catalog is gone and channels are
        there), DataTooNew.
        """
        catalog = cls(data_dir)
        warn_of_network(data_dir)
        try:
            if not catalog.exists() and catalog.stores() and not catalog.exists():  # made just now?
                raise catalog._missing()
            if create:
                catalog.make()
            if catalog.exists():
                with catalog.database.read():
                    pass
        except BaseException:
            catalog.close()
            raise
        return catalog

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()

    @property
    def channels_dir(self) -> Path:
        return self.data_dir / CHANNELS_FOLDER

    def exists(self) -> bool:
        """Say whether there is a catalog file."""
        return self.database.exists()

    def make(self) -> None:
        """Make the data folder, readable by its owner alone, and an empty catalog, unless they exist."""
        if self.exists():
            return
        try:
            for folder in (self.channels_dir.parent, self.channels_dir):
                make_folder(folder)
        except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
            raise StorageNotWritable(
                f"cannot make the data folder {self.data_dir}: {error.strerror}",
                hint=ShellHint("--data-dir or ARCLI_DATA_DIR names another"),
                item=str(self.data_dir),
            ) from error
        except OSError as error:
            raise of_os(self.channels_dir, error) from error
        self.database.create()
        self.reserve.keep()

    def stores(self) -> list[Path]:
        """Return the folders that hold a store and are not to be removed, known to the catalog or not."""
        found = self.channels_dir.glob(f"*/{STORE_FILE}")
        gone = (REMOVED, DAMAGED, *(leaving(self.database) if self.exists() else ()))
        return sorted(path.parent for path in found if not path.parent.name.startswith(gone))

    def channels(self) -> list[ChannelRecord]:
        """Return all channels by name (code points)."""
        if not self.exists():
            return []
        with self.database.read() as connection:
            return [self._record(row) for row in connection.execute(f"{_RECORDS} ORDER BY name")]

    def channel(self, name: str) -> ChannelRecord:
        """Return one channel. Raises ChannelNotFound, InvalidChannelName."""
        name = valid_channel_name(name)
        if not self.exists():
            raise unknown_channel(name)
        with self.database.read() as connection:
            return self._one(connection, name)

    def create_channel(
        self, name: str, settings: ChannelSettings, preset: int, *, created: str | None = None
    ) -> ChannelRecord:
        """Make a channel. Raises ChannelExists, InvalidChannelName.

        If its owner had a channel of this name before and removed it, the new one has the same quota, unless
        `settings` name another.
        """
        name = valid_channel_name(name)
        created = created or now()
        self.make()
        sweep(self.database, self.channels_dir)
        with self.database.write() as connection:
            expect_free(connection, name)
            if settings.quota is None and settings.owner is not None:
                settings = replace(settings, quota=earlier_quota(connection, settings.owner, name))
            folder = self.make_folder(name)
            ChannelStore.create(folder, name=name, settings=settings, preset=preset, created=created)
            record = ChannelRecord(
                name=name, folder=folder, settings=settings, preset=preset, created=created
            )
            enter(connection, record)
            audit.note(connection, "channel created", name, owner=settings.owner)
            return record

    def set_channel(self, name: str, changes: SettingsChanges) -> ChannelRecord:
        """Change settings of a channel, in its store and in the catalog. Raises ChannelNotFound."""
        name = valid_channel_name(name)
        with self._changing() as connection:
            record = self._one(connection, name)
            settings = replace(record.settings, **changes)
            with ChannelStore.open(record.folder) as store, store.write() as transaction:
                transaction.set_settings(settings)
            update_settings(connection, name, settings)
            audit.note(connection, "channel set", name, **changes)
            return self._one(connection, name)

    def set_preset(self, name: str, preset: int) -> ChannelRecord:
        """Give a channel another preset, in its store and in the catalog. Raises ChannelNotFound."""
        with self._changing() as connection:
            record = self._one(connection, name)
            if record.preset != preset:
                with ChannelStore.open(record.folder) as store, store.write() as transaction:
                    transaction.set_preset(preset)
                connection.execute("UPDATE channels SET preset = ? WHERE name = ?", (preset, name))
                audit.note(connection, "channel upgraded", name, preset=preset)
            return self._one(connection, name)

    def disown(self, connection: sqlite3.Connection, name: str) -> None:
        """Take a channel from its owner, in a transaction that `connection` holds."""
        record = self._one(connection, name)
        settings = replace(record.settings, owner=None)
        with (
            contextlib.suppress(DataDamaged, ChannelNotFound),  # then only the catalog drops it
            ChannelStore.open(record.folder) as store,
            store.write() as transaction,
        ):
            transaction.set_settings(settings)
        update_settings(connection, name, settings)

    def remove_channel(self, name: str) -> None:
        """Remove a channel and its folder. Open readers can go on; later callers find no channel.

        The catalog is changed first, and records the folder to delete: what a killed removal leaves is swept
        by the next one. Only if the disk has no room for that record is the folder deleted first. Raises
        ChannelNotFound.
        """
        name = valid_channel_name(name)
        try:
            self._strike_out(name)
        except DiskFull:
            with self.reserve.given_up():
                self._remove_on_a_full_disk(name)
        sweep(self.database, self.channels_dir)

    def _remove_on_a_full_disk(self, name: str) -> None:
        try:
            self._strike_out(name)
        except DiskFull:
            discard(self.channel(name).folder)
            self._strike_out(name)

    def _strike_out(self, name: str) -> None:
        with self._changing() as connection:
            record = self._one(connection, name)
            remember_quota(connection, record)
            connection.execute("DELETE FROM channels WHERE name = ?", (name,))
            connection.execute("INSERT OR REPLACE INTO leaving VALUES (?)", (record.folder.name,))
            audit.note(connection, "channel removed", name)

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        if not self.exists():
            raise ChannelNotFound(f"no gallery in {self.data_dir}", item=str(self.data_dir))
        with self.database.write() as connection:
            yield connection

    def _one(self, connection: sqlite3.Connection, name: str) -> ChannelRecord:
        row = connection.execute(f"{_RECORDS} WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise unknown_channel(name)
        return self._record(row)

    def _record(self, row: tuple[str, str, str, int, str]) -> ChannelRecord:
        name, folder, settings, preset, created = row
        if not all(isinstance(text, str) for text in (name, folder, settings, created)):
            raise DataDamaged(f"the catalog's row of channel {name!r} cannot be read", item=str(name))
        if Path(folder).name != folder or folder in ("", ".", ".."):
            raise DataDamaged(f"the catalog gives channel {name!r} the folder {folder!r}", item=name)
        return ChannelRecord(
            name=name,
            folder=self.channels_dir / folder,
            settings=settings_from(settings),
            preset=preset,
            created=created,
        )

    def make_folder(self, name: str) -> Path:
        """Make a folder with a random suffix: never reused, even where the file system ignores case."""
        folder = self.channels_dir / f"{_slug(name)}-{secrets.token_hex(4)}"
        try:
            folder.mkdir(mode=0o700)
            sync(self.channels_dir)
        except OSError as error:
            raise of_os(folder, error) from error
        return folder

    def _missing(self) -> ArcliError:
        hint = ShellHint("run: arcli doctor --repair (it rebuilds the catalog from the channels)")
        return DataDamaged(f"{self.database.path} is gone", item=str(self.data_dir), hint=hint)


def expect_free(connection: sqlite3.Connection, name: str) -> None:
    """Raise ChannelExists where there is a channel of that name."""
    if connection.execute("SELECT 1 FROM channels WHERE name = ?", (name,)).fetchone():
        raise ChannelExists(f"channel {name!r} exists already", item=name)


def update_settings(connection: SqlConnection, name: str, settings: ChannelSettings) -> None:
    """Put a channel's settings into the catalog."""
    update = "UPDATE channels SET settings = ?, owner = ? WHERE name = ?"
    connection.execute(update, (settings_text(settings), settings.owner, name))


def remember_quota(connection: SqlConnection, record: ChannelRecord) -> None:
    """Keep the quota of a channel that is being removed, in case its owner makes it again."""
    owner, quota = record.settings.owner, record.settings.quota
    if owner is None:
        return
    connection.execute("DELETE FROM quotas WHERE owner = ? AND channel = ?", (owner, record.name))
    if quota is not None:
        connection.execute(
            "INSERT INTO quotas (owner, channel, quota) VALUES (?, ?, ?)", (owner, record.name, quota)
        )


def earlier_quota(connection: SqlConnection, owner: str, name: str) -> int | None:
    """Return the quota of the channel of that name that `owner` had before."""
    query = "SELECT quota FROM quotas WHERE owner = ? AND channel = ?"
    row = connection.execute(query, (owner, name)).fetchone()
    return None if row is None else int(row[0])


def enter(connection: sqlite3.Connection, record: ChannelRecord) -> None:
    """Write `record` into the catalog, over an entry of the same name (whose grants stay)."""
    connection.execute(
        f"INSERT INTO channels ({_COLUMNS}, owner) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
        " ON CONFLICT (name) DO UPDATE SET folder = excluded.folder, settings = excluded.settings,"
        " preset = excluded.preset, created = excluded.created, owner = excluded.owner",
        (
            record.name,
            record.folder.name,
            settings_text(record.settings),
            record.preset,
            record.created,
            record.settings.owner,
        ),
    )


def _slug(name: str) -> str:
    """Return `name` reduced to what every file system can hold: at most 32 characters of a-z, 0-9 and -."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:32] or "channel"


def unknown_channel(name: str) -> ChannelNotFound:
    """Return the error to raise for a channel that is not there."""
    return ChannelNotFound(f"no channel {name!r}", item=name)
