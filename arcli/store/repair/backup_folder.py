"""All channels of a data folder with accounts and keys, in a folder that can be restored whole.

`backup.json` names the files and their SHA-256, and is replaced when all of them are there: a backup that
was interrupted leaves the one before it. A channel that has not changed since is not written again.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from arcli import __version__
from arcli.errors import ArcliError, Conflict, DataDamaged, DataTooNew, ShellHint, UsageError
from arcli.files import built_aside, file_lock, make_folder, of_os, write_atomically
from arcli.models import valid_channel_name
from arcli.store.catalog import Catalog
from arcli.store.channel import ChannelStore
from arcli.store.checksums import failing
from arcli.store.connections import open_connection
from arcli.store.counts import Counts
from arcli.store.faults import translated
from arcli.store.migrations import format_of
from arcli.store.repair.backup import opened_backup, restore_backup, write_backup
from arcli.store.repair.check import Decode
from arcli.store.rows import now
from arcli.store.schema import CATALOG
from arcli.system import sync

MANIFEST, UNFINISHED = "backup.json", "unfinished.json"
_FORMAT = 1
_MOST = 64 << 20  # bytes of a manifest
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,80}")
_CARRIED = ("accounts", "keys", "grants", "bindings", "quotas", "key_files", "audit")
_KEY_FILES = ("server-pepper", "server-signing-key.pem")


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A file of a backup. channel: whose it is; None for the catalog and key files. state: what it was
    written from; the same state is not written again."""

    name: str
    sha256: str
    bytes: int
    channel: str | None = None
    state: str | None = None
    targets: int = 0


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """The files of one backup."""

    created: str
    arcli: str
    files: tuple[BackupFile, ...] = ()
    format: int = field(default=_FORMAT)

    def of(self, channel: str) -> BackupFile | None:
        return next((file for file in self.files if file.channel == channel), None)


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A channel that a backup holds. written: False where it had not changed since the one before."""

    channel: str
    targets: int
    bytes: int
    written: bool
    error: ArcliError | None = None


class Backups:
    """Backups of a data folder. decode: reads stored features, or raises."""

    def __init__(self, data_dir: Path, decode: Decode) -> None:
        self.data_dir, self._decode = data_dir, decode

    def write_channel(self, name: str, file: Path) -> BackedUp:
        """Write one channel to a new file. Raises ChannelNotFound, FileExists, DataDamaged."""
        with Catalog.open(self.data_dir, create=False) as catalog:
            record = catalog.channel(name)
            with ChannelStore.open(record.folder) as store:
                targets = write_backup(store, file, self._decode)
        return BackedUp(record.name, targets, file.stat().st_size, written=True)

    def restore_channel(self, file: Path, name: str | None) -> BackedUp:
        """Make a channel from a file. Raises ChannelExists, DataDamaged, DataTooNew."""
        with Catalog(self.data_dir) as catalog:
            record = restore_backup(catalog, file, self._decode, name=name)
            with ChannelStore.open(record.folder) as store, store.read() as snapshot:
                return BackedUp(record.name, snapshot.count(), file.stat().st_size, written=True)

    def write(self, folder: Path, *, resume: bool = False) -> Iterator[BackedUp]:
        """Write all channels, accounts and keys, yielding each channel when it is there.

        A channel that is damaged is yielded with its error; of it the backup before stays. resume: go on
        with one that was interrupted. Raises Conflict for a folder that holds something else, DiskFull.
        """
        try:
            yield from self._write(folder, resume)
        except OSError as error:
            raise of_os(folder, error) from error

    def _write(self, folder: Path, resume: bool) -> Iterator[BackedUp]:
        """Write all as `write` does. Raises OSError too."""
        before = _begin(folder, resume=resume)
        files = list[BackupFile]()
        with Catalog.open(self.data_dir, create=False) as catalog:
            files += self._catalog(catalog, folder)
            for record in catalog.channels():
                known = before.of(record.name)
                file: BackupFile | None
                try:
                    file = self._channel(record.folder, record.name, folder, known)
                    done = BackedUp(record.name, file.targets, file.bytes, written=file is not known)
                except (DataDamaged, OSError) as error:
                    failed = error if isinstance(error, ArcliError) else of_os(record.folder, error)
                    done, file = BackedUp(record.name, 0, 0, written=False, error=failed), known
                if file is not None:
                    files.append(file)
                _put(folder / UNFINISHED, BackupManifest(now(), __version__, tuple(files)))
                yield done
        _put(folder / MANIFEST, BackupManifest(now(), __version__, tuple(files)))
        _sweep(folder, {file.name for file in files} | {MANIFEST})

    def _channel(self, source: Path, name: str, folder: Path, known: BackupFile | None) -> BackupFile:
        with ChannelStore.open(source) as store:
            state = _state_of(store)
            if known is not None and known.state == state and _is_whole(folder / known.name, known):
                return known
            path = folder / f"channel-{secrets.token_hex(8)}.arcli"
            targets = write_backup(store, path, self._decode)
        return _described(path, channel=name, state=state, targets=targets)

    def _catalog(self, catalog: Catalog, folder: Path) -> Iterator[BackupFile]:
        if not catalog.exists():
            return
        path = folder / f"catalog-{secrets.token_hex(8)}.sqlite"
        with built_aside(path) as aside, translated(path):
            aside.touch(mode=0o600)
            with (
                catalog.database.read() as connection,
                closing(open_connection(aside, "mode=rw")) as copy,
            ):
                connection.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                _expect_sound(copy, catalog.database.path)
        yield _described(path)
        for name in _KEY_FILES:
            if (self.data_dir / name).exists():
                write_atomically(folder / name, (self.data_dir / name).read_bytes(), private=True)
                yield _described(folder / name)

    def verify(self, folder: Path) -> Iterator[BackedUp]:
        """Check all of a backup, yielding each channel. Raises DataDamaged, DataTooNew, UsageError."""
        manifest = read_manifest(folder)
        for file in manifest.files:
            if not _is_whole(folder / file.name, file):
                raise DataDamaged(f"{folder / file.name} is not as it was written", item=str(folder))
            if file.channel is not None:
                with opened_backup(folder / file.name, self._decode) as snapshot:
                    yield BackedUp(file.channel, snapshot.count(), file.bytes, written=False)

    def restore(self, folder: Path) -> Iterator[BackedUp]:
        """Make the data folder, which is empty or not there yet, from a backup: all of it or nothing.

        Raises Conflict where there is a gallery, DataDamaged.
        """
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            message = f"{self.data_dir} is not empty"
            raise Conflict(
                message, hint=ShellHint("name a new folder: --data-dir DIR"), item=str(self.data_dir)
            )
        restored = [*self.verify(folder)]
        try:
            with _place_beside(self.data_dir) as place:
                _restore_into(place, folder, read_manifest(folder), self._decode)
                if self.data_dir.exists():
                    self.data_dir.rmdir()
                place.rename(self.data_dir)
                sync(self.data_dir.parent)
        except OSError as error:
            raise of_os(self.data_dir, error) from error
        yield from restored


@contextmanager
def _place_beside(data_dir: Path) -> Iterator[Path]:
    """Make a folder beside `data_dir`, without what a restoring that was killed has left there.

    Raises Locked while another process restores.
    """
    place = data_dir.with_name(f".{data_dir.name}.restoring")
    lock = place.with_name(f"{place.name}.lock")
    make_folder(place.parent)
    with file_lock(lock, timeout=0):
        try:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(mode=0o700)
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _restore_into(place: Path, folder: Path, manifest: BackupManifest, decode: Decode) -> None:
    with Catalog(place) as catalog:
        catalog.make()
        for file in manifest.files:
            if file.channel is not None:
                name = valid_channel_name(file.channel)
                restore_backup(catalog, folder / file.name, decode, name=name, owned=True)
            elif file.name in _KEY_FILES:
                write_atomically(place / file.name, (folder / file.name).read_bytes(), private=True)
        for file in manifest.files:
            if file.channel is None and file.name not in _KEY_FILES:
                _restore_accounts(catalog, folder / file.name)


def _restore_accounts(catalog: Catalog, file: Path) -> None:
    """Copy rows of accounts from the catalog of a backup into tables that arcli has made."""
    with (
        translated(file),
        closing(open_connection(file, "mode=ro&immutable=1", "query_only = ON")) as old,
        catalog.database.write() as new,
    ):
        if format_of(old, CATALOG, file) != CATALOG.format:
            raise DataDamaged(f"{file} has another format than its backup", item=str(file))
        _expect_sound(old, file)
        new.execute("DELETE FROM audit")
        channels = {name for (name,) in new.execute("SELECT name FROM channels")}
        for table in _CARRIED:
            columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            rows = old.execute(f"SELECT {names} FROM {table}").fetchall()  # noqa: S608 - constants
            if table == "grants":
                at = columns.index("channel")
                rows = [row for row in rows if row[at] in channels]
            insert = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - constants
            new.executemany(insert, rows)


def _expect_sound(connection: sqlite3.Connection, file: Path) -> None:
    if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise DataDamaged(f"{file} is damaged", item=str(file), hint=ShellHint("run: arcli doctor --repair"))
    for table, key in failing(connection, CATALOG.sealed):
        raise DataDamaged(f"{file}: {table}: {key} fails its checksum", item=str(file))


def _begin(folder: Path, *, resume: bool) -> BackupManifest:
    """Make the folder, and return what is there already that need not be written again."""
    try:
        make_folder(folder)
        there = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise of_os(folder, error) from error
    if there and not there & {MANIFEST, UNFINISHED}:
        raise Conflict(f"{folder} holds something else", hint="name a new folder", item=str(folder))
    known = read_manifest(folder) if MANIFEST in there else BackupManifest("", "")
    if resume and UNFINISHED in there:
        known = BackupManifest("", "", read_manifest(folder, UNFINISHED).files + known.files)
    _put(folder / UNFINISHED, BackupManifest(now(), __version__, known.files if resume else ()))
    return known


def _state_of(store: ChannelStore) -> str:
    """Return what differs when the channel has changed, or its counts have."""
    digest = hashlib.sha256()
    with store.read() as snapshot:
        info = snapshot.info()
        digest.update(f"{info.store_id} {info.epoch} {snapshot.changes()} {info.name}".encode())
    with Counts(store.folder) as counts:
        if not counts.database.exists():
            return digest.hexdigest()
        with counts.database.read() as connection:
            select = "SELECT count(*), total(count), total(crc32) FROM counts"
            digest.update(repr(connection.execute(select).fetchone()).encode())
    return digest.hexdigest()


def read_manifest(folder: Path, name: str = MANIFEST) -> BackupManifest:
    """Read what a backup consists of. Raises UsageError where there is none, DataDamaged, DataTooNew."""
    path = folder / name
    try:
        if path.stat().st_size > _MOST:
            raise DataDamaged(f"{path} is too large", item=str(path))
        found = json.loads(path.read_bytes())
        if found["format"] > _FORMAT:
            raise DataTooNew(f"{path} has format {found['format']}, this arcli reads {_FORMAT}")
        files = tuple(_file(entry) for entry in found["files"])
        return BackupManifest(str(found["created"]), str(found["arcli"]), files)
    except FileNotFoundError as error:
        hint = ShellHint("it may have been interrupted: run arcli backup with --resume")
        raise UsageError(f"no backup in {folder}", hint=hint, item=str(folder)) from error
    except OSError as error:
        raise of_os(path, error) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataDamaged(
            f"{path} cannot be read: {error}", item=str(path), hint="take another backup"
        ) from error


def _file(entry: dict[str, Any]) -> BackupFile:
    """Raises ValueError for a name that leads out of the folder, TypeError."""
    file = BackupFile(**entry)
    if not _NAME.fullmatch(file.name):
        raise ValueError(f"not the name of a file in a backup: {file.name!r}")
    return file


def _put(path: Path, manifest: BackupManifest) -> None:
    try:
        write_atomically(path, json.dumps(asdict(manifest), indent=1).encode(), private=True)
    except OSError as error:
        raise of_os(path, error) from error


def _described(path: Path, **fields: Any) -> BackupFile:
    return BackupFile(path.name, _sha256(path), path.stat().st_size, **fields)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(path: Path, file: BackupFile) -> bool:
    """Say whether a file is as it was written. A link is none: it may lead out of the folder."""
    try:
        return not path.is_symlink() and path.stat().st_size == file.bytes and _sha256(path) == file.sha256
    except OSError:
        return False


def _sweep(folder: Path, kept: set[str]) -> None:
    """Delete files of earlier backups."""
    for path in folder.iterdir():
        ours = path.name == UNFINISHED or path.name.startswith(("channel-", "catalog-", "."))
        if ours and path.name not in kept and path.is_file():
            path.unlink(missing_ok=True)
