"""From an opened picture to upright 8-bit BGR, on a background that shows it.

Only Pillow is used, so that a process that only decodes starts fast; numpy is loaded for 16 bits and more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from PIL import Image

from arcli.filetypes import PictureFormat
from arcli.vision.decoding.pillow import SCANS, PictureHeader, open_picture, refusing
from arcli.vision.decoding.png_rows import png_chunks
from arcli.vision.decoding.strips import TURNS, strips_of

_ORIENTATION = 0x0112
_WHITE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterOptions:
    """When a ground is dark, and when a picture is shrunk first.

    dark (40 to 110): gray level put behind what is transparent and light: white and black art show on it.
    light (200 to 250): gray level from which art is lost on white. mostly (0.5 to 0.9): share of the visible
    pixels that is so light, from which the ground is dark. clear (0.01 to 0.2): share of the picture that is
    transparent; below it is a rim or rounded corners. large (4 M to 100 M): pixels from which a picture is
    shrunk before it is brought to BGR. Chosen by looking at transparent art, not measured.
    """

    dark: int = 80
    light: int = 224
    mostly: float = 0.6
    clear: float = 0.05
    large: int = 25_000_000


RASTER = RasterOptions()
_FILLERS = (b"\0" * 4096, b"\xff\0" * 4096)  # bits of 0, bits of 1
_JPEG_END = b"\xff\xd9"
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # what ends entropy-coded data


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """A decoded picture. bgr: rows of B, G, R bytes, upright; `width` and `height` are theirs.

    size: (w, h) of the whole picture as displayed. ground: gray level put behind transparent parts, None
    where it is white or nothing is transparent.
    """

    bgr: bytes | bytearray
    width: int
    height: int
    size: tuple[int, int]
    format: str
    orientation: int = 1
    ground: int | None = None


def rasterize(
    image: Image.Image, header: PictureHeader, data: bytes, *, name: str, max_side: int | None
) -> Raster:
    """Decode what `open_picture` opened from `data`. Raises UnreadablePicture, MemoryError."""
    with refusing(header.format, name):
        image = _shrunk(image, header, data, name, max_side)
        orientation = _orientation(image, header)
        image, ground = _flat(_eight_bits(image, header))
        if orientation in TURNS:
            image = image.transpose(TURNS[orientation])
        width, height = header.size
        return Raster(
            bgr=image.tobytes("raw", "BGR"),
            width=image.width,
            height=image.height,
            size=(height, width) if orientation >= 5 else (width, height),
            format=header.format.value,
            orientation=orientation,
            ground=ground,
        )


def reduction(header: PictureHeader, max_side: int | None) -> int:
    """Return 1, 2, 4 or 8: how much smaller a picture may be decoded, or held once it is decoded."""
    if max_side is None or (header.format is not PictureFormat.JPEG and header.area <= RASTER.large):
        return 1
    return next((r for r in (8, 4, 2) if -(-max(header.size) // r) >= max_side), 1)


def _shrunk(
    image: Image.Image, header: PictureHeader, data: bytes, name: str, max_side: int | None
) -> Image.Image:
    """Decode the first frame; if a large one is not needed at full size, squares of pixels are averaged.

    That is done in strips if the file allows it, else after decoding all of it.
    """
    scale = reduction(header, max_side)
    factor = 1 if max_side is None or header.area <= RASTER.large else max(header.size) // max_side
    strips = strips_of(image, data) if header.in_strips(scale) else None
    if strips is not None and factor >= strips.least:
        return _with_late_exif(strips.shrunk(factor, partial(_averageable, header=header)), header, data)
    image = _loaded(image, header, data, scale, name)
    if max_side is not None and image.width * image.height > RASTER.large:
        factor = max(image.size) // max_side
        return _averageable(image, header).reduce(factor) if factor > 1 else image
    return image


def _with_late_exif(image: Image.Image, header: PictureHeader, data: bytes) -> Image.Image:
    """Give a picture read in strips the EXIF block of a PNG, which may follow the pixels."""
    if header.format is PictureFormat.PNG:
        found = [(start, end) for kind, start, end in png_chunks(data) if kind == b"eXIf"]
        image.info |= {"exif": b"Exif\0\0" + data[slice(*found[0])]} if found else {}
    return image


def _loaded(image: Image.Image, header: PictureHeader, data: bytes, scale: int, name: str) -> Image.Image:
    """Decode the first frame; a JPEG whose data are whole needs no end marker."""
    if header.format is not PictureFormat.JPEG:
        image.load()
        return image
    try:
        return _scaled(image, scale)
    except OSError:
        body = _without_trailer(data)
    # Missing data are filled in in two ways: if the results differ, pixels were missing, not only an end.
    one, other = (_scaled(open_picture(body + bits + _JPEG_END, name)[0], scale) for bits in _FILLERS)
    if one.tobytes() != other.tobytes():
        raise OSError("it is cut short")
    return one


def _without_trailer(data: bytes) -> bytes:
    """Return a JPEG up to the end of its last scan, without end marker and what a camera maker appended."""
    marker = _NEXT_MARKER.search(data, max(map(data.rfind, SCANS)) + 5)
    return data if marker is None else data[: marker.start()]


def _scaled(image: Image.Image, scale: int) -> Image.Image:
    if scale > 1:
        image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
    image.load()
    return image


def _orientation(image: Image.Image, header: PictureHeader) -> int:
    """Return the EXIF orientation, 1 if there is none or the decoder has turned the picture."""
    if header.format in (PictureFormat.HEIC, PictureFormat.TIFF):
        return 1
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif") or b"")
        value = exif.get(_ORIENTATION)
    except (OSError, ValueError, SyntaxError, LookupError, TypeError):  # the picture is read nevertheless
        return 1
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _averageable(image: Image.Image, header: PictureHeader) -> Image.Image:
    """Convert 1-bit, palette and 16-bit pictures to gray or colour, which can be averaged."""
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if _transparent(image) else "RGB")
    return _eight_bits(image, header) if image.mode.startswith("I;16") else image


def _transparent(image: Image.Image) -> bool:
    return "A" in image.mode or "a" in image.mode or "transparency" in image.info


def _flat(image: Image.Image) -> tuple[Image.Image, int | None]:
    """Return RGB, transparent parts on white, or on dark gray where the art could not be seen on white."""
    if not _transparent(image):
        return (image if image.mode == "RGB" else image.convert("RGB")), None
    colours = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha = colours.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return colours.convert("RGB"), None
    ground = _ground(colours, alpha)
    flat = Image.new("RGB", colours.size, (ground,) * 3)
    flat.paste(colours, mask=alpha)
    return flat, None if ground == _WHITE else ground


def _ground(colours: Image.Image, alpha: Image.Image) -> int:
    """Choose white unless the visible part is nearly as light."""
    levels = colours.convert("L").histogram(mask=alpha.point([0] * 128 + [255] * 128))
    visible = sum(levels)
    if visible > (1 - RASTER.clear) * colours.width * colours.height or not visible:
        return _WHITE
    return RASTER.dark if sum(levels[RASTER.light :]) > RASTER.mostly * visible else _WHITE


def _eight_bits(image: Image.Image, header: PictureHeader) -> Image.Image:
    """Convert 16 and 32 bits and floats to 8 bits: white is 65535, or the brightest value if that is more."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    import numpy as np

    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        gray = (values >> 8).astype(np.uint8)
        return Image.fromarray(255 - gray if header.white_is_zero else gray)
    finite = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0).clip(0)
    brightest = float(finite.max(initial=0))
    whites = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0, float(2**31 - 1))
    white = next((value for value in whites if brightest <= value), brightest)
    return Image.fromarray((finite * (255 / white)).astype(np.uint8))
