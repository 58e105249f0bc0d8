"""QR codes of links: drawn at a terminal, or written to a picture file. The only place that uses segno."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arcli.console.files import drawing_format, write_file

if TYPE_CHECKING:
    from segno import QRCode

    from arcli.console.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class QrOptions:
    """border (4 to 10): light modules around the code; the standard, ISO/IEC 18004, asks for 4.

    scale (4 to 20): pixels of a module in a picture file; a link of 100 characters then measures some 400.
    """

    border: int = 4
    scale: int = 8


QR = QrOptions()
# Black on white from the palette of 256 colours, which no theme changes: readable on dark and on light.
_PAPER, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def qr_lines(link: str) -> list[str]:
    """Return the code of a link as lines of a terminal, each with two rows of modules in half blocks."""
    rows = [tuple(map(bool, row)) for row in _code(link).matrix_iter(border=QR.border)]
    light = (False,) * len(rows)
    pairs = zip(rows[::2], [*rows[1::2], light], strict=False)
    drawn = ["".join(_HALVES[halves] for halves in zip(*pair, strict=True)) for pair in pairs]
    return [f"{_PAPER}{line}{_PLAIN}" for line in drawn]


def show_qr(session: Session, link: str) -> None:
    """Draw the code of a link below a table, if stdout is a terminal that can show it whole."""
    width = session.streams.width()
    if width is None or not session.for_people or not session.streams.draws:
        return
    if _code(link).symbol_size(border=QR.border)[0] <= width:
        session.streams.write("\n".join(["", *qr_lines(link), "", ""]))
    else:
        session.say("widen the terminal to see the link as a QR code too, or write one with --qr FILE")


def qr_format(path: Path) -> str:
    """Return the format that a file's name implies. Raises UsageError."""
    return drawing_format(path, "a QR code")


def save_qr(path: Path, link: str) -> None:
    """Write the code of a link as a picture. Raises UsageError, FileExists, OSError."""
    buffer = io.BytesIO()
    _code(link).save(buffer, kind=qr_format(path), scale=QR.scale, border=QR.border, light="white")
    write_file(path, buffer.getvalue(), overwrite=False)


def _code(link: str) -> QRCode:
    import segno

    return segno.make(link, error="l", micro=False)  # a higher correction where it costs no larger code
