"""Untrusted bytes to pixels: the header is read by our own code and judged before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.errors import PictureTooLarge, UnreadablePicture
from arcli.models import PICTURE_BYTES_LIMIT
from arcli.vision.decoding import heic, pixels
from arcli.vision.decoding.header import PictureHeader, read_header


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeLimits:
    """file_bytes: of the encoded picture. pixels: by its header. memory: bytes that decoding may take."""

    file_bytes: int = PICTURE_BYTES_LIMIT
    pixels: int = 50_000_000
    memory: int = 600_000_000


SERVE = DecodeLimits()
"""For pictures that strangers send: 50 megapixels (protocols.md, decision 11)."""

LOCAL = DecodeLimits(pixels=250_000_000)
"""For one's own files: phones take 200 megapixel JPEGs, which scaled decoding reads in little memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """pixels: (H, W, 3) uint8 BGR, upright, alpha on white; may be smaller than the picture.

    size: (w, h) of the whole picture as displayed. format: jpeg, png, gif, webp, bmp, tiff, pnm or heic.
    orientation: the EXIF orientation (1 to 8) that was applied.
    """

    pixels: npt.NDArray[np.uint8]
    size: tuple[int, int]
    format: str
    orientation: int = 1


def decode(data: bytes, *, name: str, limits: DecodeLimits = SERVE, max_side: int | None = None) -> Decoded:
    """Decode the first frame. `name` is only for messages; the type is told by the content.

    With `max_side` a JPEG is decoded at 1/2, 1/4 or 1/8 while its long side stays at least that.
    Raises UnreadablePicture, PictureTooLarge.
    """
    if len(data) > limits.file_bytes:
        raise PictureTooLarge(f"{name}: {len(data):,} bytes, over {limits.file_bytes:,}", item=name)
    header = read_header(data, name)
    reduction = _reduction(header, max_side)
    _check_size(header, limits, reduction, name)
    if header.format == "heic":  # its header says how it is coded; what is shown is cut and turned
        shown = heic.decode(data, header, name)
        return Decoded(shown, (shown.shape[1], shown.shape[0]), header.format, header.orientation)
    upright = pixels.turn(pixels.decode(data, header, reduction, name), header.orientation)
    width, height = header.size
    size = (height, width) if header.orientation >= 5 else (width, height)
    return Decoded(upright, size, header.format, header.orientation)


def _reduction(header: PictureHeader, max_side: int | None) -> int:
    """Return 1, 2, 4 or 8: how much smaller libjpeg may decode it."""
    if header.format != "jpeg" or max_side is None:
        return 1
    return next((r for r in (8, 4, 2) if -(-max(header.size) // r) >= max_side), 1)


def _check_size(header: PictureHeader, limits: DecodeLimits, reduction: int, name: str) -> None:
    """Refuse what has no area, too many pixels, or would take too much memory to decode."""
    width, height = header.size
    if width < 1 or height < 1:
        raise UnreadablePicture(f"{name}: the picture is {width} x {height} pixels", item=name)
    if width * height > limits.pixels:
        raise PictureTooLarge(
            f"{name}: {width:,} x {height:,} pixels, over {limits.pixels // 1_000_000} megapixels",
            hint="make the picture smaller: 800 px on its long side is enough",
            item=name,
        )
    if header.memory(reduction) > limits.memory:
        raise PictureTooLarge(f"{name}: decoding it would take over {limits.memory:,} bytes", item=name)
