"""One picture laid upon another to a fraction of a pixel: by a smooth warp, or by a homography.

A homography of keypoints is off by a pixel or two, and a label around a bottle is no plane: what differs in a
picture is to be compared there, not what is shifted. A warp is a polynomial, found by Gauss-Newton steps on
the pixels (Lucas and Kanade 1981; Baker and Matthews, IJCV 2004), so it cannot move one title to another. The
exact place of a target is found by the same steps, the homography itself being what they move.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arcli.vision import geometry
from arcli.vision.features.extract import in_gray
from arcli.vision.opencv import cv2
from arcli.vision.scoring.appearance import Image, Plane, blurred, covered, holds

Coefficients = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]


class Layer(NamedTuple):
    """A picture on the grid of another: (h, w, 3) BGR float32, 0 to 1, and 1 where it is seen."""

    pixels: Plane
    inside: Plane

    @property
    def gray(self) -> Plane:
        """(h, w) lightness, 0 to 1."""
        return np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_BGR2GRAY), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class WarpOptions:
    """How far a warp bends (docs/appendix/recognition.md, "Look-alikes, and many targets").

    degree: of the polynomials of x and y (1 to 4). blurs: of the steps, in half pixels (1 to 4); a step
    finds shifts of about its blur. strange: part of the local contrast that a place may be off by until it
    counts for half (.3 to 1.5): what differs does not draw the warp to it. stiff: ridge, in parts of the
    mean (1e-4 to 1e-2). leap: the longest step, in blurs (2 to 5).
    """

    degree: int
    blurs: tuple[float, ...]
    strange: float = 0.7
    stiff: float = 1e-3
    leap: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailOptions:
    """What a warp compares: detail, at the contrast that it has in its neighbourhood.

    band: it lies between a blur and so many times that (1.5 to 4). around: blurs within which its contrast is
    taken, and half pixels at least (3 to 8). whole: from which a pixel of a mask that was moved is whole (.9
    to .999).
    """

    band: float = 2.5
    around: float = 5.0
    whole: float = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOptions:
    """How a target's thumbnail is laid upon its place in a photo (docs/appendix/recognition.md, step 10).

    steps: blur in px of the thumbnail (.5 to 4), and as `strange` of a warp (.2 to 1): what covers a picture,
    or does not lie in its plane, is recognised the better the closer the rest lies. oversampled: the photo is
    read at so many times the thumbnail's size, then averaged (1 to 3). stiff, leap: as of a warp. seen: share
    of the thumbnail that must lie in the photo (.1 to .5). same: least intersection over union with the place
    that was known (.6 to .9). worse: steps may leave so many times the difference that there was (1 to 1.3).
    smallest: px, the shortest side of a thumbnail that is tried (4 to 16).
    """

    steps: tuple[tuple[float, float], ...] = ((2.0, 0.7), (2.0, 0.5), (1.0, 0.35), (1.0, 0.25), (0.7, 0.2))
    oversampled: int = 2
    stiff: float = 1e-4
    leap: float = 3.0
    seen: float = 0.2
    same: float = 0.8
    worse: float = 1.1
    smallest: int = 8


DETAIL = DetailOptions()
PLACE = PlaceOptions()
BETWEEN_TARGETS = WarpOptions(degree=2, blurs=(2.0, 1.0, 1.0))
OF_A_PHOTO = WarpOptions(degree=3, blurs=(2.5, 1.5, 1.0))
_UNIT = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
_FAINT = np.float32(0.01)  # contrast that a flat place counts as if it had


def laid_upon(source: Layer, model: Plane, inside: Plane, options: WarpOptions) -> Layer:
    """Return `source` as it lies upon (h, w) `model`, which is known where `inside` is 1."""
    small = Layer(_halved(source.pixels), _whole(_halved(source.inside)))
    gray, goal, known = small.gray, _halved(model), _whole(_halved(inside))
    height, width = goal.shape
    basis = _polynomials(height, width, options.degree)
    found = np.zeros((basis.shape[1], 2), np.float32)
    for blur in options.blurs:
        moved, seen = (_moved(each, basis @ found) for each in (gray, small.inside))
        seen = _whole(seen)
        one, other = _evened(goal, known, blur), _evened(moved, seen, blur)
        found += _step(basis, one - other, other, seen * known, blur, options)
    shift = _polynomials(*model.shape, options.degree) @ (2 * found)
    return Layer(_moved(source.pixels, shift), _whole(_moved(source.inside, shift)))


def aligned(photo: Image, homography: Matrix, size: geometry.Size, thumbnail: Image) -> Matrix | None:
    """Return a more exact homography from a target to a photo; None if the pixels do not confirm the place.

    photo: (H, W) gray. homography: (3, 3), from pixels of the target's `size` (w, h) to those of `photo`.
    thumbnail: (h, w, 3) BGR of the target. Never raises. On 226 simulated photos it brings the median error
    of the corners from .70 to .16 px of a photo of 800 px, in a sixth of the time of another extraction.
    """
    small = geometry.pixel_size(thumbnail)
    if min(small) < PLACE.smallest:
        return None
    to_target = geometry.scaling(small, size)
    model = zero_to_one(in_gray(thumbnail))
    everywhere = np.ones(model.shape, np.float32)
    goals = {blur: _evened(model, everywhere, blur) for blur in {blur for blur, _ in PLACE.steps}}
    missed = dict[float, float]()
    with np.errstate(all="ignore"):
        finer, to_photo = _as_fine(photo, homography @ to_target, small)
        place = np.linalg.inv(to_photo) @ homography @ to_target
        for blur, strange in PLACE.steps:
            seen, inside = _read(finer, place, small)
            if inside.mean() < PLACE.seen:
                return None
            picture = _evened(seen, inside, blur)
            miss = goals[blur] - picture
            left = 1 - float(_trusted(miss, inside, PLACE.steps[0][1]).sum() / inside.sum())
            nudge = _nudge(miss, picture, _trusted(miss, inside, strange), PLACE.leap * blur)
            if nudge is None or left > PLACE.worse * missed.setdefault(blur, left):
                return None
            place = place @ nudge
    exact = to_photo @ place @ np.linalg.inv(to_target)
    if not np.isfinite(exact).all() or abs(exact[2, 2]) < 1e-12:
        return None
    before, after = (geometry.project(each, geometry.corners(size)) for each in (homography, exact))
    if (after[1] <= 0).any() or geometry.quad_overlap(after[0], before[0]) < PLACE.same:
        return None
    return np.asarray(exact / exact[2, 2])


def zero_to_one(pixels: Image) -> Plane:
    """Return pixels from 0 to 1."""
    return pixels.astype(np.float32) / np.float32(255)


def _as_fine(photo: Image, place: Matrix, size: geometry.Size) -> tuple[Image, Matrix]:
    """Return a photo shrunk so that reading a thumbnail of `size` skips few pixels, and the (3, 3) back."""
    quad, _ = geometry.project(place, geometry.corners(size))
    finer = np.sqrt(abs(geometry.area(quad)) / np.prod(size)) / PLACE.oversampled
    width, height = geometry.pixel_size(photo)
    if not 2 <= finer < min(width, height):
        return photo, np.eye(3)
    times = int(finer)  # shrinking by a whole number takes a fifth of the time
    smaller = width // times, height // times
    shrunk = cv2.resize(
        photo[: smaller[1] * times, : smaller[0] * times], smaller, interpolation=cv2.INTER_AREA
    )
    return np.asarray(shrunk, np.uint8), geometry.scaling((1, 1), (times, times))


def _read(photo: Image, place: Matrix, size: geometry.Size) -> tuple[Plane, Plane]:
    """Return the (h, w) gray of a place in the photo, 0 to 1, and 1 where that is inside."""
    fine = size[0] * PLACE.oversampled, size[1] * PLACE.oversampled
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = cv2.warpPerspective(photo, place @ geometry.scaling(fine, size), fine, flags=flags)
    small = zero_to_one(np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_AREA), np.uint8))
    if holds(geometry.pixel_size(photo), place, size):
        return small, np.ones(small.shape, np.float32)
    mask = cv2.warpPerspective(np.full(photo.shape, 255, np.uint8), place, size, flags=flags)
    return small, covered(np.asarray(mask, np.uint8))


def _trusted(miss: Plane, seen: Plane, strange: float) -> Plane:
    """Return the weights of pixels, which are the less the more is missed (Geman and McClure 1985)."""
    return np.asarray(seen / (1 + (miss / np.float32(strange)) ** 2), np.float32)


def _nudge(miss: Plane, picture: Plane, weights: Plane, longest: float) -> Matrix | None:
    """Return the (3, 3) that moves pixels of a thumbnail to where `picture` has what is missed, none of them
    by more than `longest`; None if nothing can be found."""
    height, width = miss.shape
    half = np.array([(width - 1) / 2, (height - 1) / 2])
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    slopes = [cv2.Sobel(picture, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1))]
    across, down = (slope * np.float32(unit) for slope, unit in zip(slopes, half, strict=True))
    both = x * across + y * down
    terms = (across, x * across, y * across, down, x * down, y * down, x * both, y * both)
    step = _solved(np.stack(terms).reshape(8, -1), miss.ravel(), weights.ravel(), PLACE.stiff)
    if step is None:
        return None
    moved, weight = geometry.project(_moving(step), _UNIT)
    farthest = float((np.abs(moved - _UNIT) * half).max())
    if not (weight > 0).all() or not np.isfinite(farthest):
        return None
    unit = np.array([[1 / half[0], 0, -1], [0, 1 / half[1], -1], [0, 0, 1]])
    return np.asarray(np.linalg.inv(unit) @ _moving(step * min(1.0, longest / max(farthest, 1e-6))) @ unit)


def _moving(step: Matrix) -> Matrix:
    """Return the homography of a step, in coordinates from -1 to 1."""
    a, b, c, d, e, f, g, h = step
    return np.array([[1 + b, c, a], [e, 1 + f, d], [-g, -h, 1]])


def _solved(columns: Plane, left: Plane, weights: Plane, stiff: float) -> Matrix | None:
    """Return the K unknowns of a weighted least-squares problem with a ridge; columns: (K, n)."""
    weighted = columns * weights
    normal = np.asarray(weighted @ columns.T, np.float64)
    normal += (stiff * np.trace(normal) / len(normal) + 1e-9) * np.eye(len(normal))
    try:
        return np.asarray(np.linalg.solve(normal, np.asarray(weighted @ left, np.float64)))
    except np.linalg.LinAlgError:
        return None


def _step(
    basis: Plane, miss: Plane, picture: Plane, seen: Plane, blur: float, options: WarpOptions
) -> Coefficients:
    """Return by how much the (K, 2) coefficients are off, from what is still missed."""
    slopes = [cv2.Sobel(picture, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1))]
    thin = np.s_[::2, ::2]
    terms = basis.reshape(*miss.shape, -1)[thin].reshape(-1, basis.shape[1])
    columns = np.concatenate([terms * slope[thin].reshape(-1, 1) for slope in slopes], axis=1)
    left = miss[thin].ravel()
    weighted = columns * (seen[thin].ravel() / (1 + (left / np.float32(options.strange)) ** 2))[:, None]
    normal = np.asarray(weighted.T @ columns, np.float64)
    normal += (options.stiff * np.trace(normal) / len(normal) + 1) * np.eye(len(normal))
    step = np.linalg.solve(normal, weighted.T @ left).reshape(2, -1).T.astype(np.float32)
    longest = float(np.abs(basis @ step).max())
    return np.asarray(step * np.float32(min(1.0, options.leap * blur / max(longest, 1e-6))), np.float32)


def _evened(plane: Plane, inside: Plane, blur: float) -> Plane:
    """Return the detail of a plane at the contrast that it has around each place: light does not count."""
    band = inside * (blurred(plane, inside, blur) - blurred(plane, inside, DETAIL.band * blur))
    side = 2 * round(max(DETAIL.around * blur, DETAIL.around)) + 1
    squares = np.maximum(cv2.blur(band * band, (side, side)), 0)
    if not inside.all():
        squares /= np.maximum(cv2.blur(inside, (side, side)), 1e-3)
    return np.asarray(band / (np.sqrt(squares) + _FAINT), np.float32)


def _whole(mask: Plane) -> Plane:
    """Return 1 where a mask that was resized or moved is whole, else 0."""
    return np.asarray(mask > DETAIL.whole, np.float32)


def _halved(plane: Plane) -> Plane:
    height, width = plane.shape[:2]
    half = cv2.resize(plane, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.float32)


def _moved(plane: Plane, shift: Plane) -> Plane:
    """Return a plane read at each place plus its (h * w, 2) shift in px."""
    height, width = plane.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    dx, dy = (shift[:, axis].reshape(height, width) for axis in (0, 1))
    mode = cv2.BORDER_REPLICATE if plane.ndim == 3 else cv2.BORDER_CONSTANT
    return np.asarray(cv2.remap(plane, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=mode), np.float32)


@lru_cache(maxsize=32)
def _polynomials(height: int, width: int, degree: int) -> Plane:
    """Return (h * w, K): the products of powers of x and y, each from -1 to 1."""
    x, y = np.meshgrid(
        np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    )
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    return np.stack([(x**i * y**j).ravel() for i, j in powers], axis=1)
