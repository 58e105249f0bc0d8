"""Where a picture has QR codes and bar codes, and their modules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from arcli.vision import geometry
from arcli.vision.codes.matrix import matrix_codes
from arcli.vision.opencv import cv2

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeOptions:
    """How codes are found and compared (docs/appendix/score.md, "Codes").

    finders: share of the modules of each finder mark of a QR code that must be right (.85 to 1). modules: the
    fewest and the most modules along a side of a QR code. window: px within which bars run in one direction
    (16 to 40), coherence: how strictly they do (.8 to .98); contrast: standard deviation of gray from bar to
    gap (20 to 60). bars: the fewest dark and light bars of a bar code (20 to 40: an EAN-8 has 43). ragged:
    how far widths may be from whole numbers of modules on average (.1 to .2): striped shirts have .19 and
    more. single: the least and the greatest share of bars one module wide. oversampled: photo pixels read per
    module (3 to 6). shifts: how many modules a place may be off (0 to 1). sure: share of the contrast by
    which a module must differ from the middle to count as resolved (.1 to .4). resolved: share of modules
    that must be resolved (.5 to .8). differing: share of resolved modules that differ from which it may be
    another code (.008 to .02), other: from which it is another (.04 to .1). Of photos of the code itself none
    had .005 where .6 were resolved; of other codes the least was .023, in a code of 57 x 57 modules, most of
    them padding. dense: a thumbnail with a smaller share of black and white detail holds no code (.02 to .1).
    Such detail, in windows of small_window (8 to 24) px, has black_to_white gray levels between its darkest
    and lightest (80 to 160), a share of dark pixels, two_levels: share of the variance between the two (.3 to
    .7), and busy edges from pixel to pixel, as a share of the contrast (.05 to .3).

    core (0 to .4): share of a region's height on each side that is left out where bars are read. tails (.02
    to .1): share of a profile that is darker than bars, or lighter than gaps. streaks (.1 to .4): share of
    the contrast that gray may vary along a bar. widest: modules of a bar in EAN, UPC and Code 128 at most
    are 4, in other codes 6. around, around_bars (5 to 15, 9 to 31): modules whose gray is compared with the
    one in the middle. tried: the width of a module, in those of `narrow` (.1 to .4) of the bars.
    """

    finders: float = 0.9
    modules: tuple[int, int] = (21, 101)
    window: int = 24
    coherence: float = 0.9
    contrast: float = 40.0
    bars: int = 36
    ragged: float = 0.16
    single: tuple[float, float] = (0.2, 0.85)
    oversampled: int = 4
    shifts: float = 0.75
    sure: float = 0.2
    resolved: float = 0.6
    differing: float = 0.01
    other: float = 0.06
    dense: float = 0.05
    small_window: int = 16
    black_to_white: float = 110.0
    dark: tuple[float, float] = (0.25, 0.75)
    two_levels: float = 0.45
    busy: float = 0.13
    core: float = 0.25
    tails: float = 0.05
    streaks: float = 0.2
    widest: int = 6
    around: int = 7
    around_bars: int = 15
    narrow: float = 0.2
    tried: tuple[float, float, int] = (0.7, 1.4, 71)


OPTIONS = CodeOptions()


@dataclass(frozen=True, slots=True, eq=False)
class Code:
    """A code in a picture. kind: "qr", "bar", "matrix". quad: (4, 2) px of the picture, from its top-left on.

    modules: (rows, columns) bool, True where dark; a bar code has one row. clear: the same shape, True where
    the picture itself resolves the module.
    """

    kind: str
    quad: geometry.Points
    modules: Mask
    clear: Mask

    def moved(self, homography: Matrix) -> Code:
        """Return the code in pixels of another size of its picture."""
        return replace(self, quad=geometry.project(homography, self.quad)[0])

    def around(self, margin: float) -> geometry.Points:
        """Return the quad with a margin, a share of its size."""
        middle = self.quad.mean(0)
        return np.asarray(middle + (1 + 2 * margin) * (self.quad - middle))


def may_hold_code(thumbnail: Pixels) -> bool:
    """Say whether a thumbnail, (h, w, 3) BGR, has enough black and white detail to hold a code."""
    return black_and_white(thumbnail) >= OPTIONS.dense


def black_and_white(thumbnail: Pixels) -> float:
    """Return the share of a thumbnail, (h, w, 3) BGR, that is black and white detail. Takes .5 ms."""
    gray = cv2.cvtColor(thumbnail, cv2.COLOR_BGR2GRAY).astype(np.float32)
    box = (OPTIONS.small_window, OPTIONS.small_window)
    high, low = (op(gray, np.ones(box, np.uint8)) for op in (cv2.dilate, cv2.erode))
    contrast = high - low
    dark = cv2.boxFilter((gray < (high + low) / 2).astype(np.float32), -1, box)
    mean, squares = cv2.boxFilter(gray, -1, box), cv2.boxFilter(gray * gray, -1, box)
    two_levels = (squares - mean * mean) / np.maximum(contrast**2 * dark * (1 - dark), 1)
    edges = np.maximum(*(np.abs(np.diff(gray, axis=axis, prepend=gray.take([0], axis))) for axis in (0, 1)))
    busy = cv2.boxFilter(edges, -1, box) / np.maximum(contrast, 1)
    code = (
        (contrast > OPTIONS.black_to_white)
        & (dark > OPTIONS.dark[0])
        & (dark < OPTIONS.dark[1])
        & (two_levels > OPTIONS.two_levels)
        & (busy > OPTIONS.busy)
    )
    return float(code.mean())


def find_codes(pixels: Pixels) -> list[Code]:
    """Return the codes in (H, W, 3) BGR of 300 to 640 px."""
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
    usual = [*_square_codes(gray), *_bar_codes(gray)]
    return usual or [_of_matrix(found.quad, found.gray) for found in matrix_codes(gray)]


def _of_matrix(quad: geometry.Points, gray: Plane) -> Code:
    apart = apart_from_middle(gray)
    return Code("matrix", quad, apart < 0, np.abs(apart) > OPTIONS.sure)


def apart_from_middle(gray: Plane) -> Plane:
    """Return how much each module differs from the middle gray around it, as a share of contrast."""
    wide = (1, OPTIONS.around_bars) if len(gray) == 1 else (OPTIONS.around, OPTIONS.around)
    kernel = np.ones(wide, np.uint8)
    low, high = cv2.erode(gray, kernel), cv2.dilate(gray, kernel)
    contrast = np.maximum(high - low, 0.5 * float(np.ptp(gray)))
    return np.asarray((gray - (high + low) / 2) / np.maximum(contrast, 16.0), np.float32)


def _square_codes(gray: Pixels) -> list[Code]:
    """Find QR codes with either of OpenCV's detectors: the first is faster, and each misses some."""
    for detector in _qr_detectors():
        found, quads = detector.detectMulti(gray)
        codes = [_square_code(gray, quad) for quad in quads] if found else []
        if any(codes):
            return [code for code in codes if code is not None]
    return []


@cache
def _qr_detectors() -> tuple[Any, Any]:
    return cv2.QRCodeDetectorAruco(), cv2.QRCodeDetector()


def _square_code(gray: Pixels, quad: npt.NDArray[np.float32]) -> Code | None:
    """Return the code that has its three finder marks at the corners of `quad`; None if there is none.

    The marks may fit several numbers of modules per side; at the right number no module is half dark.
    """
    best: tuple[float, Plane] | None = None
    least, most = OPTIONS.modules
    for number in range(least, most + 1):
        apart, uneven = _modules(gray, quad, number)
        right = min(
            float(((apart[place] < 0) == _FINDER).mean())
            for place in (np.s_[:7, :7], np.s_[:7, -7:], np.s_[-7:, :7])
        )
        if right >= OPTIONS.finders and (best is None or uneven < best[0]):
            best = uneven, apart
    if best is None:
        return None
    return Code("qr", np.asarray(quad, np.float64), best[1] < 0, np.abs(best[1]) > OPTIONS.sure)


_FINDER = np.pad(np.pad(np.ones((3, 3), bool), 1), 1, constant_values=True)


def _modules(gray: Pixels, quad: npt.NDArray[np.float32], number: int) -> tuple[Plane, float]:
    """Return how far from middle gray the modules of a code with `number` per side are (see
    `apart_from_middle`), and how uneven they are inside, in gray levels."""
    step = OPTIONS.oversampled
    box = geometry.corners((number * step, number * step)).astype(np.float32)
    square = cv2.getPerspectiveTransform(box, np.asarray(quad, np.float32))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = cv2.warpPerspective(gray, square, (number * step, number * step), flags=flags)
    cells = view.reshape(number, step, number, step).astype(np.float32)
    middles = np.asarray(cells[:, 1:-1, :, 1:-1].mean((1, 3)), np.float32)
    return apart_from_middle(middles), float(cells.std((1, 3)).mean())


def _bar_codes(gray: Pixels) -> list[Code]:
    """Find places where all bars run in one direction, and read across them."""
    mask, one, other = _one_way(gray)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    found = []
    for label in range(1, count):
        left, top, width, height, size = boxes[label].tolist()
        if size < 2 * OPTIONS.window**2:
            continue
        box = np.s_[top : top + height, left : left + width]
        y, x = np.nonzero(labels[box] == label)
        angles = 0.5 * np.arctan2(one[box][y, x], other[box][y, x]) % np.pi
        code = _bar_code(gray, np.c_[x + left, y + top], float(np.median(angles)))
        if code is not None:
            found.append(code)
    return found


def _one_way(gray: Pixels) -> tuple[npt.NDArray[np.bool_], Plane, Plane]:
    """Return where gradients have one direction and are strong, and sine and cosine of twice its angle, both
    in the same unit."""
    plane = gray.astype(np.float32)
    dx, dy = (cv2.Sobel(plane, cv2.CV_32F, *order, scale=0.125) for order in ((1, 0), (0, 1)))
    box = (OPTIONS.window, OPTIONS.window)
    xx, yy, xy = (cv2.boxFilter(product, -1, box) for product in (dx * dx, dy * dy, dx * dy))
    total, apart, twice = xx + yy, xx - yy, 2 * xy
    coherence = np.sqrt(apart**2 + 4 * xy * xy) / np.maximum(total, 1e-3)
    mean, squares = cv2.boxFilter(plane, -1, box), cv2.boxFilter(plane * plane, -1, box)
    strong = np.sqrt(np.maximum(squares - mean * mean, 0)) > OPTIONS.contrast
    return (coherence > OPTIONS.coherence) & strong, np.asarray(twice), np.asarray(apart)


def _bar_code(gray: Pixels, points: npt.NDArray[np.intp], angle: float) -> Code | None:
    """Return the bar code in a region, (N, 2) points, whose gradients point to `angle`; None if it is not
    one."""
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    low, high = (points @ along).min() - OPTIONS.window, (points @ along).max() + OPTIONS.window
    top, bottom = np.quantile(points @ across, [OPTIONS.core, 1 - OPTIONS.core])
    width, height = int(high - low), int(bottom - top)
    if height < 4 or width < 2 * OPTIONS.bars:
        return None
    fine = 4
    to_gray = np.array(
        [
            [along[0] / fine, across[0], low * along[0] + top * across[0]],
            [along[1] / fine, across[1], low * along[1] + top * across[1]],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    strip = cv2.warpAffine(
        gray, to_gray, (width * fine, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    read = _read_bars(np.asarray(strip, np.float32))
    if read is None:
        return None
    first, last, modules = read
    ends = [low + first / fine, low + last / fine]
    quad = [
        e * along + s * across
        for e, s in ((ends[0], top), (ends[1], top), (ends[1], bottom), (ends[0], bottom))
    ]
    return Code("bar", np.array(quad), modules[None], np.ones_like(modules[None]))


def _read_bars(strip: Plane) -> tuple[int, int, npt.NDArray[np.bool_]] | None:
    """Return where the bars of a strip begin and end, and their modules."""
    profile = strip.mean(0)
    low, high = np.quantile(profile, [OPTIONS.tails, 1 - OPTIONS.tails])
    if high - low < 2 * OPTIONS.contrast or strip.std(0).mean() > OPTIONS.streaks * (high - low):
        return None
    dark = profile < (low + high) / 2
    edges = np.flatnonzero(np.diff(dark)) + 1
    if not dark.any() or len(edges) < OPTIONS.bars:
        return None
    inside = edges if not dark[0] else edges[1:]
    if dark[-1]:
        inside = inside[:-1]
    runs = np.diff(inside)
    if len(runs) < OPTIONS.bars:
        return None
    module = _module(runs)
    widths = np.maximum(np.rint(runs / module), 1).astype(int)
    least, most = OPTIONS.single
    ragged = np.abs(runs / module - widths).mean()
    if (
        ragged > OPTIONS.ragged
        or widths.max() > OPTIONS.widest
        or not least <= float((widths == 1).mean()) <= most
    ):
        return None
    modules = np.repeat(np.arange(len(widths)) % 2 == 0, widths)
    return int(inside[0]), int(inside[-1]), modules


def _module(runs: npt.NDArray[np.intp]) -> float:
    """Return the width of a module: the one whose whole multiples fit the runs best."""
    tries = np.linspace(*OPTIONS.tried) * float(np.quantile(runs, OPTIONS.narrow))
    return float(min(tries, key=lambda m: float(np.abs(runs / m - np.maximum(np.rint(runs / m), 1)).mean())))
