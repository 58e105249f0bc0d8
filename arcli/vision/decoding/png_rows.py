"""The rows of a large PNG, some at a time: each batch is decoded by Pillow as a PNG of those rows.

The row before them is put on top, unfiltered, because the filters of PNG need nothing else from above.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from PIL import Image

from arcli.vision.decoding.limits import DECODING

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # channels by colour type
_CARRIERS = {1: ("L", 0), 2: ("LA", 4), 3: ("RGB", 2), 4: ("RGBA", 6)}
"""Mode and colour type of 8-bit PNGs by bytes per pixel: filters work on bytes, whatever they mean."""
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Where the pixels of each pass begin and how far they are apart: x, y, step in x, step in y."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass of an interlaced PNG; any other PNG has one pass with all its pixels.

    step: (x, y), how far its pixels are apart. bands: its rows as pictures in the mode of the whole; they
    must be read before those of the next pass.
    """

    step: tuple[int, int]
    bands: Iterator[Image.Image]


def png_passes(image: Image.Image, data: bytes, area: int) -> Iterator[Pass]:
    """Yield the passes of a PNG opened from `data`, in bands of about `area` pixels, without their palette.

    Raises OSError, ValueError, zlib.error.
    """
    rows = _Rows(data)
    width, height = image.size
    for x, y, step_x, step_y in _ADAM7 if is_interlaced(data) else ((0, 0, 1, 1),):
        size = (-(-(width - x) // step_x), -(-(height - y) // step_y))
        if min(size) > 0:
            yield Pass((step_x, step_y), _bands(rows, size, _bits(data), image, max(1, area // size[0])))


def in_parts(data: bytes) -> bool:
    """Say whether a PNG can be read like this; not 16-bit RGB: filters of 8-bit PNGs never reach that far."""
    return max(1, _bits(data) // 8) in _CARRIERS


def is_interlaced(data: bytes) -> bool:
    return data[28] == 1


def _bits(data: bytes) -> int:
    """Return the bits of a pixel, 0 for an unknown type."""
    return data[24] * _CHANNELS.get(data[25], 0)


def _bands(
    rows: _Rows, size: tuple[int, int], bits: int, image: Image.Image, step: int
) -> Iterator[Image.Image]:
    """Yield the rows of one pass, `step` at a time, as pictures in the mode of `image`."""
    width, height = size
    row_bytes, (carrier, colour) = -(-width * bits // 8), _CARRIERS[max(1, bits // 8)]
    columns = row_bytes // max(1, bits // 8)
    rawmode = str(image.tile[0][3])  # type: ignore[attr-defined]
    above = bytes(1 + row_bytes)
    for first in range(0, height, step):
        count = min(step, height - first)
        filtered = above + rows.take(count * (1 + row_bytes))
        band = _unfiltered(filtered, (columns, count + 1), colour).crop((0, 1, columns, count + 1))
        above = b"\0" + band.crop((0, count - 1, columns, count)).tobytes()
        if rawmode != carrier:
            band = Image.frombytes(image.mode, (width, count), band.tobytes(), "raw", rawmode)
        yield band


def _unfiltered(filtered: bytes, size: tuple[int, int], colour: int) -> Image.Image:
    """Decode filtered rows of 8-bit pixels by making them a PNG."""
    from PIL.PngImagePlugin import PngImageFile

    def part(kind: bytes, content: bytes) -> Iterable[bytes]:
        checksum = zlib.crc32(content, zlib.crc32(kind))
        return struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)

    header = part(b"IHDR", struct.pack(">IIBBBBB", *size, 8, colour, 0, 0, 0))
    pixels = part(b"IDAT", zlib.compress(filtered, 0))
    file = b"".join(chain((b"\x89PNG\r\n\x1a\n",), header, pixels, part(b"IEND", b"")))
    return PngImageFile(io.BytesIO(file))


class _Rows:
    """The inflated bytes of a PNG's first frame, as many as are requested."""

    def __init__(self, data: bytes) -> None:
        self._slices = _slices(memoryview(data))
        self._inflate = zlib.decompressobj()

    def take(self, count: int) -> bytes:
        """Return `count` bytes. Raises OSError if there are fewer, zlib.error."""
        taken: list[bytes] = []
        while count > 0:
            given = self._inflate.unconsumed_tail or next(self._slices, None)
            if given is None or self._inflate.eof:
                raise OSError("it is cut short")
            taken.append(self._inflate.decompress(given, count))
            count -= len(taken[-1])
        return b"".join(taken)


def _slices(data: memoryview) -> Iterator[memoryview]:
    """Yield the data of the first frame's chunks, in pieces: a tail that is handed back is copied."""
    for kind, start, end in png_chunks(data):
        if kind == b"IDAT":
            step = DECODING.inflated
            yield from (data[at : min(at + step, end)] for at in range(start, end, step))


def png_chunks(data: bytes | memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each chunk's data."""
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at + 8, min(at + 8 + length, len(data))
        at += 12 + length
