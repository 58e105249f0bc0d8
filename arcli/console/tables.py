"""Tables and bars for people: aligned, cut to the width of the terminal, never wrapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arcli.console.text import cells, printable, shortened

_GAP = "  "
_NARROWEST = 8  # columns; below this a cell says nothing any more
_NUMBERS = {"level", "ratio", "score", "inliers", "count", "targets", "store", "index", "rows"}


def render_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None, bold: bool
) -> str:
    """Return the table's text. `width` None: nothing is cut. Columns of numbers stand to the right.

    Without headings the columns stand alone.
    """
    body = [[printable(cell) for cell in row] for row in rows]
    if not body:
        return ""
    head = [[heading.upper() for heading in headings]] if headings else []
    right = [heading in _NUMBERS for heading in headings or body[0]]
    widths = _widths([*head, *body], width)
    lines = [_line(row, widths, right) for row in [*head, *body]]
    if head and bold:
        lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
    return "\n".join(lines) + "\n"


def _widths(lines: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """Give each column what it needs; while that is too much, shrink the widest."""
    widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    if width is None:
        return widths
    room = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = []
    for text, width, to_right in zip(row, widths, right, strict=True):
        cut = shortened(text, width)
        space = " " * (width - cells(cut))
        parts.append(space + cut if to_right else cut + space)
    return _GAP.join(parts).rstrip()


_EIGHTHS = " ▏▎▍▌▋▊▉"
_SHORTEST = 8  # columns left for the bars on a narrow terminal


@dataclass(frozen=True, slots=True)
class Bar:
    """A count, and another that is drawn lighter behind it."""

    label: str
    count: int
    more: int = 0


def render_bars(bars: Sequence[Bar], width: int) -> str:
    """Return the bars as lines of at most `width` columns (more only where that leaves no room)."""
    if not bars:
        return ""
    numbers = [f"{bar.count:,}" + (f" + {bar.more:,}" if bar.more else "") for bar in bars]
    left = max(cells(bar.label) for bar in bars)
    right = max(map(len, numbers))
    room = max(width - left - right - 2, _SHORTEST)
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
