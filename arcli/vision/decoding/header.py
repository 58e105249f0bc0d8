"""What a picture's own header says: its type by content, size and orientation, before any pixel.

Each format's reader raises ValueError, struct.error or IndexError on nonsense; `read_header` turns them
into UnreadablePicture.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from arcli.errors import UnreadablePicture
from arcli.vision.decoding.header_jpeg import jpeg_header
from arcli.vision.decoding.header_tiff import tiff_header
from arcli.vision.decoding.header_types import PictureHeader
from arcli.vision.decoding.header_web import gif_header, png_header, webp_header

__all__ = ["PictureHeader", "read_header"]

_PNM = re.compile(rb"P([1-6])(?:\s+|#[^\n]*\n)+?(\d{1,9})(?:\s+|#[^\n]*\n)+?(\d{1,9})\s")
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}
_SUPPORTED = "arcli reads JPEG, PNG, GIF, WebP, BMP, TIFF, PNM and, with its extra heic, HEIC"


def read_header(data: bytes, name: str) -> PictureHeader:
    """Read the header of `data`. Raises UnreadablePicture; `name` is only for its message."""
    if not data:
        raise UnreadablePicture(f"{name}: the file is empty", item=name)
    reader = _reader_for(data)
    if reader is None:
        raise UnreadablePicture(f"{name}: not a picture", hint=_SUPPORTED, item=name)
    try:
        return reader(data)
    except (struct.error, IndexError):
        reason = "the file is cut short"
    except ValueError as error:
        reason = str(error)
    raise UnreadablePicture(f"{name}: {reason}", hint="the file is damaged or incomplete", item=name)


def _reader_for(data: bytes) -> Callable[[bytes], PictureHeader] | None:
    """Tell the format by the first bytes."""
    starts: tuple[tuple[bytes, Callable[[bytes], PictureHeader]], ...] = (
        (b"\xff\xd8\xff", jpeg_header),
        (b"\x89PNG\r\n\x1a\n", png_header),
        (b"GIF87a", gif_header),
        (b"GIF89a", gif_header),
        (b"BM", _bmp_header),
        (b"II*\0", tiff_header),
        (b"MM\0*", tiff_header),
    )
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp_header
    if data[4:8] == b"ftyp":
        return _heif_header
    if _PNM.match(data[:1024]):
        return _pnm_header
    return next((reader for start, reader in starts if data.startswith(start)), None)


def _bmp_header(data: bytes) -> PictureHeader:
    (header_size,) = struct.unpack_from("<I", data, 14)
    pixels_at = struct.unpack_from("<I", data, 10)[0]
    if header_size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    if bits not in (1, 4, 8, 16, 24, 32) or width < 0:
        raise ValueError("the BMP header makes no sense")
    height = abs(height)
    if compression in (0, 3) and pixels_at + (width * bits + 31) // 32 * 4 * height > len(data):
        raise ValueError("the BMP file is cut short")
    return PictureHeader("bmp", (width, height), channels=4)


def _pnm_header(data: bytes) -> PictureHeader:
    found = _PNM.match(data[:1024])
    assert found is not None, "told by this expression"
    kind, width, height = (int(group) for group in found.groups())
    smallest = {4: (width + 7) // 8 * height, 5: width * height, 6: 3 * width * height}
    if smallest.get(kind, 0) > len(data):
        raise ValueError("the PNM file is cut short")
    return PictureHeader("pnm", (width, height), depth=2)


def _heif_header(data: bytes) -> PictureHeader:
    """Take the largest image spatial extents box: the size that the decoder may have to allocate."""
    (length,) = struct.unpack_from(">I", data, 0)
    brands = {data[8:12], *(data[i : i + 4] for i in range(16, min(length, 256), 4))}
    if not brands & _HEIF_BRANDS:
        raise ValueError("this kind of HEIF or MP4 file is not supported (AVIF, video)")
    sizes = [struct.unpack_from(">II", data, m.end() + 4) for m in re.finditer(b"ispe", data[:1_000_000])]
    if not sizes:
        raise ValueError("the HEIC file names no picture size")
    return PictureHeader("heic", max(sizes, key=lambda size: size[0] * size[1]), channels=4)
