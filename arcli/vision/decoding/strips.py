"""Large pictures, read and averaged strip by strip, so that only some megabytes are held at once.

Each strip is decoded by Pillow, as a small picture of its own. A JPEG is decoded at a smaller size by its own
decoder instead; other formats (and those for which a function here returns None) can only be decoded whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from arcli.vision.decoding.limits import DECODING
from arcli.vision.decoding.png_rows import in_parts, is_interlaced, png_passes
from arcli.vision.decoding.tiff_strips import tiff_bands

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that makes a picture upright, by its EXIF orientation."""

Prepare = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, slots=True)
class Strips:
    """How a picture is read in parts.

    area: pixels held at once. least: the least factor at which this is possible.

    shrunk: averages squares of `factor` pixels, to the last bit as reducing the whole picture does (of an
    interlaced PNG nearly so, by a multiple of 8), after `prepare` has brought them to a mode in which
    averages mean something. It raises what Pillow raises, and OSError, ValueError, zlib.error.
    """

    area: int
    least: int
    shrunk: Callable[[int, Prepare], Image.Image]


def strips_of(image: Image.Image, data: bytes) -> Strips | None:
    """Return how to read a picture, opened from `data`, in parts; None if it can only be read whole."""
    try:
        if image.format == "PNG":
            return _png(image, data) if in_parts(data) else None
        tiles: list[Any] = list(getattr(image, "tile", ()))
        if len(tiles) == 1 and tiles[0][0] == "raw" and image.format in ("BMP", "PPM", "TIFF"):
            return _raw(image, data, tiles[0])
        if image.format != "TIFF":
            return None
        found = tiff_bands(image, data, DECODING.band)
        return None if found is None else _from_bands(*found, image)
    except (LookupError, TypeError, ValueError, ArithmeticError):  # an odd header: Pillow may read it whole
        return None


def _png(image: Image.Image, data: bytes) -> Strips:
    least = 8 if is_interlaced(data) else 1

    def shrunk(factor: int, prepare: Prepare) -> Image.Image:
        means: list[tuple[Image.Image, int]] = []
        for each in png_passes(image, data, DECODING.band):
            bands = (prepare(_like(band, image)) for band in each.bands)
            cell = (factor // least * least // each.step[0], factor // least * least // each.step[1])
            means.append((_averaged(bands, cell), 64 // (each.step[0] * each.step[1])))
        return _blended(means)

    return Strips(DECODING.band, least, shrunk)


def _blended(parts: Sequence[tuple[Image.Image, int]]) -> Image.Image:
    """Return the weighted mean of the passes of a picture; the later may be a row or a column smaller."""
    (mean, weights), *others = parts
    for part, weight in others:
        weights += weight
        box = (0, 0, min(mean.width, part.width), min(mean.height, part.height))
        mean.paste(Image.blend(mean.crop(box), part.crop(box), weight / weights), box)
    return mean


_RAW_BITS = {"1": 1, "1;I": 1, "L": 8, "L;I": 8, "P": 8, "RGB": 24, "BGR": 24, "CMYK": 32, "I;16": 16}
_RAW_BITS |= {"I;16B": 16, "RGBA": 32, "BGRA": 32, "BGRX": 32, "RGBX": 32, "LA": 16, "RGB;16L": 48}


def _raw(image: Image.Image, data: bytes, tile: Any) -> Strips | None:
    """BMP, PNM, and TIFF with all pixels in one piece."""
    args = (tile[3], 0, 1) if isinstance(tile[3], str) else tile[3]
    rawmode, stride, direction = args[:3]
    if not stride and rawmode not in _RAW_BITS:
        return None
    _, _, width, height = tile[1]
    stride = stride or -(-width * _RAW_BITS[rawmode] // 8)

    def bands() -> Iterator[Image.Image]:
        step = max(1, DECODING.band // width)
        for first in range(0, height, step):
            count = min(step, height - first)
            start = tile[2] + stride * (first if direction > 0 else height - first - count)
            rows = data[start : start + stride * count]
            band = Image.frombytes(image.mode, (width, count), rows, "raw", rawmode, stride, direction)
            yield _like(band, image)

    return _from_bands(DECODING.band, bands, image)


def _averaged(bands: Iterable[Image.Image], factor: tuple[int, int]) -> Image.Image:
    """Average cells of `factor` (x, y) pixels of a picture that comes in bands, from its top."""
    parts: list[Image.Image] = []
    rest: Image.Image | None = None
    for band in bands:
        held = band if rest is None else _stacked([rest, band])
        whole = held.height - held.height % factor[1]
        if whole:
            parts.append(held.crop((0, 0, held.width, whole)).reduce(factor))
        rest = held.crop((0, whole, *held.size)) if whole < held.height else None
    if rest is not None:
        parts.append(rest.reduce(factor))
    return _stacked(parts)


def _stacked(parts: Sequence[Image.Image]) -> Image.Image:
    first = parts[0]
    stack = Image.new(first.mode, (first.width, sum(part.height for part in parts)))
    top = 0
    for part in parts:
        stack.paste(part, (0, top))
        top += part.height
    stack.info = dict(first.info)
    return stack


def _from_bands(area: int, bands: Callable[[], Iterator[Image.Image]], image: Image.Image) -> Strips:
    """Return how to read a picture whose bands are in its own mode; a TIFF is made upright."""

    def shrunk(factor: int, prepare: Prepare) -> Image.Image:
        small = _averaged(map(prepare, bands()), (factor, factor))
        turn = TURNS.get(_tiff_orientation(image))
        return small if turn is None else small.transpose(turn)

    return Strips(area, 1, shrunk)


def _tiff_orientation(image: Image.Image) -> int:
    tags: Any = getattr(image, "tag_v2", {})
    value = tags.get(274, 1)
    return value if isinstance(value, int) else 1


def _like(band: Image.Image, image: Image.Image) -> Image.Image:
    """Give a band the palette and the transparent colour of its picture."""
    if image.palette is not None and band.mode in ("P", "PA"):
        band.palette = image.palette.copy()
    band.info = dict(image.info)
    return band
