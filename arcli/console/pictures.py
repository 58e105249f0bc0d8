"""Picture arguments: files, folders, and stdin with a picture or with paths."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from arcli.errors import UsageError
from arcli.models import PICTURE_BYTES_LIMIT, Picture

STDIN = "-"
_HEAD = 64
_MAGIC = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*|BM....\0\0\0\0|....ftyp|P[4-6]\s+\d+\s+\d+\s",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Photos:
    """Pictures to go through. `total` is None where stdin still has to say; `single`: one was named."""

    pictures: Iterator[Picture]
    total: int | None
    single: bool


def photos(words: Sequence[str], *, nul: bool) -> Photos:
    """Return the pictures that `words` mean; "-" is stdin, whose paths end with NUL where `nul` says so."""
    if STDIN in words:
        return _with_stdin(words, nul)
    names = list(_walked(words))
    single = len(words) == 1 and not Path(words[0]).is_dir()
    return Photos(map(Picture.from_path, names), len(names), single)


def _with_stdin(words: Sequence[str], nul: bool) -> Photos:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- reads from stdin, which is a terminal", hint="pipe a picture or paths into arcli")
    source = cast(BufferedIOBase, sys.stdin.buffer)
    head = source.read(_HEAD)
    if _MAGIC.match(head):
        data = head + source.read(PICTURE_BYTES_LIMIT + 1 - len(head))
        picture = Picture(name=STDIN, data=data)
        if len(words) == 1:
            return Photos(iter([picture]), 1, True)
        return Photos(_mixed(words, picture), None, False)
    listed = _paths(source, head, b"\0" if nul else b"\n")
    return Photos(map(Picture.from_path, _walked(_spliced(words, listed))), None, False)


def _mixed(words: Sequence[str], picture: Picture) -> Iterator[Picture]:
    for word in words:
        yield from [picture] if word == STDIN else map(Picture.from_path, _walked([word]))


def _spliced(words: Sequence[str], listed: Iterator[str]) -> Iterator[str]:
    for word in words:
        yield from listed if word == STDIN else [word]


def _paths(source: BufferedIOBase, head: bytes, end: bytes) -> Iterator[str]:
    """Yield the paths of a stream as they come; empty ones are left out."""
    rest, more = b"", head
    while more:
        *whole, rest = (rest + more).split(end)
        yield from filter(None, (_path(raw, end) for raw in whole))
        more = source.read1(65536)
    if text := _path(rest, end):
        yield text


def _path(raw: bytes, end: bytes) -> str:
    return os.fsdecode(raw if end == b"\0" else raw.rstrip(b"\r"))


def _walked(words: Iterable[str]) -> Iterator[str]:
    """Yield the pictures that files, folders and globs mean, as the user would write them."""
    from arcli.bulk.walk import Skipped, pictures_of

    return (found.image for found in pictures_of(words, Skipped()))
