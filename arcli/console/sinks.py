"""Where items go: one sink a format. A sink writes to `write`, which takes text."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from arcli.console.streams import Streams
from arcli.console.table import render_table
from arcli.console.view import Item, ItemView, Record
from arcli.errors import ArcliError
from arcli.settings import Format

ENVELOPE_VERSION = 1
Write = Callable[[str], None]


def to_json(value: object) -> str:
    """Return one line of JSON; what is not finite has no place in it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)


def envelope(command: str, status: str, data: Record | None, errors: Sequence[ArcliError]) -> Record:
    """Return the one object that a command answers; its keys are an API (docs/json.md)."""
    return {
        "arcli": ENVELOPE_VERSION,
        "command": command,
        "status": status,
        "data": data,
        "errors": [error.as_record() for error in errors],
    }


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended. `data` is what stands beside the items."""

    command: str
    status: str
    data: Mapping[str, Any]
    errors: Sequence[ArcliError]

    def envelope(self, data: Record | None) -> str:
        return to_json(envelope(self.command, self.status, data, self.errors)) + "\n"


class Sink(ABC, Generic[Item]):
    """Takes items as they come, then the end."""

    def __init__(self, view: ItemView[Item], write: Write) -> None:
        self.view = view
        self.write = write

    @abstractmethod
    def item(self, item: Item, /) -> None:
        """Take one item."""

    def failed(self, item: Item, _error: ArcliError, /) -> None:
        """Take one item that failed."""
        self.item(item)

    def close(self, ending: Ending, /) -> None:
        """Nothing more will come."""

    def abort(self, ending: Ending, /) -> None:
        """Nothing more will come: the last of the errors stopped the command."""
        self.close(ending)


class JsonSink(Sink[Item]):
    """Collects everything for one object at the end."""

    def __init__(self, view: ItemView[Item], write: Write) -> None:
        super().__init__(view, write)
        self._records: list[Record] = []

    def item(self, item: Item, /) -> None:
        self._records.append(self.view.record(item))

    def close(self, ending: Ending, /) -> None:
        whole = {**ending.data, self.view.key: self._records} if self.view.key else self._records[0]
        self.write(ending.envelope(whole))


class JsonlSink(Sink[Item]):
    """Writes one object a line at once; a failed item carries its error under "error"."""

    def item(self, item: Item, /) -> None:
        self.write(to_json(self.view.record(item)) + "\n")

    def failed(self, item: Item, error: ArcliError, /) -> None:
        self.write(to_json({**self.view.record(item), "error": error.as_record()}) + "\n")

    def abort(self, ending: Ending, /) -> None:
        self.write(ending.envelope(None))


class CsvSink(Sink[Item]):
    """Writes RFC 4180 lines at once; the header stands alone when there are no items."""

    def __init__(self, view: ItemView[Item], write: Write) -> None:
        super().__init__(view, write)
        self._line(view.columns)

    def item(self, item: Item, /) -> None:
        for row in self.view.csv_rows(item):
            self._line(row)

    def _line(self, row: Sequence[str]) -> None:
        line = io.StringIO()
        csv.writer(line).writerow(row)
        self.write(line.getvalue())


class IdsSink(Sink[Item]):
    """Writes the names alone, one a line at once."""

    def item(self, item: Item, /) -> None:
        for name in self.view.names(item):
            self.write(name + "\n")


class TableSink(Sink[Item]):
    """Collects the lines and writes an aligned table at the end."""

    def __init__(self, view: ItemView[Item], write: Write, *, width: int | None, bold: bool) -> None:
        super().__init__(view, write)
        self._width, self._bold = width, bold
        self._lines: list[list[str]] = []

    def item(self, item: Item, /) -> None:
        self._lines += self.view.table_lines(item)

    def close(self, _ending: Ending, /) -> None:
        table = render_table(self.view.table_headings(), self._lines, width=self._width, bold=self._bold)
        if table:
            self.write(table)


def make_sink(format: Format, view: ItemView[Item], streams: Streams) -> Sink[Item]:  # noqa: A002
    """Return the sink of a format, writing to stdout."""
    match format:
        case Format.JSON:
            return JsonSink(view, streams.write)
        case Format.JSONL:
            return JsonlSink(view, streams.write)
        case Format.CSV:
            return CsvSink(view, streams.write_raw)
        case Format.IDS:
            return IdsSink(view, streams.write_raw)
        case Format.TABLE:
            return TableSink(view, streams.write, width=streams.width(), bold=streams.colour("stdout"))
