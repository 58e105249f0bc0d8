"""The ground truth: which photos show which targets (`photo, identifier`; none: shows nothing registered)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arcli.errors import ArcliError, InvalidManifest
from arcli.models import Picture, valid_identifier

COLUMNS = {
    "photo": ("photo", "image", "picture", "file", "filename", "path"),
    "identifier": ("identifier", "identifiers", "id", "target", "targets"),
}
"""Fields, and their names in the header of a list."""

RawRow = tuple[int, Mapping[str, Any], ArcliError | None]
"""Line number, values by field, and why the row cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPhoto:
    """A photo and the identifiers of the targets that it shows."""

    picture: Picture
    expected: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoList:
    """Labelled photos, read again each time, so that many of them need no memory.

    total: how many; wanted: all identifiers that they show; several: some photo shows more than one target.
    """

    read: Callable[[], Iterator[LabelledPhoto]]
    total: int
    wanted: frozenset[str]
    several: bool

    @classmethod
    def of(cls, read: Callable[[], Iterator[LabelledPhoto]]) -> PhotoList:
        """Read all of a list once. Raises what `read` raises."""
        wanted: set[str] = set()
        total, several = 0, False
        for photo in read():
            total += 1
            wanted |= photo.expected
            several = several or len(photo.expected) > 1
        return cls(read=read, total=total, wanted=frozenset(wanted), several=several)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """Labels that the searched channels cannot find: there is no such target, or it is inactive."""

    absent: frozenset[str] = frozenset()
    inactive: frozenset[str] = frozenset()


def labelled_photos(
    rows: Iterable[RawRow], path: Path, locate: Callable[[Path], Path]
) -> Iterator[LabelledPhoto]:
    """Read labelled photos from the list at `path`; photos are relative to its folder.

    Several identifiers are separated by `;`. `locate` finds a file whose name is in another Unicode form.
    Raises InvalidManifest with the line number for a row that cannot be read: a measurement against a wrong
    ground truth is worthless.
    """
    for line, values, error in rows:
        try:
            if error is not None:
                raise error
            yield _photo(values, path, locate)
        except ArcliError as wrong:
            raise InvalidManifest(
                f"{path}, line {line}: {wrong.message}", hint=wrong.hint, item=str(path)
            ) from wrong


def _photo(values: Mapping[str, Any], path: Path, locate: Callable[[Path], Path]) -> LabelledPhoto:
    name = values.get("photo")
    if not isinstance(name, str) or "\0" in name:
        raise InvalidManifest("no photo" if name is None else f"photo is not a path: {name!r}")
    file = path.parent / name
    expected = frozenset(valid_identifier(each) for each in _identifiers(values.get("identifier")))
    return LabelledPhoto(picture=Picture(name=str(file), path=locate(file)), expected=expected)


def _identifiers(value: object) -> Iterator[str]:
    """Yield the identifiers in a text with `;`, or in a JSON list; numbers are taken as text."""
    for part in value if isinstance(value, list) else str(value or "").split(";"):
        if text := str(part).strip():
            yield text
