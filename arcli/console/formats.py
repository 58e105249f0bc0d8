"""The forms of an answer: JSON and its envelope, and one sink per format, which receives items.

A sink writes by `write`, which takes text.
"""

from __future__ import annotations

import csv
import io
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from arcli.bulk.encoding import guarded
from arcli.console.items import Item, ItemView, Record
from arcli.console.streams import Streams
from arcli.console.tables import TABLES, Table
from arcli.console.text import printable
from arcli.errors import ArcliError
from arcli.files import Spool
from arcli.settings import Format

UTF8_MARK = "\ufeff"
ENVELOPE_VERSION = 1
_PIECE = 1 << 16  # characters that are written at once
Write = Callable[[str], None]
# What JSON may hold unescaped but a terminal must not get: C1 controls, bidirectional overrides, separators.
_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def to_json(value: object) -> str:
    """Return one line of JSON that is safe to display. Raises ValueError for NaN and infinity."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    return _STEERING.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def envelope(command: str, status: str, data: Record | None, errors: Sequence[ArcliError]) -> Record:
    """Return the one object that a command answers; its keys are an API (docs/reference/json.md)."""
    return {
        "arcli": ENVELOPE_VERSION,
        "command": command,
        "status": status,
        "data": data,
        "errors": [error.as_record() for error in errors],
    }


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended. `data`: what JSON has besides the items."""

    command: str
    status: str
    data: Mapping[str, Any]


class Sink(ABC, Generic[Item]):
    """Receives items and failures as they come, then the end."""

    def __init__(self, view: ItemView[Item], write: Write) -> None:
        self.view = view
        self.write = write

    @abstractmethod
    def item(self, item: Item, /) -> None:
        """Receive one item."""

    def failed(self, item: Item, error: ArcliError, /) -> None:
        """Receive one item that failed."""
        self.item(item)
        self.failure(error)

    def failure(self, _error: ArcliError, /) -> None:
        """Receive a failure that belongs to no item."""

    def close(self, ending: Ending, /) -> None:
        """End the answer."""

    def abort(self, ending: Ending, error: ArcliError, /) -> None:
        """End the answer: `error` stopped the command."""
        self.failure(error)
        self.close(ending)


class JsonSink(Sink[Item]):
    """Keeps everything for one object at the end, as text that may be larger than memory."""

    def __init__(self, view: ItemView[Item], write: Write) -> None:
        super().__init__(view, write)
        self._records = Spool()
        self._errors = Spool()

    def item(self, item: Item, /) -> None:
        self._records.add(to_json(self.view.record(item)))

    def failure(self, error: ArcliError, /) -> None:
        self._errors.add(to_json(error.as_record()))

    def close(self, ending: Ending, /) -> None:
        for piece in _pieces(self._whole(ending)):
            self.write(piece)

    def _whole(self, ending: Ending) -> Iterator[str]:
        head = {"arcli": ENVELOPE_VERSION, "command": ending.command, "status": ending.status}
        yield to_json(head)[:-1] + ', "data": '
        if self.view.key:
            beside = to_json(ending.data)[:-1]
            yield beside + (", " if ending.data else "") + to_json(self.view.key) + ": "
            yield from _listed(self._records)
            yield "}"
        else:
            yield next(self._records.lines(), "null")
        yield ', "errors": '
        yield from _listed(self._errors)
        yield "}\n"


def _listed(spool: Spool) -> Iterator[str]:
    yield "["
    for number, line in enumerate(spool.lines()):
        yield f", {line}" if number else line
    yield "]"


def _pieces(parts: Iterable[str]) -> Iterator[str]:
    """Join short parts to pieces that are worth a system call."""
    waiting: list[str] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _PIECE:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)


class JsonlSink(Sink[Item]):
    """Writes one object per line, immediately; a failed item has its error under "error"."""

    def item(self, item: Item, /) -> None:
        self.write(to_json(self.view.record(item)) + "\n")

    def failed(self, item: Item, error: ArcliError, /) -> None:
        self.write(to_json({**self.view.record(item), "error": error.as_record()}) + "\n")

    def abort(self, ending: Ending, error: ArcliError, /) -> None:
        self.write(to_json(envelope(ending.command, ending.status, None, [error])) + "\n")


class CsvSink(Sink[Item]):
    """Writes RFC 4180 lines immediately; without items there is only the header.

    `safe`: the output goes to a terminal, so control characters are written as escapes. `mark`: it begins
    with U+FEFF, without which Excel takes UTF-8 for the code page of its Windows.
    """

    def __init__(self, view: ItemView[Item], write: Write, *, safe: bool = False, mark: bool = False) -> None:
        super().__init__(view, write)
        self._safe = safe
        if mark and not safe:
            self.write(UTF8_MARK)
        self._line(view.columns)

    def item(self, item: Item, /) -> None:
        for row in self.view.csv_rows(item):
            self._line([guarded(cell) for cell in row])

    def _line(self, row: Sequence[str]) -> None:
        line = io.StringIO()
        csv.writer(line).writerow([printable(cell) for cell in row] if self._safe else row)
        self.write(line.getvalue())


class IdsSink(Sink[Item]):
    """Writes only the names, one per line, immediately; `safe` as in CsvSink."""

    def __init__(self, view: ItemView[Item], write: Write, *, safe: bool = False) -> None:
        super().__init__(view, write)
        self._safe = safe

    def item(self, item: Item, /) -> None:
        for name in self.view.names(item):
            self.write((printable(name) if self._safe else name) + "\n")


class TableSink(Sink[Item]):
    """Writes an aligned table: its first lines together, further ones as they come.

    `most`: with more items than that nothing is shown but the summary.
    """

    def __init__(self, view: ItemView[Item], write: Write, table: Table, *, most: int | None = None) -> None:
        super().__init__(view, write)
        self._table = table
        self._most = most
        self._count = 0
        self._lines: list[list[str]] = []
        self._begun = False

    def item(self, item: Item, /) -> None:
        self._count += 1
        if self._most is not None and self._count > self._most:
            self._lines = []
            return
        self._lines += self.view.table_lines(item)
        if self._most is None and len(self._lines) >= (1 if self._begun else TABLES.fitted):
            self._put()

    def close(self, _ending: Ending, /) -> None:
        self._put()

    def _put(self) -> None:
        if not self._lines:
            return
        if not self._begun:
            self.write(self._table.begin(self._lines))
        self.write(self._table.text(self._lines))
        self._lines, self._begun = [], True


def _table(view: ItemView[Any], streams: Streams, most: int | None) -> Sink[Any]:
    bold, width = streams.colour("stdout"), streams.width()
    table = Table(view.table_headings(), width=width, bold=bold, wrap=view.wrap)
    return TableSink(view, streams.write, table, most=most)


SINKS: dict[Format, Callable[[ItemView[Any], Streams, int | None], Sink[Any]]] = {
    Format.TABLE: _table,
    Format.JSON: lambda view, streams, _: JsonSink(view, streams.write),
    Format.JSONL: lambda view, streams, _: JsonlSink(view, streams.write),
    Format.CSV: lambda view, streams, _: CsvSink(view, streams.write_raw, safe=streams.terminal("stdout")),
    Format.EXCEL: lambda view, streams, _: CsvSink(
        view, streams.write_raw, safe=streams.terminal("stdout"), mark=True
    ),
    Format.IDS: lambda view, streams, _: IdsSink(view, streams.write_raw, safe=streams.terminal("stdout")),
}
"""What writes each format: a new one gets its name in `Format` and a line here."""


def make_sink(
    format: Format,  # noqa: A002
    view: ItemView[Item],
    streams: Streams,
    *,
    most: int | None = None,
) -> Sink[Item]:
    """Return the sink of a format, writing to stdout. `most`: see TableSink."""
    return SINKS[format](view, streams, most)
