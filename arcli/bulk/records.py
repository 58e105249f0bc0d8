"""CSV records, each with the number of its first line; a broken quote costs one record, not the file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain

from arcli.errors import InvalidManifest
from arcli.models import METADATA_LIMIT

RECORD_LIMIT = 4 * METADATA_LIMIT  # characters; quotes are doubled, and the other cells need room


class _Unclosed(Exception):
    """A quoted cell is longer than any record may be."""


class _Feed:
    """Passes lines to csv.reader one by one and remembers those of the record that is being read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines = lines
        self.record: list[str] = []
        self.size = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.record.append(line)
        self.size += len(line)
        if self.size > RECORD_LIMIT and len(self.record) > 1:
            raise _Unclosed
        return line

    def begin(self) -> None:
        self.record.clear()
        self.size = 0


def records(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str] | InvalidManifest]]:
    """Yield (line number, cells) of each record that is not blank, or an error in place of its cells.

    After a quote that is never closed, reading continues in the next line. Lines keep their line ends.
    """
    source = iter(lines)
    number = 1
    csv.field_size_limit(max(csv.field_size_limit(), RECORD_LIMIT))
    while True:
        feed = _Feed(source)
        reader = csv.reader(feed, delimiter=delimiter, strict=True)
        while True:
            feed.begin()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (_Unclosed, csv.Error) as error:
                yield number, _fault(feed, error)
                source = chain(feed.record[1:], source)
                number += 1
                break
            if any(cell.strip() for cell in cells):
                yield number, cells
            number += len(feed.record)


def _fault(feed: _Feed, error: Exception) -> InvalidManifest:
    hint = 'a cell with a delimiter, a quote or a line break must be in quotes, and a quote in it written ""'
    if len(feed.record) > 1 or "unexpected end" in str(error):
        return InvalidManifest("a quoted cell that begins here is never closed", hint=hint)
    return InvalidManifest(f"quotes that do not match ({error})", hint=hint)
