"""Write a channel into a folder: manifest.jsonl and pictures, the form that `add --manifest` reads back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from arcli.bulk.channel_state import targets
from arcli.bulk.report import json_line
from arcli.errors import ArcliError, FileExists, NotSupported, PictureNotKept, TargetNotFound, UsageError
from arcli.files import replacing
from arcli.filetypes import picture_format
from arcli.gallery import Gallery
from arcli.models import ListQuery, Target
from arcli.system import sync

MANIFEST = "manifest.jsonl"
PICTURES = "pictures"


@dataclass(frozen=True, slots=True)
class Exported:
    """One target: `image` is its picture's path; with an `error`, everything but the picture was written."""

    identifier: str
    image: str | None
    error: ArcliError | None = None


def export(gallery: Gallery, *, channel: str, folder: Path) -> Iterator[Exported]:
    """Write all targets of `channel`, yielding each.

    The manifest appears at the end, when everything it names is on disk. Raises FileExists for a folder that
    is not empty, ChannelNotFound, OSError.
    """
    gallery.list(channel=channel, query=ListQuery(limit=1))
    pictures = folder / PICTURES
    _make_empty(folder)
    pictures.mkdir()
    names = _Names()
    with replacing(folder / MANIFEST) as manifest:
        for target in targets(gallery, channel):
            try:
                exported = _one(gallery, target, pictures, names)
            except TargetNotFound:
                continue  # removed in the meantime
            _write_row(manifest, target, exported)
            yield exported
        for path in pictures.iterdir():  # at the end, when most of it is on disk anyway
            sync(path)
        sync(pictures)


def _make_empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{folder} is not a folder and cannot be created", item=str(folder)) from error
    if any(folder.iterdir()):
        raise FileExists(f"{folder} is not empty", hint="name a new folder", item=str(folder))


class _Names:
    """File names that are distinct on every file system, even if it ignores case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, identifier: str, suffix: str) -> str:
        name, number = f"{identifier}{suffix}", 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{identifier}~{number}{suffix}"
        self._taken.add(name.casefold())
        return name


def _one(gallery: Gallery, target: Target, pictures: Path, names: _Names) -> Exported:
    try:
        data = gallery.picture(channel=target.channel, identifier=target.identifier)
    except (NotSupported, PictureNotKept) as error:
        return Exported(target.identifier, None, error.about(target.identifier))
    kind = picture_format(data)
    path = pictures / names.of(target.identifier, kind.suffix if kind else ".bin")
    path.write_bytes(data)
    return Exported(target.identifier, str(path))


def _write_row(manifest: IO[bytes], target: Target, exported: Exported) -> None:
    """Write a row: metadata as their original text, matchratio as stored, defaults left out."""
    image = None if exported.image is None else f"{PICTURES}/{Path(exported.image).name}"
    row: dict[str, Any] = {"image": image, "identifier": target.identifier}
    if target.metadata is not None:
        row["metadata"] = target.metadata
    if target.matchratio is not None:
        row["matchratio"] = target.matchratio
    if not target.active:
        row["active"] = False
    if target.name is not None:
        row["original_name"] = target.name
    manifest.write(json_line(row))
