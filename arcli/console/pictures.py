"""Picture arguments: files, folders, and stdin with a picture or with paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arcli.console.inputs import lines_of, stdin_bytes
from arcli.models import PICTURE_BYTES_LIMIT, Picture

if TYPE_CHECKING:
    from arcli.bulk.walk import Skipped

STDIN = "-"
_HEAD = 64
_MAGIC = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*|BM....\0\0\0\0|....ftyp|P[4-6]\s+\d+\s+\d+\s",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Photos:
    """Pictures to go through. `total` is None where stdin still has to say; `single`: one was named.

    `skipped` is complete when all pictures have been taken.
    """

    pictures: Iterator[Picture]
    total: int | None
    single: bool
    skipped: Skipped


def photos(words: Sequence[str], *, nul: bool) -> Photos:
    """Return the pictures that `words` mean; "-" is stdin, whose paths end with NUL where `nul` says so."""
    from arcli.bulk.walk import Skipped

    skipped = Skipped()
    if STDIN in words:
        return _with_stdin(words, nul, skipped)
    names = list(_walked(words, skipped))
    single = len(words) == 1 and not os.path.isdir(words[0])  # noqa: PTH112 - Path("") is a folder
    return Photos(map(Picture.from_path, names), len(names), single, skipped)


def _with_stdin(words: Sequence[str], nul: bool, skipped: Skipped) -> Photos:
    source = stdin_bytes()
    head = source.read(_HEAD)
    if _MAGIC.match(head):
        data = head + source.read(PICTURE_BYTES_LIMIT + 1 - len(head))
        picture = Picture(name=STDIN, data=data)
        if len(words) == 1:
            return Photos(iter([picture]), 1, True, skipped)
        return Photos(_mixed(words, picture, skipped), None, False, skipped)
    listed = lines_of(source, head, nul=nul)
    return Photos(map(Picture.from_path, _walked(_spliced(words, listed), skipped)), None, False, skipped)


def _mixed(words: Sequence[str], picture: Picture, skipped: Skipped) -> Iterator[Picture]:
    for word in words:
        yield from [picture] if word == STDIN else map(Picture.from_path, _walked([word], skipped))


def _spliced(words: Sequence[str], listed: Iterator[str]) -> Iterator[str]:
    for word in words:
        yield from listed if word == STDIN else [word]


def _walked(words: Iterable[str], skipped: Skipped) -> Iterator[str]:
    """Yield the pictures that files, folders and globs mean, as the user would write them.

    One named twice comes twice: scripts pair answers with what they asked.
    """
    from arcli.bulk.walk import each_picture

    return (found.image for found in each_picture(words, skipped))
