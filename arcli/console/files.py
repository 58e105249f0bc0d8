"""Writes the files that a command was asked for: whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from arcli.errors import FileExists, UsageError


def write_file(path: str | Path, data: bytes, *, overwrite: bool) -> None:
    """Write aside, make durable, put in place. Raises FileExists unless `overwrite`, UsageError, OSError."""
    target = Path(path)
    if not target.parent.is_dir():
        raise UsageError(f"no such folder: {target.parent}", item=str(path))
    if target.is_dir():
        raise FileExists(f"{path} is a folder", item=str(path))
    if not overwrite and os.path.lexists(target):
        raise FileExists(f"{path} exists already", hint="--force overwrites it", item=str(path))
    if target.exists() and not target.is_file():  # a device or a pipe: nothing to put in its place
        target.write_bytes(data)
        return
    _replace(target.resolve(), data, overwrite)


def _replace(target: Path, data: bytes, overwrite: bool) -> None:
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            aside.replace(target)
        else:
            _link(aside, target)
    finally:
        with suppress(FileNotFoundError):
            aside.unlink()


def _link(aside: Path, target: Path) -> None:
    """Give the file its name unless somebody took it meanwhile."""
    try:
        target.hardlink_to(aside)
    except FileExistsError as error:
        raise FileExists(f"{target} exists already", item=str(target)) from error
    except OSError:  # a file system without links
        aside.replace(target)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
