"""Kinds of pictures that are mistaken for each other, or not found, however many details they have: codes,
pages of nothing but text, dials and grids (docs/appendix/score.md, "Kinds of pictures"). Each is a hint,
whatever the level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.models import Hint
from arcli.vision import geometry
from arcli.vision.codes.search import black_and_white, find_codes
from arcli.vision.features.extract import resized, shrink
from arcli.vision.opencv import cv2
from arcli.vision.rating.traits import repetition

Pixels = npt.NDArray[np.uint8]

QR_CODE = Hint(
    code="qr_code",
    message="a QR code: those of one family share their marks",
    advice="put a picture beside it, or give it a match ratio of 0.999",
)
BAR_CODE = Hint(
    code="bar_code",
    message="a bar code: those of one family share most of their bars",
    advice="put a picture beside it, or give it a match ratio of 0.999",
)
MATRIX_CODE = Hint(
    code="matrix_code",
    message="a Data Matrix, Aztec or PDF417 code: those of one family share their marks",
    advice="put a picture beside it, or give it a match ratio of 0.999",
)
TEXT = Hint(
    code="text",
    message="a page of nothing but text: letters repeat, and are lost at a distance",
    advice="add a picture, or words in large letters",
)
DIAL = Hint(
    code="dial",
    message="a dial: another with the same numerals is mistaken for it at any threshold",
    advice="add what no other dial has: a name, a picture, colours",
)
GRID = Hint(
    code="grid",
    message="a grid: each place looks like the next, and it is hardly found in photos",
    advice="use another picture, or put one on it",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOptions:
    """When a picture is of a kind (docs/appendix/score.md, "Kinds of pictures").

    dense: share of black and white detail from which a thumbnail is searched for codes (.05 to .2): an EAN
    alone had .33, a sign with a QR code .17. in_code: share of the keypoints that lie in codes (.3 to .8).
    plain: share of a thumbnail near its most frequent gray, below which it is no page (.4 to .8), plainer: no
    dial. repeated: share of keypoints that look like others, below which it is neither (.1 to .4),
    repeated_letters: no page (.5 to .98: a printed shirt had .8). side: px of the long side at which letters
    are counted (320 to 640), levels: of gray from paper to ink (30 to 80). letters, lines: the fewest on a
    page (80 to 300, 5 to 15); gaps: share of rows without ink (.3 to .6); large: share of the ink that may be
    in larger things (.02 to .1): covers of books with few pictures had .1 or 114 letters. ticks: share of the
    changes around a circle that repeat 8 to 60 times, beyond chance: dials had at least .56, checkerboards
    .33, others at most .2. crossing: share of a picture's variance that rows and columns alone explain: grids
    had 1.00, bars .96, others at most .99.

    Chosen with these on the same pictures: code_side (320 to 640): px in which codes are searched. around,
    around_bars (0 to .3, .5 to 2): how far the keypoints of a code reach beyond it, in its size. near (15 to
    40): gray levels from the ground that are still ground, which is the middle of `ground` (11 to 41) levels.
    tall, wide (.04 to .1, .15 to .4): shares of `side` that a letter stays below. full (.05 to .2): share of
    the ink of a full row, the one at `fullest` (.8 to .95), from which a row has ink. dial_side (192 to 400):
    px in which a circle is searched, by OpenCV's parameters in `hough`, with a radius of the shares `radius`
    of the sides. rim (40 to 64): the part that is divided, in 64ths of the radius, read in 360 directions up
    to `beyond` (1 to 1.2) radii; series: by how many.
    """

    dense: float = 0.12
    in_code: float = 0.4
    plain: float = 0.5
    plainer: float = 0.65
    repeated: float = 0.25
    repeated_letters: float = 0.9
    side: int = 480
    levels: int = 50
    letters: int = 150
    lines: int = 8
    gaps: float = 0.4
    large: float = 0.05
    ticks: float = 0.45
    crossing: float = 0.993
    code_side: int = 400
    around: float = 0.1
    around_bars: float = 1.2
    near: int = 25
    ground: int = 21
    tall: float = 0.06
    wide: float = 0.25
    full: float = 0.12
    fullest: float = 0.9
    dial_side: int = 256
    hough: tuple[float, float, float, float] = (1.5, 60, 150, 60)
    radius: tuple[float, float] = (0.22, 0.55)
    rim: tuple[int, int] = (44, 62)
    beyond: float = 1.05
    series: tuple[int, ...] = (8, 10, 12, 16, 20, 24, 36, 60)


OPTIONS = KindOptions()


def kind_hints(pixels: Pixels, features: Features) -> Iterator[Hint]:
    """Yield hints on the kind of a gallery picture, (H, W, 3) BGR of up to 640 px. Takes 1 ms for most."""
    small = shrink(pixels, 128)
    if black_and_white(small) >= OPTIONS.dense:
        yield from _codes(pixels, features)
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    if _crossing(gray) >= OPTIONS.crossing:
        yield GRID
    plain = float((np.abs(gray.astype(np.int16) - _ground(gray)) < OPTIONS.near).mean())
    repeated = repetition(features) if plain >= OPTIONS.plain else 0.0
    if repeated >= OPTIONS.repeated:
        whole = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
        if plain >= OPTIONS.plainer and _ticks(whole) >= OPTIONS.ticks:
            yield DIAL
        elif repeated >= OPTIONS.repeated_letters and _is_text(whole):
            yield TEXT


def _codes(pixels: Pixels, features: Features) -> Iterator[Hint]:
    pixels = shrink(pixels, OPTIONS.code_side)
    codes = find_codes(pixels)
    scale = geometry.scaling(geometry.pixel_size(pixels), features.image_size)
    within = np.zeros(len(features), bool)
    for code in codes:
        beyond = OPTIONS.around_bars if code.kind == "bar" else OPTIONS.around
        within |= geometry.inside(features.keypoints[:, :2], code.moved(scale).around(beyond))
    if codes and within.mean() >= OPTIONS.in_code:
        kinds = {code.kind for code in codes}
        hints = {"qr": QR_CODE, "bar": BAR_CODE, "matrix": MATRIX_CODE}
        yield from (hint for kind, hint in hints.items() if kind in kinds)


def _crossing(gray: Pixels) -> float:
    """Return the share of variance that two products of a row and a column explain."""
    plane = resized(gray, (64, 64)).astype(np.float32)
    values = np.linalg.svd(plane - plane.mean(), compute_uv=False) ** 2
    return float(values[:2].sum() / max(float(values.sum()), 1e-6))


def _ground(gray: Pixels) -> int:
    return int(
        np.convolve(np.bincount(gray.ravel(), minlength=256), np.ones(OPTIONS.ground), "same").argmax()
    )


def _is_text(gray: Pixels) -> bool:
    """Say whether nearly all ink is in letters, and the letters are in lines."""
    width, height = geometry.pixel_size(gray)
    factor = OPTIONS.side / max(width, height)
    gray = resized(gray, (max(1, round(width * factor)), max(1, round(height * factor))))
    ink = np.abs(gray.astype(np.int16) - _ground(gray)) >= OPTIONS.levels
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8))
    wide, tall, area = (boxes[1:, k] for k in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    larger = (tall > OPTIONS.tall * OPTIONS.side) | (wide > OPTIONS.wide * OPTIONS.side)
    letters = ~larger & (area >= 4)
    if letters.sum() < OPTIONS.letters or area[larger].sum() > OPTIONS.large * area.sum():
        return False
    rows = np.isin(labels, 1 + np.flatnonzero(letters)).sum(1)
    full = OPTIONS.full * float(np.quantile(rows, OPTIONS.fullest))
    lines = int((np.diff((rows > full).astype(int)) > 0).sum())
    return lines >= OPTIONS.lines and float((rows <= full).mean()) >= OPTIONS.gaps


def _ticks(gray: Pixels) -> float:
    """Return how regularly a circle that fills much of the picture is divided, 0 if there is none."""
    small = shrink(gray, OPTIONS.dial_side)
    blurred = cv2.GaussianBlur(small, (0, 0), 1)
    low, high = OPTIONS.radius
    least, most = int(low * min(small.shape)), int(high * max(small.shape))
    finer, apart, edge, votes = OPTIONS.hough
    found = cv2.HoughCircles(
        blurred, cv2.HOUGH_GRADIENT, finer, apart, param1=edge, param2=votes, minRadius=least, maxRadius=most
    )
    if found is None:
        return 0.0
    return max(_regularity(small, *map(float, circle[:3])) for circle in found.reshape(-1, 3)[:3])


def _regularity(gray: Pixels, x: float, y: float, radius: float) -> float:
    """Return the share of the changes along a circle's rim in one series of harmonics, beyond chance."""
    unrolled = cv2.warpPolar(gray, (64, 360), (x, y), radius * OPTIONS.beyond, cv2.INTER_LINEAR).astype(
        np.float32
    )
    rim = unrolled[:, slice(*OPTIONS.rim)]
    change = np.abs(np.diff(rim, axis=0, append=rim[:1])).mean(1)
    power = np.abs(np.fft.rfft(change - change.mean())) ** 2
    total = max(float(power.sum()), 1e-6)
    return max(float(power[n::n].sum()) / total - 1 / n for n in OPTIONS.series)
