"""HEIC, as phones write it, through the optional pillow-heif."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from arcli.errors import UnreadablePicture, extra_hint
from arcli.vision.decoding.header_types import PictureHeader


def decode(data: bytes, header: PictureHeader, name: str) -> npt.NDArray[np.uint8]:
    """Return (H, W, 3) BGR, upright (libheif turns it). Raises UnreadablePicture.

    It may be smaller than the header says: coders pad to even sizes and name the part to cut out.
    """
    try:
        import pillow_heif
    except ImportError:
        raise UnreadablePicture(
            f"{name}: HEIC pictures need an extra", hint=extra_hint("heic"), item=name
        ) from None
    try:
        picture = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True, bgr_mode=True)
        if max(picture.size) > max(header.size) or min(picture.size) > min(header.size):
            raise ValueError("it is larger than its header says")
        pixels = np.asarray(picture)
    except (ValueError, OSError, RuntimeError, EOFError, SyntaxError) as error:
        raise UnreadablePicture(f"{name}: the HEIC data cannot be decoded: {error}", item=name) from error
    from arcli.vision.decoding.pixels import to_bgr

    return to_bgr(pixels)
