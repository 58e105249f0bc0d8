"""Text files that spreadsheets write and read: their encoding, and cells that would be formulas."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from arcli.errors import InvalidManifest
from arcli.filetypes import picture_format

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins like that of UTF-16 LE
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 1 << 20
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods; .xls


_FORMULA = re.compile("'*[=+@\t\r\uff1d\uff0b\uff0d\uff20-]")  # OWASP, CSV injection
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """A codec's name; `guessed`: the bytes do not prove it."""

    name: str
    guessed: bool = False


def encoding_of(path: Path) -> TextEncoding:
    """Return the encoding of the text in `path`.

    A byte order mark or valid UTF-8 settles it; zero bytes mean UTF-16; otherwise it is a guess between
    gb18030 and cp1252. Raises InvalidManifest for a workbook, a picture and bytes that are neither.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(_WORKBOOKS):
        raise InvalidManifest(
            f"{path}: this is a workbook, not a text file", hint="save the sheet as CSV (UTF-8) and use that"
        )
    if picture_format(head) is not None:
        raise InvalidManifest(f"{path}: this is a picture, not a list of pictures")
    for mark, name in _BOMS:
        if head.startswith(mark):
            return TextEncoding(name)
    wide = _utf16_by_zeros(head)
    if wide is not None:
        return TextEncoding(wide)
    sample = _not_utf8(path)
    if sample is None:
        return TextEncoding("utf-8")
    return TextEncoding(_guess(sample, path), guessed=True)


def _utf16_by_zeros(head: bytes) -> str | None:
    """Return the kind of UTF-16: ASCII has its zero bytes all first (big endian) or all second (little)."""
    first, second = head[0::2].count(0), head[1::2].count(0)
    if (first == 0) == (second == 0) or (first + second) * 40 < len(head):
        return None
    return "utf-16-be" if first else "utf-16-le"


def _not_utf8(path: Path) -> bytes | None:
    """Return None when the whole file is valid UTF-8, else the chunk around the first byte that is not."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                return chunk
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            file.seek(max(0, file.tell() - _CHUNK))
            return file.read()
    return None


def _guess(sample: bytes, path: Path) -> str:
    """Decide between Chinese and Western text.

    GB2312 writes a character as two high bytes, common characters with a lead byte of A1 to D7; in cp1252
    accented letters mostly occur singly, and lower-case ones are E0 to FF.
    """
    runs = _HIGH_RUN.findall(sample)
    even = sum(len(run) % 2 == 0 for run in runs)
    leads = [run[at] for run in runs if len(run) % 2 == 0 for at in range(0, len(run), 2)]
    common = sum(0xA1 <= lead <= 0xD7 for lead in leads)
    chinese = even * 2 > len(runs) and common * 2 > len(leads)
    for name in ("gb18030", "cp1252") if chinese else ("cp1252", "gb18030"):
        try:
            codecs.getincrementaldecoder(name)().decode(sample)
        except UnicodeDecodeError:
            continue
        return name
    raise InvalidManifest(f"{path}: the text's encoding is not recognised", hint="name it with --encoding")


def guarded(cell: str) -> str:
    """Return a CSV cell, preceded by an apostrophe if a spreadsheet would take it for a formula.

    `unguarded` removes it again; numbers are unchanged.
    """
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def unguarded(cell: str) -> str:
    """Return what `guarded` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
