"""PNG, GIF and WebP: sizes from the first chunks, and whether all chunks are there."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from arcli.vision.decoding.header_tiff import exif_orientation
from arcli.vision.decoding.header_types import PictureHeader

_PNG_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}
_PNG_DECODED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def png_header(data: bytes) -> PictureHeader:
    """Walk all chunks; the decoder gets only those that make the still picture.

    Colour profiles, compressed texts and animation frames never reach libpng.
    """
    kept, names, orientation = [data[:8]], [], 1
    for name, start, end in _png_chunks(data):
        names.append(name)
        if name == b"eXIf":
            orientation = exif_orientation(data[start + 8 : end - 4])
        if name in _PNG_DECODED:
            kept.append(data[start:end])
    if names[:1] != [b"IHDR"] or b"IDAT" not in names or names[-1] != b"IEND":
        raise ValueError("the PNG is cut short")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    if colour not in _PNG_CHANNELS:
        raise ValueError("the PNG header makes no sense")
    depth = 2 if bits == 16 else 1
    return PictureHeader(
        "png", (width, height), _PNG_CHANNELS[colour] + 1, depth, orientation, payload=b"".join(kept)
    )


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start, end) up to IEND or the end of the file; a chunk that is cut is not yielded."""
    position = 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 12 + length
        if end > len(data):
            return
        name = data[position + 4 : position + 8]
        yield name, position, end
        if name == b"IEND":
            return
        position = end


def gif_header(data: bytes) -> PictureHeader:
    """Read the logical screen: every frame has to lie in it."""
    width, height = struct.unpack_from("<HH", data, 6)
    return PictureHeader("gif", (width, height), channels=4)


def webp_header(data: bytes) -> PictureHeader:
    """Read the first chunk: VP8X (canvas), VP8L (lossless) or VP8 (lossy); EXIF only follows VP8X."""
    (length,) = struct.unpack_from("<I", data, 4)
    if length + 8 > len(data):
        raise ValueError("the WebP is cut short")
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return PictureHeader("webp", (width, height), 4, orientation=_webp_orientation(data))
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return PictureHeader("webp", ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), 4)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return PictureHeader("webp", (width & 0x3FFF, height & 0x3FFF))
    raise ValueError("the WebP header makes no sense")


def _webp_orientation(data: bytes) -> int:
    position = 12
    while position + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, position + 4)
        if data[position : position + 4] == b"EXIF":
            block = data[position + 8 : position + 8 + length]
            return exif_orientation(block.removeprefix(b"Exif\0\0"))
        position += 8 + length + (length & 1)
    return 1
