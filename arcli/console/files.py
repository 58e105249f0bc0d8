"""Files that commands write: completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from arcli.console.formats import Ending, make_sink
from arcli.console.items import Item, ItemView
from arcli.console.streams import Streams
from arcli.errors import FileExists, UsageError
from arcli.files import replacing
from arcli.settings import Format


def write_file(path: str | Path, data: bytes | Callable[[IO[bytes]], None], *, overwrite: bool) -> None:
    """Write a file aside, make it durable, rename it into place. `data`: its bytes, or what writes them.

    Raises FileExists unless `overwrite`, UsageError, OSError.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise UsageError(f"no such folder: {target.parent}", item=str(path))
    if target.is_dir():
        raise FileExists(f"{path} is a folder", item=str(path))
    if not overwrite and os.path.lexists(target):
        raise FileExists(f"{path} exists already", hint="--force overwrites it", item=str(path))
    fill = data if callable(data) else partial(_write, data)
    if target.exists() and not target.is_file():  # a device or a pipe: nothing can replace it
        with target.open("wb") as file:
            fill(file)
        return
    try:
        with replacing(target, exclusive=not overwrite) as file:
            fill(file)
    except FileExistsError as error:  # somebody else took the name in the meantime
        raise FileExists(f"{path} exists already", item=str(path)) from error


def _write(data: bytes, file: IO[bytes]) -> None:
    file.write(data)


def drawing_format(path: Path, what: str) -> str:
    """Return the format of a drawing that its file's name implies: png or svg. Raises UsageError."""
    suffix = path.suffix.lower()
    if suffix not in (".png", ".svg"):
        raise UsageError(f"{path}: {what} is a .png or .svg file", item=str(path))
    return suffix[1:]


class _FileOutput(Streams):
    """Streams that write to a file; none is a terminal."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__({"NO_COLOR": "1"})
        self._file = file

    def write_bytes(self, data: bytes) -> None:
        self._file.write(data)

    def terminal(self, stream: str) -> bool:  # noqa: ARG002 - none of them is one
        return False


def render_into(
    file: IO[bytes],
    format: Format,  # noqa: A002 - as everywhere
    view: ItemView[Item],
    items: Iterable[Item],
    command: str,
    data: Mapping[str, Any],
) -> None:
    """Write a complete answer without errors, in the given format."""
    sink = make_sink(format, view, _FileOutput(file))
    for item in items:
        sink.item(item)
    sink.close(Ending(command, "ok", data))
