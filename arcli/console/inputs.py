"""The input of a command besides its arguments: stdin, files named with @, a person's answers."""

from __future__ import annotations

import codecs
import math
import os
import sys
from collections.abc import Iterable, Iterator
from io import BufferedIOBase
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

from arcli.console.text import printable
from arcli.errors import ConfirmationRequired, Declined, Interrupted, InvalidMetadata, UsageError
from arcli.models import METADATA_LIMIT, MatchRatio, usable_matchratio, valid_metadata

if TYPE_CHECKING:
    from arcli.console.session import Session

_BOM = 3  # bytes of a byte order mark
_LONGEST = 65_536  # bytes of a line; paths have at most 4,096


def with_stdin(words: Iterable[str], *, nul: bool = False) -> Iterator[str]:
    """Yield the words, replacing "-" by the non-empty lines of stdin (`nul`: ended by NUL)."""
    for word in words:
        if word == "-":
            yield from lines_of(stdin_bytes(), nul=nul)
        else:
            yield word


def stdin_bytes() -> BufferedIOBase:
    """Return stdin; at a terminal, say what is expected. Raises UsageError if it is closed."""
    if sys.stdin is None:
        raise UsageError("- reads from stdin, which is closed", hint="pipe something into arcli")
    if sys.stdin.isatty():
        print("reading from the terminal: one per line, Ctrl-D at the end", file=sys.stderr, flush=True)
    return cast(BufferedIOBase, sys.stdin.buffer)


def lines_of(source: BufferedIOBase, head: bytes = b"", *, nul: bool) -> Iterator[str]:
    """Yield non-empty lines as they come; with `nul` they end with NUL.

    `head`: what was already read. Raises UsageError for input that is not a list of lines.
    """
    end = b"\0" if nul else b"\n"
    rest = b""
    for more in _utf8(_chunks(source, head)):
        *whole, rest = (rest + more).split(end)
        yield from filter(None, (_line(raw, nul) for raw in whole))
        if len(rest) > _LONGEST:
            raise _no_list("a line has no end")
    if last := _line(rest, nul):
        yield last


def _chunks(source: BufferedIOBase, head: bytes) -> Iterator[bytes]:
    """Yield chunks as they come; the first one is long enough for a byte order mark."""
    more = head or source.read(_BOM)
    while more:
        yield more
        more = source.read1(_LONGEST)


def _utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same text as UTF-8, without the byte order mark that Windows programs add."""
    first = next(chunks, b"")
    if not first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder("utf-16")()
    try:
        yield from (decoder.decode(more).encode() for more in chain([first], chunks))
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise _no_list("it begins like UTF-16 but is not") from error


def _line(raw: bytes, nul: bool) -> str:
    if b"\0" in raw:
        raise _no_list("a line has a NUL byte")
    return os.fsdecode(raw if nul else raw.rstrip(b"\r"))


def _no_list(why: str) -> UsageError:
    return UsageError(f"stdin is not a list of lines: {why}", hint="-0 reads what `find -print0` writes")


def metadata_text(given: str | None) -> str | None:
    """Return metadata as given, or the content of FILE for @FILE. Raises InvalidMetadata, UsageError."""
    if given is None:
        return None
    return valid_metadata(_file_text(Path(given[1:])) if given.startswith("@") else given)


def match_ratio(given: str | None, session: Session) -> MatchRatio | None:
    """Return a number if one was given, else the text: a vendor's values are passed on unchanged.

    Raises UsageError for a value that the embedded engine, whose scores go from 0 to 1, cannot use.
    """
    if given is None:
        return None
    if usable_matchratio(given) is None:
        if session.settings.own:
            hint = "to go back to the channel's threshold: arcli update ID --clear match-ratio"
            raise UsageError(f"--match-ratio {given!r} is not a score from 0 to 1", hint=hint)
        session.warn(
            f"match ratio {given!r} is passed on unchanged; arcli's own engine uses numbers from 0 to 1"
        )
    for kind in (int, float):
        try:
            number = kind(given)
            return number if math.isfinite(number) else given
        except (ValueError, OverflowError):
            continue
    return given


def _file_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(METADATA_LIMIT + _BOM + 1)
        if len(data) > METADATA_LIMIT + _BOM:
            raise InvalidMetadata(f"{path} has more than 64 KiB")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidMetadata(f"{path} is not UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="--metadata @FILE reads FILE") from error


def confirm(question: str, *, yes: bool) -> None:
    """Return if the answer is yes.

    Raises ConfirmationRequired if nobody can be asked, Declined for any answer but yes, Interrupted at the
    end of input.
    """
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfirmationRequired(f"not confirmed: {question}")
    try:
        print(f"{printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        answer = ""
    if not answer:
        print(file=sys.stderr)  # the question stays on its line
        raise Interrupted("interrupted")
    if answer.strip().lower() not in ("y", "yes"):
        raise Declined("declined: nothing was changed")


def ask_secret(question: str) -> str:
    """Return a secret: typed without echo, or the first line of stdin if that is not a terminal.

    Raises Interrupted when nothing comes.
    """
    if sys.stdin.isatty():
        from getpass import getpass

        secret = getpass(question, stream=sys.stderr)
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise Interrupted("no secret was given")
    return secret
