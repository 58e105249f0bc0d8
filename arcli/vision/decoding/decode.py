"""Untrusted bytes to pixels: the only entrance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.system import can_isolate
from arcli.vision.decoding.isolation import shared_pool
from arcli.vision.decoding.limits import (
    LOCAL,
    SERVE,
    DecodeLimits,
    check_size,
    may_open,
    too_much_memory,
)
from arcli.vision.decoding.pillow import open_picture
from arcli.vision.decoding.raster import Raster, rasterize, reduction

__all__ = ["LOCAL", "SERVE", "DecodeLimits", "Decoded", "decode"]


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """pixels: (H, W, 3) uint8 BGR, upright, opaque; may be smaller than the picture.

    size: (w, h) of the whole picture as displayed. format: as in arcli.filetypes. orientation: the EXIF
    orientation (1 to 8) that was applied. ground: the gray level that was put behind transparent parts, None
    where it is white or nothing is transparent.
    """

    pixels: npt.NDArray[np.uint8]
    size: tuple[int, int]
    format: str
    orientation: int = 1
    ground: int | None = None


def decode(data: bytes, *, name: str, limits: DecodeLimits = SERVE, max_side: int | None = None) -> Decoded:
    """Decode the first frame. `name` is only for messages; the content decides the type.

    With `max_side` a JPEG, or any very large picture, may be returned at a fraction of its size, as long as
    its long side stays at least that. Raises UnreadablePicture, PictureTooLarge; Busy when no process is free
    to decode it.
    """
    from arcli.vision.opencv import prepare

    prepare()
    here, apart = may_open(data, limits, name), can_isolate()
    if apart and not here:
        return _decoded(shared_pool().raster(data, name=name, limits=limits, max_side=max_side))
    image, header = open_picture(data, name)
    memory = header.memory(reduction(header, max_side))
    ordinary = check_size(header, limits, memory, name)
    if apart and not ordinary:
        return _decoded(shared_pool().raster(data, name=name, limits=limits, max_side=max_side))
    try:
        return _decoded(rasterize(image, header, data, name=name, max_side=max_side))
    except MemoryError as error:
        raise too_much_memory(name) from error


def _decoded(raster: Raster) -> Decoded:
    pixels = np.frombuffer(raster.bgr, np.uint8).reshape(raster.height, raster.width, 3)
    return Decoded(pixels, raster.size, raster.format, raster.orientation, raster.ground)
