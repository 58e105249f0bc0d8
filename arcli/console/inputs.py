"""Reads what a command is given besides its words: stdin, files named with @."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from arcli.errors import InvalidMetadata, UsageError
from arcli.models import METADATA_LIMIT, MatchRatio, valid_metadata


def with_stdin(words: Iterable[str], *, nul: bool = False) -> Iterator[str]:
    """Yield the words, and in place of "-" the lines of stdin that are not empty (`nul`: ended by NUL)."""
    for word in words:
        if word == "-":
            lines = "".join(stdin_text()).split("\0") if nul else stdin_text()
            yield from filter(None, (line if nul else line.rstrip("\r\n") for line in lines))
        else:
            yield word


def stdin_text() -> Iterator[str]:
    """Yield the lines of stdin. Raises UsageError for a terminal, where nothing would ever come."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- reads from stdin, which is a terminal", hint="pipe something into arcli")
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "surrogateescape")


def metadata_text(given: str | None) -> str | None:
    """Return metadata as given, or the content of FILE for @FILE. Raises InvalidMetadata, UsageError."""
    if given is None:
        return None
    return valid_metadata(_file_text(Path(given[1:])) if given.startswith("@") else given)


def match_ratio(given: str | None) -> MatchRatio | None:
    """Return a number where one was given, else the text: a vendor's values are passed on as they are."""
    if given is None:
        return None
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
            data = file.read(METADATA_LIMIT + 4)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidMetadata(f"{path} is not UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="--metadata @FILE reads FILE") from error
