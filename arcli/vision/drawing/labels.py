"""Where labels go on a photo: at their targets, covering no other; else in a legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from arcli.vision.geometry import Points, Size
from arcli.vision.opencv import cv2

FONT = cv2.FONT_HERSHEY_SIMPLEX
Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]
"""x, y of the first pixel and of the one after the last."""

_COLOURS: tuple[Colour, ...] = (
    (60, 200, 60),
    (40, 140, 255),
    (255, 160, 40),
    (220, 70, 220),
    (0, 215, 235),
    (80, 80, 255),
    (220, 220, 90),
    (180, 180, 255),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOptions:
    """Sizes in 1/640 of the photo's long side; text as OpenCV scales its font (22 px high at 1).

    smallest: text that can be read without zooming (.35 to .5). largest: .6 to 1. share: of a target's height
    that its label takes (.1 to .3). pad: around a text (2 to 6). number (1 to 1.5): a number, in
    the smallest text. fitted (.9 to 1): share of the room that a text takes that was too wide for it.
    """

    smallest: float = 0.42
    largest: float = 0.7
    share: float = 0.16
    pad: float = 3.0
    number: float = 1.2
    fitted: float = 0.98


OPTIONS = LabelOptions()


@dataclass(frozen=True, slots=True)
class Label:
    """A text and where it is written: `box` is filled, the text begins at `start` (its baseline)."""

    text: str
    box: Box
    start: tuple[int, int]
    scale: float


def colours(quads: Sequence[Points]) -> list[Colour]:
    """Give each target the colour whose other users are farthest away, so that neighbours differ."""
    centres = [quad.mean(0) for quad in quads]
    chosen: list[int] = []
    for number, centre in enumerate(centres):
        nearest = [np.inf] * len(_COLOURS)
        for colour, other in zip(chosen, centres[:number], strict=True):
            nearest[colour] = min(nearest[colour], float(np.hypot(*(centre - other))))
        chosen.append(nearest.index(max(nearest)))
    return [_COLOURS[colour] for colour in chosen]


def place(quads: Sequence[Points], texts: Sequence[str], photo: Size) -> list[Label | None]:
    """Return a label for each target, None if there is no room even for its number.

    A label that shows only a number (from 1, in order) belongs to a line of a legend.
    """
    boxes = [_bounds(quad, photo) for quad in quads]
    taken: list[Box] = []
    labels: list[Label | None] = [None] * len(quads)
    for number in sorted(range(len(quads)), key=lambda n: -_area(boxes[n])):
        others = [box for at, box in enumerate(boxes) if at != number]
        options = [
            *_named(texts[number], boxes[number], others, photo),
            *_numbered(number, boxes[number], photo),
        ]
        labels[number] = next((one for one in options if not any(_meet(one.box, box) for box in taken)), None)
        found = labels[number]
        if found is not None:
            taken.append(found.box)
    return labels


def unit(photo: Size) -> float:
    """Return the pixels of 1/640 of the long side."""
    return max(photo) / 640


def measured(text: str, scale: float) -> tuple[int, int, int]:
    """Return the width of a text, its height above the baseline and below, in pixels."""
    (width, above), below = cv2.getTextSize(text, FONT, scale, stroke(scale))
    return width, above, below


def stroke(scale: float) -> int:
    """Return how thick the strokes of a text are, in pixels."""
    return max(1, round(2 * scale))


def _named(text: str, box: Box, others: Sequence[Box], photo: Size) -> Iterator[Label]:
    """Yield places for the whole name: above the target where nothing else is, at its edges, across it."""
    one = unit(photo)
    high = (box[3] - box[1]) * OPTIONS.share / 22
    scale = min(max(high, OPTIONS.smallest * one), OPTIONS.largest * one)
    alone = not any(_meet(box, other) for other in others)
    room = photo[0] if alone and not others else box[2] - box[0]
    width = measured(text, scale)[0] + 2 * round(OPTIONS.pad * one)
    if width > room:
        scale *= room / width * OPTIONS.fitted
    if scale < OPTIONS.smallest * one:
        return
    for x, y in _spots(box, _label(text, 0, 0, scale, one).box):
        label = _label(text, *_inside(x, y, _label(text, 0, 0, scale, one).box, photo), scale, one)
        if not any(_meet(label.box, other) for other in others):
            yield label


def _numbered(number: int, box: Box, photo: Size) -> Iterator[Label]:
    """Yield places for a number: in the middle, then nearer to an edge."""
    one = unit(photo)
    size = _label(str(number + 1), 0, 0, OPTIONS.smallest * one * OPTIONS.number, one).box
    middle = ((box[0] + box[2] - size[2]) // 2, (box[1] + box[3] - size[3]) // 2)
    for x, y in (middle, *_spots(box, size)):
        yield _label(
            str(number + 1), *_inside(x, y, size, photo), OPTIONS.smallest * one * OPTIONS.number, one
        )


def _spots(box: Box, size: Box) -> tuple[tuple[int, int], ...]:
    """Return top-left corners: above, below, along the top and the bottom inside, across the middle."""
    x = (box[0] + box[2] - size[2]) // 2
    middle = (box[1] + box[3] - size[3]) // 2
    return ((x, box[1] - size[3]), (x, box[3]), (x, box[1]), (x, box[3] - size[3]), (x, middle))


def _label(text: str, x: int, y: int, scale: float, one: float) -> Label:
    width, above, below = measured(text, scale)
    pad = round(OPTIONS.pad * one)
    box = (x, y, x + width + 2 * pad, y + above + below + pad)
    return Label(text, box, (x + pad, y + above + pad // 2), scale)


def _inside(x: int, y: int, size: Box, photo: Size) -> tuple[int, int]:
    return max(0, min(x, photo[0] - size[2])), max(0, min(y, photo[1] - size[3]))


def _bounds(quad: Points, photo: Size) -> Box:
    """Return the part of a quad's bounding box that is in the photo."""
    low = np.clip(quad.min(0), 0, np.array(photo) - 1).astype(int)
    high = np.clip(np.ceil(quad.max(0)), low + 1, photo).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
