"""Which pictures the words on a command line mean: files, folders, globs and lists of paths."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from arcli.errors import PictureNotFound

PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"),
    *(".heic", ".heif", ".avif", ".jp2", ".pbm", ".pgm", ".ppm"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A picture: `image` as answers show it, `relative` to the folder that was named."""

    image: str
    relative: str


@dataclass(slots=True)
class Skipped:
    """What folders hold beside pictures. `unreadable`: folders whose pictures are not known."""

    hidden: int = 0
    others: int = 0
    unreadable: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        """Say in words what was passed over, and which folders could not be read."""
        return self.passed_over() + tuple(f"cannot read the folder {name}" for name in self.unreadable)

    def passed_over(self) -> tuple[str, ...]:
        counted = [(self.hidden, "hidden"), (self.others, "not pictures by their names")]
        told = ", ".join(f"{count:,} {what}" for count, what in counted if count)
        empty = tuple(f"no pictures in {name}" for name in self.empty if name not in self.unreadable)
        return ((f"files passed over in folders: {told}",) if told else ()) + empty


def pictures_of(words: Iterable[str], skipped: Skipped) -> Iterator[Found]:
    """Yield what `each_picture` does, but a path that is named twice only once."""
    seen: set[str] = set()
    for found in each_picture(words, skipped):
        key = os.path.normpath(found.image)
        if key not in seen:
            seen.add(key)
            yield found


def each_picture(words: Iterable[str], skipped: Skipped) -> Iterator[Found]:
    """Yield the pictures that `words` name, folders in sorted order, as often as they are named.

    A word that names nothing is tried as a glob (`**` for any depth). A file that is named is taken
    whatever its name is. Raises PictureNotFound for a word that means nothing.
    """
    for word in words:
        yield from _meaning(word, skipped)


def _meaning(word: str, skipped: Skipped) -> Iterator[Found]:
    if os.path.isdir(word):  # noqa: PTH112 - Path() would change how the user wrote it
        yield from _folder(word, skipped)
    elif os.path.lexists(word) or not glob.has_magic(word):
        yield Found(word, word)
    else:
        names = sorted(glob.glob(word, recursive=True))  # noqa: PTH207 - keeps the words' own form
        if not names:
            raise PictureNotFound(f"{word}: nothing matches", item=word)
        for name in names:
            yield from _folder(name, skipped) if Path(name).is_dir() else _by_name(name, skipped)


def _by_name(name: str, skipped: Skipped) -> Iterator[Found]:
    if is_picture_name(name):
        yield Found(name, name)
    else:
        skipped.others += 1


def is_picture_name(name: str) -> bool:
    return PurePath(name).suffix.lower() in PICTURE_SUFFIXES


def _folder(root: str, skipped: Skipped) -> Iterator[Found]:
    """Walk `root`; linked folders inside are not entered, so a loop cannot catch it."""

    def refuse(error: OSError) -> None:
        skipped.unreadable.append(str(error.filename))

    found: list[Found] = []
    for folder, folders, files in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.startswith("."):
                skipped.hidden += 1
            elif not is_picture_name(name):
                skipped.others += 1
            else:
                image = os.path.join(folder, name)  # noqa: PTH118 - keeps "./" as the user wrote it
                found.append(Found(image, os.path.relpath(image, root)))
    if not found:
        skipped.empty.append(root)
    yield from sorted(found, key=lambda entry: PurePath(entry.relative).parts)
