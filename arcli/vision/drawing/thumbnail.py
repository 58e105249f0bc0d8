"""The two small pictures that a gallery keeps of a target: one to look at, one for comparing look-alikes."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.vision.decoding.decode import Decoded
from arcli.vision.features.extract import shrink
from arcli.vision.opencv import cv2


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallPictures:
    """kept_side (320 to 1280): px of the kept picture: enough to look at, and to extract features from again.
    kept_bytes (100,000 to 1 M): a JPEG of that size with more is encoded again. thumbnail_side (64 to 256):
    px; blocks of 16 px of it are compared (docs/appendix/recognition.md, step 5). quality (70 to 95): of
    both.
    """

    kept_side: int = 640
    kept_bytes: int = 250_000
    thumbnail_side: int = 128
    quality: int = 85


SMALL = SmallPictures()


_BARE = {0x01, *range(0xD0, 0xD8)}  # markers of a JPEG that have no length
_END = 0xD9
# Searching for a single byte first is ten times as fast as for a run of fill bytes, which it ends.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SHOWN = {0xE0, 0xEE}  # JFIF and Adobe: how to decode; the other APPn and comments may be personal


def kept_as_it_is(decoded: Decoded, data: bytes) -> bytes | None:
    """Return the file without EXIF, profile and comment if it is small and upright, else None.

    `data`: the file that `decoded` came from.
    """
    if decoded.format == "jpeg" and decoded.orientation == 1 and max(decoded.size) <= SMALL.kept_side:
        stripped = _strip_jpeg(data)
        if stripped is not None and len(stripped) <= SMALL.kept_bytes:
            return stripped
    return None


def encoded_to_keep(decoded: Decoded) -> bytes:
    """Return the picture as JPEG, long side at most 640, upright, without EXIF, profile or comment."""
    return encode_jpeg(shrink(decoded.pixels, SMALL.kept_side), quality=SMALL.quality)


def thumbnail(decoded: Decoded) -> bytes:
    """Return a colour JPEG of about 4 kB, long side at most 128 px, for comparing look-alikes."""
    return encode_thumbnail(shrink(decoded.pixels, SMALL.thumbnail_side))


def encode_thumbnail(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode (h, w, 3) BGR pixels of a thumbnail's size."""
    return encode_jpeg(pixels, quality=SMALL.quality)


def thumbnail_pixels(data: bytes) -> npt.NDArray[np.uint8] | None:
    """Decode what `thumbnail` made; None if it is damaged."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if pixels is None else np.asarray(pixels, np.uint8)


def encode_jpeg(pixels: npt.NDArray[np.uint8], *, quality: int) -> bytes:
    """Encode (H, W, 3) BGR pixels."""
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done, "OpenCV encodes any BGR picture as JPEG"
    return encoded.tobytes()


def _strip_jpeg(data: bytes) -> bytes | None:
    """Return a JPEG without metadata and without what follows its end marker; its pixels are unchanged.

    None if it has no end marker, or segments that reach beyond its end.
    """
    parts, copied = [data[:2]], 2
    try:
        for marker, start, end in _segments(data):
            if marker == _END:
                return b"".join([*parts, data[copied:start]])
            if (marker & 0xF0 == 0xE0 and marker not in _SHOWN) or marker == 0xFE:
                parts.append(data[copied : start - 4])
                copied = end
    except struct.error:
        return None
    return None


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end of its content) up to the end marker; entropy-coded data are skipped."""
    position = 2
    while hit := _NEXT_MARKER.search(data, position):
        position, marker = hit.end(), data[hit.end() - 1]
        if marker in _BARE:
            continue
        length = 0 if marker == _END else struct.unpack_from(">H", data, position)[0]
        yield marker, position + min(length, 2), position + length
        if marker == _END or position + length > len(data):
            return
        position += length
