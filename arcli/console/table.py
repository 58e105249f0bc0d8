"""Tables for people: aligned columns, cut to the width of the terminal, never wrapped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from arcli.console.text import cells, printable, shortened

_GAP = "  "
_NARROWEST = 8  # columns; below this a cell says nothing any more
_NUMBER = re.compile(r"[-+]?[\d.,]+( [KMGT]?i?B| ms)?")


def render_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None, bold: bool
) -> str:
    """Return the table's text. `width` None: nothing is cut. Numbers stand to the right."""
    body = [[printable(cell) for cell in row] for row in rows]
    if not body:
        return ""
    right = [_numeric(column) for column in zip(*body, strict=True)]
    widths = _widths([list(headings), *body], width)
    head = _line([heading.upper() for heading in headings], widths, right)
    lines = [f"\x1b[1m{head}\x1b[0m" if bold else head]
    lines += [_line(row, widths, right) for row in body]
    return "\n".join(lines) + "\n"


def _numeric(column: Sequence[str]) -> bool:
    return any(column) and all(not cell or _NUMBER.fullmatch(cell) for cell in column)


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
