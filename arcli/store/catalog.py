"""The catalog of a data folder: which channels there are, and in which folder each is.

The data folder holds `catalog.sqlite` and, below `channels/`, a folder for each channel. A channel's name,
settings and preset are in its own store too, so that `arcli.store.check` can rebuild a lost catalog.
"""

from __future__ import annotations

import re
import secrets
import shutil
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from arcli.errors import ArcliError, ChannelExists, ChannelNotFound, DataDamaged, StorageNotWritable
from arcli.files import of_os, sync
from arcli.models import ChannelSettings, SettingsChanges, valid_channel_name
from arcli.store.channel import STORE_FILE, ChannelStore
from arcli.store.database import Database
from arcli.store.rows import now, settings_from, settings_text
from arcli.store.schema import CATALOG

CATALOG_FILE = "catalog.sqlite"
CHANNELS_FOLDER = "channels"
REMOVED_PREFIX = "removed-"  # a channel's folder on its way out


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

    @classmethod
    def open(cls, data_dir: Path, *, create: bool) -> Catalog:
        """Open the catalog of `data_dir`, making the folder and the catalog if `create` is on.

        Raises StorageNotWritable, DiskFull, DataDamaged (also when the catalog is gone and channels are
        there), DataTooNew.
        """
        catalog = cls(data_dir)
        try:
            if not catalog.exists() and catalog.stores() and not catalog.exists():  # made meanwhile?
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
            self.channels_dir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.channels_dir.mkdir(mode=0o700, exist_ok=True)
        except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
            raise StorageNotWritable(
                f"cannot make the data folder {self.data_dir}: {error.strerror}",
                hint="--data-dir or ARCLI_DATA_DIR names another",
                item=str(self.data_dir),
            ) from error
        except OSError as error:
            raise of_os(self.channels_dir, error) from error
        self.database.create()

    def stores(self) -> list[Path]:
        """Return the folders that hold a channel's store, known to the catalog or not."""
        found = self.channels_dir.glob(f"*/{STORE_FILE}")
        return sorted(path.parent for path in found if not path.parent.name.startswith(REMOVED_PREFIX))

    def channels(self) -> list[ChannelRecord]:
        """Return all channels by name (code points)."""
        if not self.exists():
            return []
        with self.database.read() as connection:
            return [self._record(row) for row in connection.execute("SELECT * FROM channels ORDER BY name")]

    def channel(self, name: str) -> ChannelRecord:
        """Return one channel. Raises ChannelNotFound, InvalidChannelName."""
        name = valid_channel_name(name)
        if not self.exists():
            raise _unknown(name)
        with self.database.read() as connection:
            return self._one(connection, name)

    def create_channel(
        self, name: str, settings: ChannelSettings, preset: int, *, created: str | None = None
    ) -> ChannelRecord:
        """Make a channel. Raises ChannelExists, InvalidChannelName."""
        name = valid_channel_name(name)
        created = created or now()
        self.make()
        with self.database.write() as connection:
            if connection.execute("SELECT 1 FROM channels WHERE name = ?", (name,)).fetchone():
                raise ChannelExists(f"channel {name!r} exists already", item=name)
            folder = self.make_folder(name)
            ChannelStore.create(folder, name=name, settings=settings, preset=preset, created=created)
            record = ChannelRecord(
                name=name, folder=folder, settings=settings, preset=preset, created=created
            )
            enter(connection, record)
            return record

    def set_channel(self, name: str, changes: SettingsChanges) -> ChannelRecord:
        """Change settings of a channel, in its store and in the catalog. Raises ChannelNotFound."""
        name = valid_channel_name(name)
        with self._changing() as connection:
            record = self._one(connection, name)
            settings = replace(record.settings, **changes)
            update = "UPDATE channels SET settings = ? WHERE name = ?"
            connection.execute(update, (settings_text(settings), name))
            with ChannelStore.open(record.folder) as store, store.write() as transaction:
                transaction.set_settings(settings)
            return self._one(connection, name)

    def remove_channel(self, name: str) -> None:
        """Remove a channel and its folder. Who is reading it goes on; who comes later finds no channel.

        Raises ChannelNotFound.
        """
        name = valid_channel_name(name)
        leaving = self.channels_dir / f"{REMOVED_PREFIX}{secrets.token_hex(8)}"
        with self._changing() as connection:
            record = self._one(connection, name)
            connection.execute("DELETE FROM channels WHERE name = ?", (name,))
            self._move_away(record.folder, leaving)
        shutil.rmtree(leaving, ignore_errors=True)

    def _move_away(self, folder: Path, leaving: Path) -> None:
        if not folder.exists():
            return
        with ChannelStore(folder, readonly=False).database.excluded():
            try:
                folder.rename(leaving)
                sync(self.channels_dir)
            except OSError as error:
                raise of_os(folder, error) from error

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        if not self.exists():
            raise ChannelNotFound(f"no gallery in {self.data_dir}", item=str(self.data_dir))
        with self.database.write() as connection:
            yield connection

    def _one(self, connection: sqlite3.Connection, name: str) -> ChannelRecord:
        row = connection.execute("SELECT * FROM channels WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise _unknown(name)
        return self._record(row)

    def _record(self, row: tuple[str, str, str, int, str]) -> ChannelRecord:
        name, folder, settings, preset, created = row
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
        """Make a folder whose random end is never used twice, whatever letters the file system folds."""
        folder = self.channels_dir / f"{_slug(name)}-{secrets.token_hex(4)}"
        try:
            folder.mkdir(mode=0o700)
            sync(self.channels_dir)
        except OSError as error:
            raise of_os(folder, error) from error
        return folder

    def _missing(self) -> ArcliError:
        hint = "run: arcli doctor --repair (it rebuilds the catalog from the channels)"
        return DataDamaged(f"{self.database.path} is gone", item=str(self.data_dir), hint=hint)


def enter(connection: sqlite3.Connection, record: ChannelRecord) -> None:
    """Write `record` into the catalog, over an entry of the same name (whose grants stay)."""
    connection.execute(
        "INSERT INTO channels (name, folder, settings, preset, created) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET folder = excluded.folder, settings = excluded.settings,"
        " preset = excluded.preset, created = excluded.created",
        (record.name, record.folder.name, settings_text(record.settings), record.preset, record.created),
    )


def _slug(name: str) -> str:
    """Return what of `name` every file system can hold, at most 32 characters of a-z, 0-9 and -."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:32] or "channel"


def _unknown(name: str) -> ChannelNotFound:
    return ChannelNotFound(f"no channel {name!r}", item=name)
