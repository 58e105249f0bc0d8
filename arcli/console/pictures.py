"""Picture arguments: files, folders, and stdin with a picture or with paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BufferedIOBase
from itertools import chain
from typing import TYPE_CHECKING

from arcli.console.inputs import lines_of, stdin_bytes
from arcli.filetypes import HEAD_BYTES, picture_format
from arcli.models import PICTURE_BYTES_LIMIT, Picture

if TYPE_CHECKING:
    from arcli.bulk.walk import Skipped

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Photos:
    """The pictures of a command. `total`: None if stdin decides; `single`: one picture was named.

    `skipped` is complete once all pictures have been read.
    """

    pictures: Iterator[Picture]
    total: int | None
    single: bool
    skipped: Skipped


def photos(words: Sequence[str], *, nul: bool, exclude: Sequence[str] = ()) -> Photos:
    """Return the pictures that `words` name; "-" is stdin, whose paths end with NUL if `nul` is set.

    `exclude` has patterns of what to skip. Raises EmptyInput if there is no picture at all, PictureNotFound
    if a folder cannot be read.
    """
    from arcli.bulk.walk import Skipped

    skipped = Skipped()
    if STDIN in words:
        given = _with_stdin(words, nul, skipped, exclude)
        return replace(given, pictures=_not_empty(given.pictures, skipped))
    names = list(_walked(words, skipped, exclude))
    single = len(words) == 1 and not os.path.isdir(words[0])  # noqa: PTH112 - Path("") is a folder
    return Photos(_not_empty(map(_picture, names), skipped), len(names), single, skipped)


def _not_empty(pictures: Iterator[Picture], skipped: Skipped) -> Iterator[Picture]:
    """Return the pictures once the first has arrived. Raises as `photos` does."""
    first = next(pictures, None)
    if first is not None:
        return chain([first], pictures)
    from arcli.bulk.add_plan import no_pictures

    raise no_pictures(skipped)


def _picture(name: str) -> Picture:
    from arcli.bulk.walk import picture_named

    return picture_named(name)


def _with_stdin(words: Sequence[str], nul: bool, skipped: Skipped, exclude: Sequence[str]) -> Photos:
    source = stdin_bytes()
    head = b"" if source.isatty() else source.read(HEAD_BYTES)  # nobody types a picture
    if picture_format(head) is not None:
        data = b"".join((head, *_pieces(source, PICTURE_BYTES_LIMIT + 1 - len(head))))
        picture = Picture(name=STDIN, data=data)
        if len(words) == 1:
            return Photos(iter([picture]), 1, True, skipped)
        return Photos(_mixed(words, picture, skipped, exclude), None, False, skipped)
    listed = _walked(_spliced(words, lines_of(source, head, nul=nul)), skipped, exclude)
    return Photos(map(_picture, listed), None, False, skipped)


def _pieces(source: BufferedIOBase, most: int) -> Iterator[bytes]:
    """Yield a stream's content as it comes: a single large read would allocate all its memory at once."""
    while most > 0 and (piece := source.read(min(most, 1 << 20))):
        yield piece
        most -= len(piece)


def _mixed(
    words: Sequence[str], picture: Picture, skipped: Skipped, exclude: Sequence[str]
) -> Iterator[Picture]:
    for word in words:
        yield from [picture] if word == STDIN else map(_picture, _walked([word], skipped, exclude))


def _spliced(words: Sequence[str], listed: Iterator[str]) -> Iterator[str]:
    for word in words:
        yield from listed if word == STDIN else [word]


def _walked(words: Iterable[str], skipped: Skipped, exclude: Sequence[str]) -> Iterator[str]:
    """Yield the pictures that files, folders and globs name, as the user would write them.

    One that is named twice comes twice: scripts pair answers with their arguments.
    """
    from arcli.bulk.walk import each_picture

    return (found.image for found in each_picture(words, skipped, exclude))
