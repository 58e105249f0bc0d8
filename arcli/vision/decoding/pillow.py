"""Pictures opened by Pillow, which decodes lazily: size and kind are known before any pixel is decoded.

Compared with readers of our own (400 lines): half the time for a JPEG, linear on every crafted file that hung
them, one interpretation of a file instead of two that may differ; docs/reference/pictures.md, "Why Pillow".
"""

from __future__ import annotations

import importlib
import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image

from arcli.errors import PictureTooLarge, UnreadablePicture, extra_hint
from arcli.filetypes import PictureFormat, picture_format, what_else
from arcli.models import SMALLER
from arcli.vision.decoding.limits import DECODING
from arcli.vision.decoding.strips import strips_of

_DAMAGED = (
    "it is damaged, incomplete or of a rare kind: if a viewer shows all of it, save it again as PNG or JPEG"
)
SCANS = tuple(b"\xff\xda\x00" + bytes((6 + 2 * n, n)) for n in (1, 2, 3, 4))
"""Every start of a scan that libjpeg accepts, whatever precedes it: marker, length, components."""

_BLOCKS = {PictureFormat.JPEG: b"Exif\0\0", PictureFormat.PNG: b"iCCP"}
"""Metadata that takes Pillow longer the more of them there are: joined one by one, inflated each."""
_PNG_END = b"IEND\xaeB`\x82"
_LABELS = {PictureFormat.WEBP: "WebP", PictureFormat.JP2: "JPEG 2000 picture"}
_OPENERS = {
    PictureFormat.JPEG: ("PIL.JpegImagePlugin", "JpegImageFile"),
    PictureFormat.PNG: ("PIL.PngImagePlugin", "PngImageFile"),
    PictureFormat.GIF: ("PIL.GifImagePlugin", "GifImageFile"),
    PictureFormat.WEBP: ("PIL.WebPImagePlugin", "WebPImageFile"),
    PictureFormat.BMP: ("PIL.BmpImagePlugin", "BmpImageFile"),
    PictureFormat.TIFF: ("PIL.TiffImagePlugin", "TiffImageFile"),
    PictureFormat.PNM: ("PIL.PpmImagePlugin", "PpmImageFile"),
    PictureFormat.AVIF: ("PIL.AvifImagePlugin", "AvifImageFile"),
    PictureFormat.JP2: ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    PictureFormat.HEIC: ("pillow_heif", "HeifImageFile"),
}
_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes in which Pillow holds a pixel, by its mode; all others take 4."""
_AT_ONCE = {PictureFormat.WEBP: 12, PictureFormat.AVIF: 12, PictureFormat.JP2: 16, PictureFormat.HEIC: 12}
"""Bytes per pixel that these decoders take, which decode the whole picture at once."""
_PHOTOMETRIC = 262  # a TIFF's tag: 0 if white is zero
_COPIES = (
    6  # of a strip: filtered, unfiltered, in the picture's mode, with the rest of the last one, averaged
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureHeader:
    """What a file says before it is decoded.

    size: (w, h) as stored. mode: Pillow's name of its colours. scans: how many a JPEG has at most.
    progressive: a JPEG that is held whole before it is scaled. profile: the ICC profile, empty if there is
    none. white_is_zero: of a TIFF, which Pillow turns over for 1 to 8 bits only. strip_area: pixels that are
    held at once where it is read in strips, 0 if it cannot be; least_factor: by how much it is shrunk at
    least, if so.
    """

    format: PictureFormat
    size: tuple[int, int]
    mode: str
    scans: int = 1
    progressive: bool = False
    profile: bytes = b""
    white_is_zero: bool = False
    strip_area: int = 0
    least_factor: int = 1

    @property
    def area(self) -> int:
        return self.size[0] * self.size[1]

    def in_strips(self, reduction: int) -> bool:
        return self.strip_area > 0 and reduction >= max(2, self.least_factor)

    def memory(self, reduction: int) -> int:
        """Estimate the bytes that decoding takes, copies in other modes and as BGR included.

        reduction: 1, 2, 4 or 8; a JPEG is decoded that much smaller, any other format is shrunk afterwards.
        """
        scaled = self.area // reduction**2
        if self.format is PictureFormat.JPEG:
            held = 2 * Image.getmodebands(self.mode) * self.area if self.progressive else 0
            return held + (4 + 4 + 6) * scaled
        whole = _BYTES.get(self.mode, 4) + (0 if self.mode in ("L", "RGB") else 4)
        if self.in_strips(reduction):
            return _COPIES * whole * self.strip_area + 10 * scaled
        return max(whole, _AT_ONCE.get(self.format, 0)) * self.area + 10 * scaled


def read_header(data: bytes, name: str) -> PictureHeader:
    """Read the header of `data`. Raises UnreadablePicture; `name` is only for its message."""
    return open_picture(data, name)[1]


def open_picture(data: bytes, name: str) -> tuple[Image.Image, PictureHeader]:
    """Open a picture without decoding it. Raises UnreadablePicture, saying what the file is instead."""
    if not data:
        raise UnreadablePicture(
            f"{name}: the file is empty", hint="a download or copy of it may have failed", item=name
        )
    kind = picture_format(data)
    if kind is None:
        what, advice = what_else(data[:1024])
        raise UnreadablePicture(f"{name}: this is {what}", hint=advice, item=name)
    with refusing(kind, name):
        scans = _scans(data) if kind is PictureFormat.JPEG else 1
        _screen(data, kind, scans)
        image = _opener(kind, name)(io.BytesIO(data))
        strips = strips_of(image, data)
        return image, PictureHeader(
            format=kind,
            size=image.size,
            mode=image.mode,
            scans=scans,
            progressive=bool(image.info.get("progressive")),
            profile=image.info.get("icc_profile") or b"",
            white_is_zero=getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0,
            strip_area=0 if strips is None else strips.area,
            least_factor=1 if strips is None else strips.least,
        )


@contextmanager
def refusing(kind: PictureFormat, name: str) -> Iterator[None]:
    """Turn what Pillow and its plugins raise about a bad file into UnreadablePicture."""
    label = _LABELS.get(kind, kind.value.upper())
    try:
        with warnings.catch_warnings():  # about oddities of files that can still be read
            warnings.simplefilter("ignore")
            yield
    except (UnreadablePicture, MemoryError):
        raise
    except (OSError, ValueError, SyntaxError, LookupError, TypeError, AttributeError, EOFError) as error:
        raise _unreadable(name, label, error) from error
    except (struct.error, zlib.error, RuntimeError, ArithmeticError, AssertionError) as error:
        raise _unreadable(name, label, error) from error
    except Image.DecompressionBombError as error:
        raise PictureTooLarge(f"{name}: {error}", hint=SMALLER, item=name) from error


def _unreadable(name: str, label: str, error: Exception) -> UnreadablePicture:
    said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return UnreadablePicture(f"{name}: the {label} cannot be read: {said}", hint=_DAMAGED, item=name)


def _opener(kind: PictureFormat, name: str) -> Callable[[io.BytesIO], Image.Image]:
    """Return the class that reads one format: nothing is guessed, and no other class is ever tried."""
    module, opener = _OPENERS[kind]
    try:
        plugin = importlib.import_module(module)
    except ImportError:
        if kind is not PictureFormat.HEIC:
            raise
        raise UnreadablePicture(
            f"{name}: HEIC pictures need an extra",
            hint=extra_hint("heic"),
            item=name,
        ) from None
    if kind is PictureFormat.TIFF:
        _teach_tiff(plugin)
    found: Callable[[io.BytesIO], Image.Image] = getattr(plugin, opener)
    return found


def _teach_tiff(plugin: Any) -> None:
    """Have Pillow read CMYK with alpha, which print programs write, like CMYK with a spare channel."""
    for order in (b"II", b"MM"):
        for alpha in (1, 2):
            plugin.OPEN_INFO.setdefault((order, 5, (1,), 1, (8,) * 5, (alpha,)), ("CMYK", "CMYKX"))


def _scans(data: bytes) -> int:
    """Return how many scans a JPEG has at most. Linear in its size."""
    most = data.count(SCANS[0][:3])  # what they all begin with
    return most if most <= 1 else sum(map(data.count, SCANS))


def _screen(data: bytes, kind: PictureFormat, scans: int) -> None:
    """Refuse files that no decoder should be given. Raises ValueError; linear in the size of the file."""
    if scans > DECODING.scans:
        raise ValueError(f"it has {scans:,} scans, over {DECODING.scans}")
    if (block := _BLOCKS.get(kind)) and (blocks := data.count(block)) > DECODING.blocks:
        raise ValueError(f"it has {blocks:,} blocks of metadata, over {DECODING.blocks}")
    if kind is PictureFormat.PNG and _PNG_END not in data:
        raise ValueError("it is cut short")
    if kind is PictureFormat.WEBP and int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise ValueError("it is cut short")
    if kind is PictureFormat.TIFF:
        _screen_directory(data)


def _screen_directory(data: bytes) -> None:
    """Refuse a TIFF whose first directory is too long, cut short, or names a tag twice.

    Of two Pillow takes the last, libtiff the first: what was checked would not be what is decoded.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    start = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
    if count > DECODING.entries:
        raise ValueError(f"its directory has {count:,} entries, over {DECODING.entries:,}")
    first, step = (start + 8, 20) if big else (start + 2, 12)
    tags = [struct.unpack_from(order + "H", data, first + step * n)[0] for n in range(count)]
    if len(set(tags)) < len(tags):
        raise ValueError("its directory names a tag twice")
