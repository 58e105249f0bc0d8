"""Which pictures the arguments of a command mean: files, folders, globs and lists of paths."""

from __future__ import annotations

import fnmatch
import glob
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from urllib.parse import unquote, urlsplit

from arcli.errors import PictureNotFound
from arcli.models import Picture, is_url

PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"),
    *(".heic", ".heif", ".avif", ".jp2", ".pbm", ".pgm", ".ppm"),
)
SYSTEM_NAMES = frozenset(
    (
        *("@eadir", "#recycle", "#snapshot", "@tmp", "@sharebin", "@sharesnap"),  # Synology
        *("@recycle", "@recently-snapshot", "@transcode"),  # QNAP; .@__thumb is hidden
        *("__macosx", "network trash folder", "temporary items", "icon\r"),  # macOS; .DS_Store is hidden
        *("$recycle.bin", "recycler", "system volume information", "found.000"),  # Windows
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini"),
        *("lost+found", "~snapshot"),  # ext4; NetApp
    )
)
"""Folders and files that file servers and desktops keep for their own use, in lower case."""


@dataclass(frozen=True, slots=True)
class Found:
    """A picture: `image`: as answers show it; `relative`: its path from the given folder."""

    image: str
    relative: str


@dataclass(slots=True)
class Skipped:
    """What folders hold besides pictures.

    hidden, system, excluded: files and folders skipped by rule. unreadable: folders whose pictures are not
    known; links: linked folders, which are not entered. empty: given folders without pictures.
    """

    hidden: int = 0
    system: int = 0
    excluded: int = 0
    others: int = 0
    unreadable: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        """Return in words what was skipped, and which folders could not be read."""
        return self.passed_over() + tuple(f"cannot read the folder {name}" for name in self.unreadable)

    def passed_over(self) -> tuple[str, ...]:
        counted = [
            (self.hidden, "hidden"),
            (self.system, "of the system (@eaDir, Thumbs.db and so on)"),
            (self.excluded, "excluded"),
            (self.others, "not pictures by their names"),
        ]
        words = ", ".join(f"{count:,} {what}" for count, what in counted if count)
        linked = tuple(f"{name} is a link to a folder and was not entered" for name in self.links)
        empty = tuple(f"no pictures in {name}" for name in self.empty if name not in self.unreadable)
        return ((f"skipped in folders: {words}",) if words else ()) + linked + empty


def picture_named(name: str) -> Picture:
    """Return the picture at a path, or at a URL: fetched when it is needed, with the user's rights."""
    if not is_url(name):
        return Picture(name=name, path=as_on_disk(Path(name)))
    from arcli.remote.http.fetch import fetch_own

    return Picture(name=name, fetch=partial(fetch_own, name))


def named_path(image: str) -> PurePath:
    """Return the path that a picture's identifier is made from; of a URL, its decoded path."""
    return PurePath(unquote(urlsplit(image).path).lstrip("/") if is_url(image) else image)


def pictures_of(words: Iterable[str], skipped: Skipped, exclude: Sequence[str] = ()) -> Iterator[Found]:
    """Yield what `each_picture` yields, but a path that is given twice only once."""
    seen: set[str] = set()
    for found in each_picture(words, skipped, exclude):
        key = found.image if is_url(found.image) else os.path.normpath(found.image)
        if key not in seen:
            seen.add(key)
            yield found


def each_picture(words: Iterable[str], skipped: Skipped, exclude: Sequence[str] = ()) -> Iterator[Found]:
    """Yield the pictures that `words` name, folders in sorted order, as often as they are given.

    A URL is a picture. A word that names no file is tried as a glob (`**` for any depth), and in the other
    Unicode forms of its name. A file that is given is taken whatever its name is, unless it matches a pattern
    of `exclude` (see `excluded`). Raises PictureNotFound for a word that matches nothing.
    """
    for word in words:
        if is_url(word):
            yield from _file(word, skipped, exclude)
            continue
        named = os.path.lexists(word) or glob.has_magic(word)
        yield from _meaning(word if named else _folder_form(word), skipped, exclude)


def _folder_form(word: str) -> str:
    """Return a folder's name as it is on disk; a file keeps the form that the user gave."""
    other = str(as_on_disk(Path(word)))
    return other if os.path.isdir(other) else word  # noqa: PTH112 - as below


def _meaning(word: str, skipped: Skipped, exclude: Sequence[str]) -> Iterator[Found]:
    if os.path.isdir(word):  # noqa: PTH112 - Path() would change how the user wrote it
        yield from _folder(word, skipped, exclude)
    elif os.path.lexists(word) or not glob.has_magic(word):
        yield from _file(word, skipped, exclude)
    else:
        names = sorted(glob.glob(word, recursive=True))  # noqa: PTH207 - keeps the form of the words
        if not names:
            raise PictureNotFound(f"{word}: nothing matches", item=word)
        for name in names:
            if Path(name).is_dir():
                yield from _folder(name, skipped, exclude)
            elif is_picture_name(name):
                yield from _file(name, skipped, exclude)
            else:
                skipped.others += 1


def _file(name: str, skipped: Skipped, exclude: Sequence[str]) -> Iterator[Found]:
    relative = str(named_path(name)) if is_url(name) else name
    if excluded(relative, exclude):
        skipped.excluded += 1
    else:
        yield Found(name, relative)


def is_picture_name(name: str) -> bool:
    """Say whether a file is a picture by the suffix of its name."""
    return PurePath(name).suffix.lower() in PICTURE_SUFFIXES


def excluded(relative: str, patterns: Sequence[str]) -> bool:
    """Say whether a pattern (`*`, `?`, `[…]`) matches the file or folder at `relative`.

    A pattern with a `/` is compared with the whole path from the given folder (after `**/` at any depth), any
    other with the last name. Unicode forms and a trailing `/` do not matter.
    """
    whole = "/" + unicodedata.normalize("NFC", relative).lstrip("/")
    for pattern in patterns:
        wanted = unicodedata.normalize("NFC", pattern).rstrip("/")
        deep = wanted.startswith("**/") or "/" not in wanted
        wanted = "/" + wanted.removesuffix("/**").removeprefix("**/").removeprefix("./").lstrip("/")
        if fnmatch.fnmatchcase(whole, f"*{wanted}" if deep else wanted):
            return True
    return False


def _folder(root: str, skipped: Skipped, exclude: Sequence[str]) -> Iterator[Found]:
    """Walk `root`; linked folders inside are not entered, so that there are no loops."""

    def refuse(error: OSError) -> None:
        skipped.unreadable.append(str(error.filename))

    found: list[Found] = []
    for folder, folders, files in os.walk(root, onerror=refuse):
        inside = os.path.relpath(folder, root)
        folders[:] = [
            name
            for name in folders
            if not _passed_over(inside, name, skipped, exclude) and not _is_link(folder, name, skipped)
        ]
        for name in files:
            if _passed_over(inside, name, skipped, exclude):
                continue
            if is_picture_name(name):
                image = os.path.join(folder, name)  # noqa: PTH118 - keeps "./" as the user wrote it
                found.append(Found(image, os.path.relpath(image, root)))
            elif not _is_link(folder, name, skipped, dangling=True):
                skipped.others += 1
    if not found:
        skipped.empty.append(root)
    yield from sorted(found, key=lambda entry: PurePath(entry.relative).parts)


def _passed_over(inside: str, name: str, skipped: Skipped, exclude: Sequence[str]) -> bool:
    """Count a file or folder that a rule skips. `inside`: its folder, relative to the given one."""
    hidden = name.startswith(".")
    system = name.lower() in SYSTEM_NAMES
    out = bool(exclude) and excluded(os.path.normpath(f"{inside}/{name}"), exclude)
    skipped.hidden += hidden
    skipped.system += system and not hidden
    skipped.excluded += out and not hidden and not system
    return hidden or system or out


def _is_link(folder: str, name: str, skipped: Skipped, *, dangling: bool = False) -> bool:
    """Record a linked folder; `dangling`: also a broken link, which may have led to a folder."""
    path = os.path.join(folder, name)  # noqa: PTH118 - as it is shown
    link = os.path.islink(path) and not (dangling and os.path.exists(path))  # noqa: PTH114, PTH110
    if link:
        skipped.links.append(path)
    return link


def as_on_disk(path: Path) -> Path:
    """Return `path`, or if there is no such file, the only one whose name differs just in its Unicode form.

    macOS writes é as e and an accent, most other systems as one character; both look the same.
    """
    if str(path).isascii() or os.path.lexists(path):
        return path
    found = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        found = _child(found, part)
    return found


def _child(folder: Path, name: str) -> Path:
    if name.isascii() or os.path.lexists(folder / name):
        return folder / name
    for form in ("NFC", "NFD"):
        other = folder / unicodedata.normalize(form, name)
        if os.path.lexists(other):
            return other
    return folder / name
