"""JPEG: markers from the first to the last, so that a file that was cut is seen before it is decoded."""

from __future__ import annotations

import re
import struct

from arcli.vision.decoding.header_tiff import exif_orientation
from arcli.vision.decoding.header_types import PictureHeader

_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: what libjpeg decodes
_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_BARE = {0x01, *range(0xD0, 0xD8)}
# A single byte first is searched for ten times as fast as a run of fill bytes, whose last one it is.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_MAX_SCANS = 100  # a progressive file has about 10; thousands are a way to burn CPU


def jpeg_header(data: bytes) -> PictureHeader:
    """Read the frame header and walk on to the end marker. Raises ValueError where one is missing."""
    frame: PictureHeader | None = None
    orientation, scans = 1, 0
    for marker, start, end in segments(data):
        if marker in _OTHER_FRAMES:
            raise ValueError("this kind of JPEG (lossless, arithmetic or hierarchical) is not supported")
        if marker in _FRAMES:
            if frame is not None:
                raise ValueError("the JPEG has two frames")
            frame = _frame(data, marker, start)
        elif marker == 0xE1 and data[start : start + 6] == b"Exif\0\0" and orientation == 1:
            orientation = exif_orientation(data[start + 6 : end])
        elif marker == 0xDA:
            scans += 1
            if scans > _MAX_SCANS:
                raise ValueError(f"the JPEG has over {_MAX_SCANS} scans")
    if frame is None or not scans:
        raise ValueError("the JPEG has no picture in it")
    return PictureHeader("jpeg", frame.size, frame.channels, 1, orientation, frame.coefficients)


def segments(data: bytes) -> list[tuple[int, int, int]]:
    """Return (marker, start, end of its content) up to the end marker; entropy-coded data are skipped.

    Raises ValueError when the file ends before the end marker.
    """
    found: list[tuple[int, int, int]] = []
    position = 2
    while True:
        hit = _NEXT_MARKER.search(data, position)
        if hit is None:
            raise ValueError("the JPEG is cut short")
        position, marker = hit.end(), data[hit.end() - 1]
        if marker == 0xD9:
            return [*found, (marker, position, position)]
        if marker in _BARE:
            continue
        (length,) = struct.unpack_from(">H", data, position)
        if length < 2 or position + length > len(data):
            raise ValueError("the JPEG is cut short")
        found.append((marker, position + 2, position + length))
        if len(found) > 10_000:
            raise ValueError("the JPEG has over 10,000 segments")
        position += length


def _frame(data: bytes, marker: int, start: int) -> PictureHeader:
    precision, height, width, channels = struct.unpack_from(">BHHB", data, start)
    if precision != 8 or channels not in (1, 3, 4):
        raise ValueError("a JPEG with this many bits or channels is not supported")
    return PictureHeader("jpeg", (width, height), channels, coefficients=marker == 0xC2)
