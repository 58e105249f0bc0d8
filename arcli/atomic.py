"""Files that are either the old ones or the new ones, also after a power loss."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from arcli.errors import UsageError


def write_atomically(path: Path, data: bytes, *, private: bool = False) -> None:
    """Put `data` at `path`. Raises what `replacing` raises; then `path` is as it was."""
    with replacing(path, private=private) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, *, exclusive: bool = False, private: bool = False) -> Iterator[IO[bytes]]:
    """Give a file that takes the place of `path` when the block ends well, and vanishes otherwise.

    The mode of a file that is there already is kept, unless it is to be `private` (0600); a link is
    followed. Raises UsageError without a folder to put it in, OSError; FileExistsError where `exclusive`
    and there is a file by then.
    """
    import tempfile

    path = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=folder_of(path), prefix=f".{path.name[:80]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), 0o600 if private else _mode(path))
            os.fsync(file.fileno())
        _put(name, path, exclusive)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # writing to a full disk names no file
        raise
    sync(path.parent)


def folder_of(path: Path) -> Path:
    """Return the folder that `path` is in, or would be in. Raises UsageError where there is none."""
    folder = path.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}", item=str(path))
    return folder


def _put(name: str, path: Path, exclusive: bool) -> None:
    """Give the file at `name` the name `path` instead."""
    if exclusive:
        try:
            path.hardlink_to(name)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            exclusive = False
    if exclusive:
        os.unlink(name)  # noqa: PTH108
    else:
        os.replace(name, path)  # noqa: PTH105 - both are plain names


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
