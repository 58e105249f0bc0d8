"""Keys of the server that lie in files of their own beside the catalog, readable by their owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from arcli.errors import DataDamaged
from arcli.store.database import sync_folder
from arcli.store.faults import of_os

PEPPER_FILE = "server-pepper"
PEPPER_BYTES = 32
SIGNING_KEY_FILE = "server-signing-key.pem"


def read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the content of `path`; what `make` returns is kept there first if there is no such file.

    Of several processes that start at once one makes it and all read the same. Raises StorageNotWritable,
    DiskFull.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            return path.read_bytes()
        _publish(path, make())
        return path.read_bytes()
    except OSError as error:
        raise of_os(path, error) from error


def pepper(data_dir: Path) -> bytes:
    """Return the server's own secret, from which it keys what must not be guessed."""
    path = data_dir / PEPPER_FILE
    value = read_or_make(path, lambda: secrets.token_bytes(PEPPER_BYTES))
    if len(value) != PEPPER_BYTES:
        raise DataDamaged(f"{path} has {len(value)} bytes, not {PEPPER_BYTES}", item=str(path))
    return value


def _publish(path: Path, content: bytes) -> None:
    """Write aside, then link: the name appears with all of its content, or is somebody else's already."""
    aside = path.with_name(f"{path.name}.new-{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
        sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)
