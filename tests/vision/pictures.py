"""Pictures made for tests: textured ones, and encoders for every format and flavour."""

import io

import cv2
import numpy as np
from PIL import Image


def textured(seed: int, size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """A picture (H, W, 3) BGR of random overlapping shapes: plenty of corners and blobs."""
    rng = np.random.default_rng(seed)
    width, height = size
    pixels = np.full((height, width, 3), 200, np.uint8)
    for _ in range(150):
        x, y = rng.integers(0, (width, height))
        w, h = rng.integers(5, 40, 2)
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        cv2.rectangle(pixels, (int(x), int(y)), (int(x + w), int(y + h)), colour, -1)
    return cv2.GaussianBlur(pixels, (0, 0), 0.8)


def encoded(pixels: np.ndarray, file_format: str, mode: str = "RGB", **options: object) -> bytes:
    """Encode BGR pixels by Pillow after converting them to `mode`."""
    picture = Image.fromarray(pixels[:, :, ::-1])
    picture = picture.quantize() if mode == "P" else picture.convert(mode)
    stream = io.BytesIO()
    picture.save(stream, file_format, **options)
    return stream.getvalue()


def encoded_gray16(pixels: np.ndarray, file_format: str) -> bytes:
    """Encode as 16-bit gray."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.uint16) * 257
    stream = io.BytesIO()
    Image.fromarray(gray).save(stream, file_format)
    return stream.getvalue()
