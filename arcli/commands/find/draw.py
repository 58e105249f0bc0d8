"""`find --draw`: photos with what was found outlined."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from arcli.bulk.walk import named_path
from arcli.console.files import write_file
from arcli.errors import FileExists, UsageError
from arcli.models import FindResult, Picture

_SUFFIXES = (".jpg", ".jpeg", ".png")
_ENDINGS = (*_SUFFIXES, ".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".avif", ".svg", ".pdf")


class Drawings:
    """Writes one picture per photo: to the given file, or into the given folder.

    Like `get --image`, it overwrites no file without `force`. Raises UsageError, FileExists: before any photo
    is looked up, if possible.
    """

    def __init__(self, place: Path, *, single: bool, force: bool = False) -> None:
        self._place, self._force = place, force
        self._folder = place.is_dir() or (not place.is_file() and place.suffix.lower() not in _ENDINGS)
        self._photos: deque[Picture] = deque()
        self._used: set[str] = set()
        if not self._folder:
            _check_file(place, single=single, force=force)

    def noting(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Pass pictures on, and remember those whose result has not come yet, in order."""
        for picture in pictures:
            self._photos.append(picture)
            yield picture

    def draw(self, result: FindResult) -> None:
        """Draw the next photo; nothing for a failed one. Raises FileExists."""
        picture = self._photos.popleft()
        while picture.name != result.image:  # reported, and drawn, by an earlier run
            self._free_name(picture)
            picture = self._photos.popleft()
        if result.error is not None:
            return
        target = self._target(picture)
        file_format = "png" if target.suffix.lower() == ".png" else "jpeg"
        write_file(target, drawn(picture, result, file_format), overwrite=self._force)

    def _target(self, picture: Picture) -> Path:
        if not self._folder:
            target = self._place
        else:
            self._place.mkdir(parents=True, exist_ok=True)
            target = self._place / self._free_name(picture)
        if picture.path is not None and target.exists() and os.path.samefile(picture.path, target):  # noqa: PTH121
            raise FileExists(f"--draw would overwrite the photo {picture.name}", item=picture.name)
        return target

    def _free_name(self, picture: Picture) -> str:
        """Return the photo's name, with a number if an earlier photo has the same."""
        stem = "stdin" if picture.data is not None else named_path(picture.name).stem or "photo"
        name, number = f"{stem}.jpg", 1
        while name in self._used:
            number += 1
            name = f"{stem}-{number}.jpg"
        self._used.add(name)
        return name


def drawn(picture: Picture, result: FindResult, file_format: str = "jpeg") -> bytes:
    """Return the photo with the quads and identifiers of its matches, as "jpeg" or "png"."""
    from arcli.vision.decoding.decode import LOCAL, decode
    from arcli.vision.drawing.draw import DRAWING, Outline, draw

    decoded = decode(picture.read(), name=picture.name, limits=LOCAL, max_side=DRAWING.largest)
    outlines = [Outline(quad=m.quad, text=m.identifier) for m in result.matches if m.quad is not None]
    return draw(decoded, outlines, file_format=file_format)


def _check_file(place: Path, *, single: bool, force: bool) -> None:
    """Refuse, before any photo is looked up, what could not be written afterwards."""
    if not single:
        raise UsageError(f"--draw {place} is one file, but there may be several photos", hint="name a folder")
    if place.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"--draw {place}: drawn photos are JPEG or PNG", hint="name it .jpg or .png")
    if not place.parent.is_dir():
        raise UsageError(f"--draw {place}: no such folder: {place.parent}", hint="make the folder first")
    if place.is_file() and not force:
        raise FileExists(f"{place} exists already", hint="--force overwrites it", item=str(place))
