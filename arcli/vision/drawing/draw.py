"""Draw what was found on the photo: a quad and its identifier for each match."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.models import Quad
from arcli.vision.decoding.decode import Decoded
from arcli.vision.geometry import scale_points
from arcli.vision.opencv import cv2

_COLOURS = ((60, 200, 60), (40, 140, 255), (255, 160, 40), (200, 60, 220), (0, 210, 230), (80, 80, 255))
_SMALLEST = 480  # px, long side of what is drawn on
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A quad in pixels of the displayed photo and the ASCII text beside it."""

    quad: Quad
    text: str


def draw(decoded: Decoded, outlines: Iterable[Outline], *, file_format: str = "jpeg") -> bytes:
    """Return the photo with the outlines as an encoded picture, "jpeg" or "png"."""
    canvas = _readable(decoded.pixels)
    shown = (canvas.shape[1], canvas.shape[0])
    unit = max(shown) / 640
    labels = []
    for number, outline in enumerate(outlines):
        colour = _COLOURS[number % len(_COLOURS)]
        quad = scale_points(outline.quad, decoded.size, shown)
        _polygon(canvas, quad, colour, unit)
        labels.append((quad, outline.text, colour))
    for quad, text, colour in labels:
        _label(canvas, quad, text, colour, unit)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 90] if file_format == "jpeg" else []
    done, encoded = cv2.imencode(f".{file_format}", canvas, quality)
    assert done, "OpenCV encodes any BGR picture"
    return encoded.tobytes()


def _readable(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a copy on which text can be read: a very small photo is enlarged."""
    factor = -(-_SMALLEST // max(pixels.shape))
    if factor == 1:
        return pixels.copy()
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor), np.uint8)


def _polygon(
    canvas: npt.NDArray[np.uint8], quad: npt.NDArray[np.float64], colour: tuple[int, int, int], unit: float
) -> None:
    """Draw the quad on a dark edge, so that it shows on any ground, with a dot at the top-left corner."""
    thickness = max(1, round(2.2 * unit))
    points = np.rint(quad * 16).clip(-(2**26), 2**26).astype(np.int32)[:, None]
    cv2.polylines(canvas, [points], True, (20, 20, 20), thickness + max(2, round(2 * unit)), cv2.LINE_AA, 4)
    cv2.polylines(canvas, [points], True, colour, thickness, cv2.LINE_AA, 4)
    corner = (int(points[0, 0, 0]), int(points[0, 0, 1]))
    cv2.circle(canvas, corner, round(5 * unit * 16), colour, cv2.FILLED, cv2.LINE_AA, 4)


def _label(
    canvas: npt.NDArray[np.uint8],
    quad: npt.NDArray[np.float64],
    text: str,
    colour: tuple[int, int, int],
    unit: float,
) -> None:
    """Write the text on a filled box above the quad's highest corner, kept inside the photo."""
    height, width = canvas.shape[:2]
    scale, thickness, pad = 0.6 * unit, max(1, round(1.4 * unit)), round(4 * unit)
    (long, high), below = cv2.getTextSize(text, _FONT, scale, thickness)
    if long + 2 * pad > width:
        scale *= width / (long + 2 * pad)
        (long, high), below = cv2.getTextSize(text, _FONT, scale, thickness)
    top = quad[quad[:, 1].argmin()]
    x = int(np.clip(top[0] - long / 2, pad, max(pad, width - long - pad)))
    y = int(np.clip(top[1] - pad, high + pad, max(high + pad, height - below - pad)))
    cv2.rectangle(
        canvas, (x - pad, y - high - pad), (x + long + pad, y + below + pad // 2), colour, cv2.FILLED
    )
    cv2.putText(canvas, text, (x, y), _FONT, scale, (0, 0, 0), thickness, cv2.LINE_AA)
