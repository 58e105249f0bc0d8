"""Tables for people: aligned columns, cut to the width of the terminal, never wrapped."""

from __future__ import annotations

from collections.abc import Sequence

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
