"""Folders of channels that are being removed, and what interrupted creations and removals left behind."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arcli.errors import ArcliError, ChannelNotFound, Locked
from arcli.files import file_lock, of_os
from arcli.store.channel import STORE_FILE, ChannelStore
from arcli.store.database import Database
from arcli.system import sync

REMOVED = "removed-"
"""The prefix of folders that are being deleted."""
_MAKING = "unfinished"
"""A file in the folder of a channel that is being copied or restored, until the catalog knows it."""
DAMAGED = "damaged-"
"""The prefix of folders that `doctor` has put aside: nothing else looks at them."""


def sweep(catalog: Database, channels_dir: Path) -> None:
    """Delete what is left of channels. What cannot be deleted now is left for the next time."""
    with contextlib.suppress(ArcliError, OSError):
        noted = leaving(catalog)
        for name in noted:
            discard(channels_dir / name)
        if _unknown(catalog, channels_dir):
            with catalog.excluded():  # no channel is being made
                for folder in _unknown(catalog, channels_dir):
                    if folder.name.startswith(REMOVED) or _is_unborn(folder):
                        with contextlib.suppress(ArcliError):
                            discard(folder)
        gone = [name for name in noted if not (channels_dir / name).exists()]
        if gone:
            with catalog.write() as connection:
                connection.executemany("DELETE FROM leaving WHERE folder = ?", [(name,) for name in gone])


def leaving(catalog: Database) -> list[str]:
    """Return the names of folders whose channel was removed, as the catalog notes them."""
    with catalog.read() as connection:
        return [name for (name,) in connection.execute("SELECT folder FROM leaving")]


def _unknown(catalog: Database, channels_dir: Path) -> list[Path]:
    """Return the folders that are neither a channel's nor put aside by `doctor`."""
    with catalog.read() as connection:
        known = {name for (name,) in connection.execute("SELECT folder FROM channels")}
    return [
        path
        for path in sorted(channels_dir.iterdir())
        if path.name not in known and not path.name.startswith(DAMAGED) and path.is_dir()
    ]


@contextmanager
def being_made(folder: Path) -> Iterator[None]:
    """Keep `sweep` out of a folder in which a channel is being made without the catalog's lock."""
    with file_lock(folder / f"{STORE_FILE}.lock", timeout=0):
        yield


@contextmanager
def made_whole(folder: Path) -> Iterator[None]:
    """Make a channel in a new folder and enter it, without the catalog's lock until then.

    If that fails, the folder is removed; if the process is killed, `sweep` does it. An error of the system is
    raised as one of ours.
    """
    try:
        (folder / _MAKING).touch(mode=0o600)
        with being_made(folder):
            yield
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise of_os(folder, error) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    with contextlib.suppress(OSError):  # the catalog knows the channel now: nothing may remove its folder
        (folder / _MAKING).unlink()


def _is_unborn(folder: Path) -> bool:
    """Say whether a creation in `folder` was interrupted: a store that once held targets is no leftover."""
    try:
        with being_made(folder):
            pass
    except Locked:
        return False
    return is_unfinished(folder)


def is_unfinished(folder: Path) -> bool:
    """Say whether a folder that the catalog does not know looks like an interrupted creation."""
    if (folder / _MAKING).exists():
        return True
    if not (folder / STORE_FILE).exists():
        return all(path.name.startswith((STORE_FILE, f".{STORE_FILE}")) for path in folder.iterdir())
    try:
        with ChannelStore.open(folder, readonly=True) as store, store.read() as snapshot:
            return snapshot.last_row() == 0
    except ArcliError:
        return False


def discard(folder: Path) -> None:
    """Delete a channel's folder, under another name first, so that it is never opened half deleted.

    Raises Locked while somebody writes there, StorageNotWritable.
    """
    leaving = folder
    if not folder.name.startswith(REMOVED):
        leaving = folder.with_name(f"{REMOVED}{secrets.token_hex(8)}")
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(ChannelNotFound):  # a folder without a store has no writer
                stack.enter_context(ChannelStore(folder, readonly=False).database.excluded())
            try:
                folder.rename(leaving)
                sync(leaving.parent)
            except FileNotFoundError:
                return
            except OSError as error:
                raise of_os(folder, error) from error
    shutil.rmtree(leaving, ignore_errors=True)
