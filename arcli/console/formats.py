"""Where items go: one sink a format. A sink writes to `write`, which takes text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from arcli.console.answer import Ending, Sink, Write, to_json
from arcli.console.items import Item, ItemView, Record
from arcli.console.streams import Streams
from arcli.console.tables import render_table
from arcli.errors import ArcliError
from arcli.settings import Format


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
