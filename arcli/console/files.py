"""Writes the files that a command was asked for: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from arcli.atomic import replacing
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
    try:
        with replacing(target, exclusive=not overwrite) as file:
            file.write(data)
    except FileExistsError as error:  # somebody took the name meanwhile
        raise FileExists(f"{path} exists already", item=str(path)) from error
