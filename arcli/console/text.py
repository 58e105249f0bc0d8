"""Makes text safe and readable for a terminal."""

from __future__ import annotations

import re
import unicodedata

# Controls (terminal escapes among them), bidirectional overrides, line separators, lone surrogates.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return `text` with what could steer a terminal written as escapes: ESC becomes ``\\x1b``."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    char = match.group()
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char)
    code = ord(char)
    return short or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def cells(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    return sum(_cell(char) for char in text)


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shortened(text: str, width: int, *, front: bool = False) -> str:
    """Return `text` cut to `width` columns, with an ellipsis instead of its end (`front`: its beginning)."""
    if cells(text) <= width:
        return text
    if front:
        return "…" + _fitting(text[::-1], width - 1)[::-1]
    return _fitting(text, width - 1) + "…"


def _fitting(text: str, width: int) -> str:
    """Return as much of the beginning of `text` as fits into `width` columns."""
    used = 0
    for number, char in enumerate(text):
        used += _cell(char)
        if used > width:
            return text[:number]
    return text


def wrapped(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width` columns, broken between words if possible."""
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if cells(longer) > width and line:
            lines.append(line)
            longer = word
        while cells(longer) > width:
            part = _fitting(longer, width) or longer[0]
            lines.append(part)
            longer = longer[len(part) :]
        line = longer
    return [*lines, line]


def human_bytes(size: int) -> str:
    """Return a size as people write it: 512 B, 3.4 MiB."""
    if size < 1024:
        return f"{size} B"
    number = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        number /= 1024
        if number < 1024:
            return f"{number:.1f} {unit}"
    return f"{number / 1024:.1f} TiB"


def plural(count: int, noun: str) -> str:
    """Return "1 target" or "3,000 targets"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
