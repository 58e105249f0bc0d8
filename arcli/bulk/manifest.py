"""Manifests: .csv and .jsonl files that name pictures and what belongs to them.

A manifest is read twice (to find collisions, then to load) and never held in memory.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from arcli.bulk.columns import ManifestHeader, Row, header_of, row_from_cells, row_from_object
from arcli.bulk.encoding import TextEncoding, encoding_of
from arcli.bulk.records import records
from arcli.errors import Conflict, EmptyInput, InvalidManifest, UsageError
from arcli.models import METADATA_LIMIT

LINE_LIMIT = 16 * METADATA_LIMIT  # characters; metadata as escaped text in JSON may be 12 times as long
DELIMITERS = (",", ";", "\t", "|")
_JSON_LINES = (".jsonl", ".ndjson")
_EXCEL_SEPARATOR = "sep="  # the line before the header by which Excel is told the delimiter


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose head has been read. `notes`: what the user should know about how it is read."""

    path: Path
    encoding: str
    stamp: tuple[int, int]
    notes: tuple[str, ...] = ()
    header: ManifestHeader | None = None  # None: JSON lines

    def rows(self) -> Iterator[Row]:
        """Read all rows.

        Raises Conflict when the file has changed since it was opened, InvalidManifest when it is not
        text in its encoding or a line is longer than any row may be.
        """
        if _stamp(self.path) != self.stamp:
            raise Conflict(f"{self.path} was changed while it was being read", item=str(self.path))
        lines = _lines(self.path, self.encoding)
        if self.header is None:
            for number, text in enumerate(lines, start=1):
                if text.strip():
                    yield row_from_object(number, text)
            return
        for number, cells in islice(records(lines, self.header.delimiter), self.header.records, None):
            yield row_from_cells(number, cells, self.header)


def open_manifest(path: Path, encoding: str | None = None) -> Manifest:
    """Read the head of a manifest. Raises InvalidManifest, UsageError for an unknown `encoding`."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InvalidManifest(
                f"{path} is no regular file", hint="a manifest is read twice: save it to a file first"
            )
        stamp = _stamp(path)
        found = TextEncoding(_known(encoding)) if encoding else encoding_of(path)
    except OSError as error:
        raise InvalidManifest(f"cannot read the manifest {path}: {error.strerror}") from error
    notes = [f"{path}: read as {found.name}, which is a guess (--encoding names another)"] * found.guessed
    if path.suffix.lower() in _JSON_LINES:
        return Manifest(path, found.name, stamp, tuple(notes))
    header = _csv_header(path, found.name)
    if header.ignored:
        notes.append(f"{path}: columns not used: {', '.join(header.ignored)}")
    return Manifest(path, found.name, stamp, tuple(notes), header)


def _csv_header(path: Path, encoding: str) -> ManifestHeader:
    """Find delimiter and columns: the delimiter is the one by which the header has an image column."""
    best: list[str] = []
    for delimiter in DELIMITERS:
        found = list(islice(records(_lines(path, encoding), delimiter), 2))
        rows = [cells for _, cells in found if isinstance(cells, list)]
        named = rows[:1] and rows[0][0].lower().startswith(_EXCEL_SEPARATOR)
        for before, cells in enumerate(rows[1:] if named else rows[:1], start=2 if named else 1):
            header = header_of(cells, delimiter, before, path)
            if header is not None:
                return header
            best = max(best, cells, key=len)
    if not best:
        raise EmptyInput(f"{path} lists nothing: it has no text", item=str(path))
    raise InvalidManifest(
        f"{path}: no column is named image (found: {', '.join(best)})",
        hint="the first line names the columns: image, and if wanted identifier, metadata, matchratio",
    )


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Yield physical lines with their ends."""
    number = 0
    with path.open(encoding=encoding, newline="") as file:
        try:
            while line := file.readline(LINE_LIMIT):
                number += 1
                if len(line) == LINE_LIMIT:
                    raise InvalidManifest(f"{path}:{number}: a line of over {LINE_LIMIT:,} characters")
                yield line
        except UnicodeError as error:
            raise InvalidManifest(
                f"{path}: after line {number} it is not {encoding} text", hint="name its encoding: --encoding"
            ) from error


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _known(encoding: str) -> str:
    """Return the codec to read with: one of UTF-8 that does not mind a byte order mark."""
    try:
        "".encode(encoding)
    except (LookupError, UnicodeError) as error:
        raise UsageError(
            f"unknown encoding: {encoding}", hint="for example utf-8, cp1252, gb18030"
        ) from error
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
