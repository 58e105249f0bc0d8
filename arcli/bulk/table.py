"""Tables that people save from spreadsheets or write as JSON lines, read row by row.

Encoding and delimiter are detected, the header tells what the columns mean, a bad row costs only itself. A
table may be read several times and is never held in memory.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from arcli.bulk.encoding import TextEncoding, encoding_of, unguarded
from arcli.bulk.records import records
from arcli.errors import Conflict, EmptyInput, InvalidManifest, UsageError
from arcli.models import METADATA_LIMIT

LINE_LIMIT = 16 * METADATA_LIMIT  # characters; metadata as escaped text in JSON may be 12 times as long
DELIMITERS = (",", ";", "\t", "|")
_JSON_LINES = (".jsonl", ".ndjson")
_EXCEL_SEPARATOR = "sep="  # the line before the header that names the delimiter for Excel

Names = Mapping[str, tuple[str, ...]]
"""Fields, and their names in headers; a table must have the first field.

Case, space, `_` and `-` do not matter.
"""


@dataclass(frozen=True, slots=True)
class TableHeader:
    """`columns`: field → cell number; `records`: how many records precede the first row."""

    delimiter: str
    columns: dict[str, int]
    width: int
    records: int
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableRow:
    """The values of a row, by field; empty cells are left out. With an `error`: what could be read."""

    line: int
    values: dict[str, Any]
    error: InvalidManifest | None = None


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table whose head has been read. `notes`: what the user should know about how it was read."""

    path: Path
    names: Names
    encoding: str
    stamp: tuple[int, int]
    notes: tuple[str, ...] = ()
    header: TableHeader | None = None  # None: JSON lines

    def rows(self) -> Iterator[TableRow]:
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
                    yield _from_object(number, text, self.names)
            return
        for number, cells in islice(records(lines, self.header.delimiter), self.header.records, None):
            yield _from_cells(number, cells, self.header)


def open_table(path: Path, names: Names, encoding: str | None = None) -> TextTable:
    """Read the head of a table.

    Raises InvalidManifest, EmptyInput for a file without text, UsageError for an unknown `encoding`.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InvalidManifest(
                f"{path} is not a regular file", hint="such a file is read twice: save it to a file first"
            )
        stamp = _stamp(path)
        found = TextEncoding(_known(encoding)) if encoding else encoding_of(path)
    except OSError as error:
        raise InvalidManifest(f"cannot read {path}: {error.strerror}", item=str(path)) from error
    notes = [f"{path}: read as {found.name}, which is a guess (--encoding names another)"] * found.guessed
    if path.suffix.lower() in _JSON_LINES:
        return TextTable(path, names, found.name, stamp, tuple(notes))
    header = _csv_header(path, found.name, names)
    if header.ignored:
        notes.append(f"{path}: columns not used: {', '.join(header.ignored)}")
    return TextTable(path, names, found.name, stamp, tuple(notes), header)


def _csv_header(path: Path, encoding: str, names: Names) -> TableHeader:
    """Find delimiter and columns: with the right delimiter the header has the first field."""
    best: list[str] = []
    for delimiter in DELIMITERS:
        found = list(islice(records(_lines(path, encoding), delimiter), 2))
        rows = [cells for _, cells in found if isinstance(cells, list)]
        named = rows[:1] and rows[0][0].lower().startswith(_EXCEL_SEPARATOR)
        for before, cells in enumerate(rows[1:] if named else rows[:1], start=2 if named else 1):
            header = _header_of(cells, delimiter, before, path, names)
            if header is not None:
                return header
            best = max(best, cells, key=len)
    if not best:
        raise EmptyInput(f"{path} is empty", item=str(path))
    needed, *others = names
    raise InvalidManifest(
        f"{path}: no column is named {needed} (found: {', '.join(best)})",
        hint=f"the first line names the columns: {needed}, and if wanted {', '.join(others)}",
        item=str(path),
    )


def _header_of(cells: list[str], delimiter: str, before: int, path: Path, names: Names) -> TableHeader | None:
    """Return the header that the cells make, or None if they lack the first field.

    Raises InvalidManifest for a field named twice.
    """
    columns: dict[str, int] = {}
    ignored = []
    for number, cell in enumerate(cells):
        name = _field(cell, names)
        if name is None:
            ignored += [cell.strip()] * bool(cell.strip())
        elif name in columns:
            first = cells[columns[name]].strip()
            raise InvalidManifest(f"{path}: the columns {first} and {cell.strip()} both mean {name}")
        else:
            columns[name] = number
    if next(iter(names)) not in columns:
        return None
    return TableHeader(delimiter, columns, len(cells), before, tuple(ignored))


def _field(name: str, names: Names) -> str | None:
    plain = re.sub(r"[\s_-]+", "", name.lstrip("\ufeff")).casefold()
    return next((field for field, aliases in names.items() if plain in aliases), None)


def _from_cells(line: int, cells: list[str] | InvalidManifest, header: TableHeader) -> TableRow:
    if isinstance(cells, InvalidManifest):
        return TableRow(line, {}, cells)
    cells = [unguarded(cell) for cell in cells]
    values = {
        name: cell.strip() if name != "metadata" else cell  # metadata are kept byte for byte
        for name, at in header.columns.items()
        if at < len(cells) and (cell := cells[at]).strip()
    }
    if any(cell.strip() for cell in cells[header.width :]):
        why = f"{len(cells)} cells where the header has {header.width}"
        hint = f'put a cell that contains {header.delimiter!r} in quotes: "…", a quote in it as ""'
        return TableRow(line, values, InvalidManifest(why, hint=hint))
    return TableRow(line, values)


def _from_object(line: int, text: str, names: Names) -> TableRow:
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return TableRow(line, {}, InvalidManifest(f"not JSON: {error}"))
    if not isinstance(found, dict):
        return TableRow(line, {}, InvalidManifest("not a JSON object"))
    values: dict[str, Any] = {}
    for key, value in found.items():
        if (name := _field(key, names)) and value is not None and value != "":
            values[name] = value
    return TableRow(line, values)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Yield physical lines with their line ends."""
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
    """Return the codec to read with; for UTF-8 one that accepts a byte order mark."""
    try:
        "".encode(encoding)
    except (LookupError, UnicodeError) as error:
        raise UsageError(
            f"unknown encoding: {encoding}", hint="for example utf-8, cp1252, gb18030"
        ) from error
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
