"""Data Matrix, Aztec and PDF417 codes in a picture, upright or by quarter turns as artwork has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.vision import geometry
from arcli.vision.opencv import cv2

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixOptions:
    """How these codes are found (docs/appendix/score.md, "Codes").

    gaps: px of white that a code may have inside (5..30), one after the other. side: px that a code has at
    least (30..60). marks: share of the modules of its marks that are right (.9..1). contrast: gray levels
    from ink to paper at least (40..100). cell: px that a module has at least (1.5..3). step: pixels
    that are read for a module (3..6). square (1.05 to 1.3): how much longer a side of a square code may be.
    tails (.02 to .2): share of the pixels that are darker than ink, or lighter than paper.
    """

    gaps: tuple[int, ...] = (9, 19)
    side: int = 40
    marks: float = 0.95
    contrast: float = 60.0
    cell: float = 2.0
    step: int = 4
    square: float = 1.15
    tails: float = 0.1


OPTIONS = MatrixOptions()
_DATA_MATRIX = (*range(10, 27, 2), *range(32, 53, 4), *range(64, 105, 8))  # modules a side
_AZTEC = range(15, 102, 2)
_PDF417 = range(86, 240, 17)  # modules across, of 1 to 10 columns of data
_START, _STOP = ("11111111010101000", "111111101000101001")
_ENDS = np.array([bit == "1" for bit in _START + _STOP])
_RINGS = np.maximum(*np.abs(np.mgrid[-4:5, -4:5])) % 2 == 0
_BULLSEYE = len(_RINGS) // 2  # modules from the middle one


@dataclass(frozen=True, slots=True, eq=False)
class MatrixCode:
    """quad: (4, 2) px from its top-left on. gray: (rows, columns) of each module's middle."""

    quad: geometry.Points
    gray: Plane
    uneven: float


def matrix_codes(gray: Pixels) -> list[MatrixCode]:
    """Return the codes in (H, W) gray; none stands in another."""
    found: list[MatrixCode] = []
    for box in _inked(gray):
        if not any(_within(box, code.quad) for code in found):
            best = min(_readings(gray, box), key=lambda one: one.uneven, default=None)
            found += [] if best is None else [best]
    return found


Box = tuple[int, int, int, int]  # x, y, width, height


def _inked(gray: Pixels) -> Iterator[Box]:
    """Yield boxes around ink that stands apart from other ink, the wider gaps last."""
    level, ink = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    if float(gray[ink == 0].mean() if (ink == 0).any() else 0) - float(level) < OPTIONS.contrast / 2:
        return
    for gap in OPTIONS.gaps:
        closed = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
        _, _, boxes, _ = cv2.connectedComponentsWithStats(closed)
        for x, y, width, height, _ in boxes[1:].tolist():
            if min(width, height) >= OPTIONS.side:
                yield x, y, width, height


def _within(box: Box, quad: geometry.Points) -> bool:
    middle = np.array([[box[0] + box[2] / 2, box[1] + box[3] / 2]])
    return bool(geometry.inside(middle, quad)[0])


def _readings(gray: Pixels, box: Box) -> Iterator[MatrixCode]:
    """Yield what a box holds if it is a code, in each number of modules that shows the marks of one."""
    x, y, width, height = box
    part = gray[y : y + height, x : x + width]
    quad = np.add(geometry.corners((width, height)), (x, y))
    low, high = np.quantile(part, [OPTIONS.tails, 1 - OPTIONS.tails])
    if high - low < OPTIONS.contrast:
        return
    dark = part < (low + high) / 2
    shapes = list[tuple[int, int]]()
    if max(width, height) < OPTIONS.square * min(width, height):
        shapes += [(n, n) for n in _DATA_MATRIX if _reads(dark, n, n, _is_data_matrix)]
        shapes += [(n, n) for n in _AZTEC if _reads(dark, n, n, _is_aztec, _BULLSEYE)]
    for turned in (False, True):
        wide, tall = (height, width) if turned else (width, height)
        sizes = [(max(1, round(tall * n / wide)), n) for n in _PDF417]
        ordered = (size[::-1] if turned else size for size in sizes)
        shapes += [size for size in ordered if _reads(dark, *size, _is_pdf417)]
    for rows, columns in shapes:
        yield MatrixCode(quad, *_middles(part, rows, columns))


def _reads(
    dark: Mask, rows: int, columns: int, has_marks: Callable[[Mask], bool], margin: int | None = None
) -> bool:
    """Say whether a part, read as so many modules, has the marks of a code.

    margin: of the modules only those within so many of the middle one are looked at.
    """
    height, width = dark.shape
    if min(height / rows, width / columns) < OPTIONS.cell:
        return False
    down, across = (
        ((_near_middle(n, margin) + 0.5) * side / n).astype(int)
        for n, side in ((rows, height), (columns, width))
    )
    return has_marks(dark[down[:, None], across])


def _near_middle(count: int, margin: int | None) -> npt.NDArray[np.intp]:
    return np.arange(count) if margin is None else np.arange(count // 2 - margin, count // 2 + margin + 1)


def _middles(part: Pixels, rows: int, columns: int) -> tuple[Plane, float]:
    """Return the gray of each module's middle, and how uneven modules are inside, in gray levels."""
    view = cv2.resize(part, (columns * OPTIONS.step, rows * OPTIONS.step), interpolation=cv2.INTER_LINEAR)
    cells = view.reshape(rows, OPTIONS.step, columns, OPTIONS.step)[:, 1:-1, :, 1:-1].astype(np.float32)
    return np.asarray(cells.mean((1, 3)), np.float32), float(cells.std((1, 3)).mean())


def _is_data_matrix(dark: Mask) -> bool:
    """Two sides are dark, those opposite dark and light by turns."""
    even = np.arange(len(dark)) % 2 == 0
    for turns in range(4):
        turned = np.rot90(dark, turns)
        marks = (turned[:, 0], turned[-1], turned[0] == even, turned[:, -1] != even)
        if np.concatenate(marks).mean() >= OPTIONS.marks:
            return True
    return False


def _is_aztec(middle: Mask) -> bool:
    """Dark and light squares stand one in another around the middle."""
    return bool((middle == _RINGS).mean() >= OPTIONS.marks)


def _is_pdf417(dark: Mask) -> bool:
    """All rows begin and end alike, whichever way up the code is."""
    across, down = dark.mean(0), dark.mean(1)
    for shares in (across, down, across[::-1], down[::-1]):
        if len(shares) < _PDF417[0]:
            continue
        ends = np.concatenate([shares[: len(_START)], shares[-len(_STOP) :]]) > 0.5
        if (ends == _ENDS).mean() >= OPTIONS.marks:
            return True
    return False
