"""Draw what was found on the photo: quads with identifiers, and a legend where it is crowded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.models import Quad
from arcli.vision.decoding.decode import Decoded
from arcli.vision.drawing import labels
from arcli.vision.drawing.labels import FONT, OPTIONS, Colour, Label
from arcli.vision.geometry import Points, pixel_size, scale_points
from arcli.vision.opencv import cv2


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawOptions:
    """smallest (320 to 800): px, the long side of the picture that is drawn on; smallest_of_many (640 to
    1600) for a photo with over many (2 to 10) targets. largest (800 to 4000): where it is smaller than the
    photo; it is only to look at. quality (70 to 95): of a JPEG. line (1 to 4): width of an outline in 1/640
    of the long side; thinner (20 to 80): at most so small a part of a target; dot (1.5 to 4): radius of the
    dot at its first corner, in widths of the line. legend (.9 to 1.3): its text, in those of a label.
    """

    smallest: int = 480
    smallest_of_many: int = 960
    many: int = 4
    largest: int = 1600
    quality: int = 90
    line: float = 2.2
    thinner: int = 40
    dot: float = 2.5
    legend: float = 1.1


DRAWING = DrawOptions()


_DARK, _PAPER = (20, 20, 20), (250, 250, 250)
_Canvas = npt.NDArray[np.uint8]
_Entry = tuple[str, Colour]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A quad in pixels of the displayed photo and the ASCII text beside it."""

    quad: Quad
    text: str


def draw(decoded: Decoded, outlines: Iterable[Outline], *, file_format: str = "jpeg") -> bytes:
    """Return the photo with the outlines as an encoded picture, "jpeg" or "png".

    Targets too small for their labels get numbers, explained by a legend below the photo.
    """
    drawn = list(outlines)
    smallest = DRAWING.smallest if len(drawn) <= DRAWING.many else DRAWING.smallest_of_many
    canvas = _readable(decoded.pixels, smallest)
    photo = pixel_size(canvas)
    quads = [scale_points(outline.quad, decoded.size, photo) for outline in drawn]
    texts = [outline.text for outline in drawn]
    chosen = labels.colours(quads)
    for quad, colour in zip(quads, chosen, strict=True):
        _polygon(canvas, quad, colour)
    placed = labels.place(quads, texts, photo)
    for label, colour in zip(placed, chosen, strict=True):
        if label is not None:
            _write(canvas, label, colour)
    lines = [
        (f"{number}  {text}", colour)
        for number, (label, text, colour) in enumerate(zip(placed, texts, chosen, strict=True), 1)
        if label is None or label.text != text
    ]
    return _encoded(_with_legend(canvas, lines) if lines else canvas, file_format)


def _encoded(canvas: _Canvas, file_format: str) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, DRAWING.quality] if file_format == "jpeg" else []
    done, encoded = cv2.imencode(f".{file_format}", canvas, quality)
    assert done, "OpenCV encodes any BGR picture"
    return encoded.tobytes()


def _readable(pixels: _Canvas, smallest: int) -> _Canvas:
    """Return a copy on which text can be read: a small photo is enlarged."""
    factor = -(-smallest // max(pixels.shape))
    if factor == 1:
        return pixels.copy()
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)


def _polygon(canvas: _Canvas, quad: Points, colour: Colour) -> None:
    """Draw the quad with a dark edge, so that it shows on any background, and a dot at the top-left corner.

    A small target has thinner lines.
    """
    one = labels.unit(pixel_size(canvas))
    short = float(np.clip(np.ptp(quad, axis=0), 1, max(canvas.shape)).min())
    thickness = max(1, round(min(DRAWING.line * one, short / DRAWING.thinner)))
    points = np.rint(quad * 16).clip(-(2**26), 2**26).astype(np.int32)[:, None]
    cv2.polylines(canvas, [points], True, _DARK, thickness + max(2, thickness), cv2.LINE_AA, 4)
    cv2.polylines(canvas, [points], True, colour, thickness, cv2.LINE_AA, 4)
    corner = (int(points[0, 0, 0]), int(points[0, 0, 1]))
    cv2.circle(canvas, corner, round(DRAWING.dot * thickness * 16), colour, cv2.FILLED, cv2.LINE_AA, 4)


def _write(canvas: _Canvas, label: Label, colour: Colour) -> None:
    left, top, right, bottom = label.box
    cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), colour, cv2.FILLED)
    thickness = labels.stroke(label.scale)
    cv2.putText(canvas, label.text, label.start, FONT, label.scale, (0, 0, 0), thickness, cv2.LINE_AA)


def _with_legend(canvas: _Canvas, lines: Sequence[_Entry]) -> _Canvas:
    """Return the photo with a strip below it that has a line for each number, in as many columns as fit."""
    photo = pixel_size(canvas)
    one = labels.unit(photo)
    scale, pad = OPTIONS.smallest * one * DRAWING.legend, round(2 * OPTIONS.pad * one)
    widest = max(labels.measured(text, scale)[0] for text, _ in lines)
    if widest + 4 * pad > photo[0]:
        scale *= photo[0] / (widest + 4 * pad)
        widest = photo[0] - 4 * pad
    _, above, below = labels.measured("Ag", scale)
    step = above + below + pad
    columns = max(1, photo[0] // (widest + 4 * pad))
    rows = -(-len(lines) // columns)
    strip = np.full((rows * step + pad, photo[0], 3), _PAPER, np.uint8)
    for number, (text, colour) in enumerate(lines):
        x, y = number // rows * (photo[0] // columns) + pad, number % rows * step + pad + above
        cv2.rectangle(strip, (x, y - above), (x + pad, y), colour, cv2.FILLED)
        cv2.putText(strip, text, (x + 2 * pad, y), FONT, scale, _DARK, labels.stroke(scale), cv2.LINE_AA)
    return np.vstack([canvas, strip])
