"""Makes text safe and readable for a terminal."""

from __future__ import annotations

import re

# Controls (terminal escapes among them), bidirectional overrides, line separators, lone surrogates.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_JOINER = "\u200d"
_MODIFIER = re.compile("[\U0001f3fb-\U0001f3ff]")  # skin tones
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")  # a letter; two are a flag


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
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _clusters(text: str) -> list[str]:
    """Split `text` into what is drawn as one: a character with its marks, joined emoji, a flag."""
    if text.isascii():
        return list(text)
    parts: list[str] = []
    for char in text:
        if parts and _goes_on(parts[-1], char):
            parts[-1] += char
        else:
            parts.append(char)
    return parts


def _goes_on(before: str, char: str) -> bool:
    """Say whether `char` is drawn as one with what stands before it."""
    if _FLAG.fullmatch(before) and _FLAG.match(char):
        return True
    return before.endswith(_JOINER) or _MODIFIER.match(char) is not None or not cells(char)


def shortened(text: str, width: int, *, front: bool = False) -> str:
    """Return `text` cut to `width` columns, with an ellipsis instead of its end (`front`: its beginning)."""
    if cells(text) <= width:
        return text
    parts = _clusters(text)
    if front:
        return "…" + "".join(reversed(_fitting(parts[::-1], width - 1)))
    return "".join(_fitting(parts, width - 1)) + "…"


def _fitting(parts: list[str], width: int) -> list[str]:
    """Return as many of the first `parts` as fit into `width` columns."""
    used = 0
    for number, part in enumerate(parts):
        used += cells(part)
        if used > width:
            return parts[:number]
    return parts


def wrapped(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width` columns, broken between words if possible."""
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if cells(longer) > width and line:
            lines.append(line)
            longer = word
        while cells(longer) > width:
            parts = _clusters(longer)
            part = "".join(_fitting(parts, width)) or parts[0]
            lines.append(part)
            longer = longer[len(part) :]
        line = longer
    return [*lines, line]


def ranges_in_words(text: str) -> str:
    """Return text with Typer's ranges as people write them: 1-5 for 1<=x<=5, at least 1 for x>=1."""
    return re.sub(r"\bx>=([\d.]+)", r"at least \1", re.sub(r"([\d.]+)<=x<=([\d.]+)", r"\1-\2", text))


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
