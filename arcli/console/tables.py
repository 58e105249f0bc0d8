"""Tables and bars for people: aligned, fitted to the width of the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arcli.console.text import cells, printable, shortened, wrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """How tables are fitted; columns of a terminal, chosen by looking at tables of 80 to 200.

    rigid (10 to 30): cells up to this width (numbers, words, times) are cut only if nothing else can be.
    narrow (8 to 20): what a long cell keeps while shorter columns are whole. narrowest (4 to 12): a narrower
    cell says nothing. prose (20 to 60): what text gets beside a long cell. bar (4 to 20): what is left for
    bars on a narrow terminal. metadata (20 to 120): of a listing, even where it is redirected. fitted (20 to
    2000): lines to which columns are fitted; later lines are printed as they come. brief (10 to 500): with
    more items a load shows only its summary.
    """

    rigid: int = 20
    narrow: int = 12
    narrowest: int = 8
    prose: int = 30
    bar: int = 8
    metadata: int = 60
    fitted: int = 200
    brief: int = 50


TABLES = TableOptions()


_GAP = "  "
_NUMBERS = {"level", "ratio", "score", "inliers", "count", "targets", "store", "index", "rows"}
_PATHS = {"picture", "photo", "place", "subject"}  # columns whose end says more than their beginning


class Table:
    """Columns are fitted to the first lines; `width` None: nothing is cut. Numbers are right-aligned.

    `wrap`: the last column has text, which continues below instead of being cut. Without headings there are
    only columns.
    """

    def __init__(self, headings: Sequence[str], *, width: int | None, bold: bool, wrap: bool = False) -> None:
        self._headings = headings
        self._width = width
        self._bold = bold
        self._wrap = wrap and width is not None
        self._widths: list[int] = []

    def begin(self, lines: Sequence[Sequence[str]]) -> str:
        """Fit the columns to `lines` and return the heading."""
        head = [[heading.upper() for heading in self._headings]] if self._headings else []
        rows = [[printable(cell) for cell in line] for line in lines]
        self._widths = [max(map(cells, column)) for column in zip(*head, *rows, strict=True)]
        if self._width is not None:
            self._fit(self._width - len(_GAP) * (len(self._widths) - 1))
        text = "".join(self._row(row) for row in head)
        return f"\x1b[1m{text[:-1]}\x1b[0m\n" if text and self._bold else text

    def text(self, lines: Sequence[Sequence[str]]) -> str:
        """Return the text of lines; cells are cut or wrapped to the columns that `begin` has fitted."""
        return "".join(self._row([printable(cell) for cell in line]) for line in lines)

    def _fit(self, room: int) -> None:
        """While the columns need more than `room`, shrink the widest: long cells first, short ones last."""
        if sum(self._widths) <= room:
            return
        columns = self._widths
        last = 0
        if self._wrap:
            columns = self._widths[:-1]
            last = min(self._widths[-1], max(room - sum(columns), TABLES.prose))
        for least in (TABLES.rigid, TABLES.narrow, TABLES.narrowest):
            while sum(columns) > room - last and max(columns) > least:
                columns[columns.index(max(columns))] -= 1
        if self._wrap:
            self._widths = [*columns, max(min(last, room - sum(columns)), TABLES.narrowest)]

    def _row(self, row: Sequence[str]) -> str:
        """Return the line, or lines, of one row."""
        first = [self._cell(number, text) for number, text in enumerate(row[:-1])]
        last = len(row) - 1
        below = wrapped(row[last], self._widths[last]) if self._wrap else [self._cell(last, row[last])]
        indent = [" " * width for width in self._widths[:-1]]
        lines = [[*first, below[0]], *([*indent, words] for words in below[1:])]
        return "".join(_GAP.join(line).rstrip() + "\n" for line in lines)

    def _cell(self, number: int, text: str) -> str:
        width = self._widths[number]
        name = self._headings[number] if self._headings else ""
        cut = text if self._width is None else shortened(text, width, front=name in _PATHS)
        space = " " * (width - cells(cut))
        return space + cut if name in _NUMBERS else cut + space


_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, slots=True)
class Bar:
    """A count, and another that is drawn after it in a lighter shade."""

    label: str
    count: int
    more: int = 0


def render_bars(bars: Sequence[Bar], width: int) -> str:
    """Return the bars as lines of at most `width` columns (more only if there is no room)."""
    if not bars:
        return ""
    numbers = [f"{bar.count:,}" + (f" + {bar.more:,}" if bar.more else "") for bar in bars]
    left = max(cells(bar.label) for bar in bars)
    right = max(map(len, numbers))
    room = max(width - left - right - 2, TABLES.bar)
    top = max(1, *(bar.count + bar.more for bar in bars))
    lines = []
    for bar, number in zip(bars, numbers, strict=True):
        drawn = _drawn(bar, room / top)
        lines.append(f"{bar.label:<{left}} {drawn:<{room}} {number:>{right}}".rstrip())
    return "\n".join(lines) + "\n"


def _drawn(bar: Bar, scale: float) -> str:
    eighths = round(bar.count * scale * 8)
    whole = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    if bar.count and not whole:
        whole = _EIGHTHS[1]
    end = round((bar.count + bar.more) * scale)
    return whole + "░" * max(end - len(whole), bool(bar.more))
