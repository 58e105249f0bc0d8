"""Encoded bytes to BGR pixels by OpenCV, after the header was found harmless."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arcli.errors import UnreadablePicture
from arcli.vision.decoding.header_types import PictureHeader
from arcli.vision.opencv import cv2, silenced

Pixels = npt.NDArray[np.uint8]

_SCALED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_FLATTEN_ROWS = 256  # alpha is applied in bands, so that a large picture needs no float copy


def decode(data: bytes, header: PictureHeader, reduction: int, name: str) -> Pixels:
    """Return (H, W, 3) BGR as stored, 1/`reduction` of its size. Raises UnreadablePicture."""
    payload = np.frombuffer(header.payload or data, np.uint8)
    flags = _SCALED[reduction] | cv2.IMREAD_IGNORE_ORIENTATION
    if header.format in ("png", "gif", "webp", "tiff", "pnm"):
        flags = cv2.IMREAD_UNCHANGED
    try:
        with silenced():
            decoded = cv2.imdecode(payload, flags)
    except cv2.error:
        decoded = None
    if decoded is None:
        kind = header.format.upper()
        raise UnreadablePicture(
            f"{name}: the {kind} data cannot be decoded", hint="the file is damaged or incomplete", item=name
        )
    bgr = to_bgr(np.asarray(decoded))
    expected = tuple(-(-side // reduction) for side in header.size)
    if (bgr.shape[1], bgr.shape[0]) != expected:
        raise UnreadablePicture(f"{name}: the picture is not of the size that its header says", item=name)
    return bgr


def to_bgr(decoded: npt.NDArray[np.generic]) -> Pixels:
    """Bring gray, 16-bit, float and transparent pixels to 8-bit BGR on white."""
    eight = _eight_bits(decoded)
    if eight.ndim == 2 or eight.shape[2] == 1:
        return np.asarray(cv2.cvtColor(eight, cv2.COLOR_GRAY2BGR), np.uint8)
    if eight.shape[2] == 2:
        return flatten(np.concatenate([eight[:, :, [0, 0, 0]], eight[:, :, 1:]], axis=2))
    return flatten(eight) if eight.shape[2] == 4 else np.ascontiguousarray(eight[:, :, :3])


def _eight_bits(decoded: npt.NDArray[np.generic]) -> Pixels:
    if decoded.dtype == np.uint8:
        return np.asarray(decoded, np.uint8)
    if decoded.dtype.kind == "f":
        finite = np.nan_to_num(decoded, posinf=0, neginf=0).clip(0)
        brightest = float(finite.max(initial=0))
        white = next((value for value in (1.0, 255.0, 65535.0) if brightest <= value), brightest)
        return np.asarray((finite * (255 / white)).astype(np.uint8))
    bits = 8 * decoded.dtype.itemsize - (decoded.dtype.kind == "i")
    return np.asarray((decoded.clip(0) >> (bits - 8)).astype(np.uint8))


def flatten(bgra: Pixels) -> Pixels:
    """Put (H, W, 4) BGRA on white."""
    result = np.ascontiguousarray(bgra[:, :, :3])
    if (bgra[:, :, 3] == 255).all():
        return result
    for row in range(0, len(bgra), _FLATTEN_ROWS):
        band = bgra[row : row + _FLATTEN_ROWS]
        alpha = band[:, :, 3:].astype(np.uint16)
        mixed = band[:, :, :3] * alpha + 255 * (255 - alpha)
        result[row : row + _FLATTEN_ROWS] = (mixed + 127) // 255
    return result


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation (1 to 8), so that the picture stands as it is displayed."""
    if orientation >= 5:
        pixels = np.transpose(pixels, (1, 0, 2))
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
