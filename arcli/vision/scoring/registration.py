"""One picture laid upon another to a fraction of a pixel, by a smooth warp.

A homography of keypoints is off by a pixel or two, and a label around a bottle is no plane: what differs in a
picture is to be compared there, not what is shifted. The warp is a polynomial, found by Gauss-Newton steps on
the pixels (Lucas and Kanade 1981; Baker and Matthews, IJCV 2004), so it cannot move one title to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arcli.vision.opencv import cv2
from arcli.vision.scoring.appearance import Plane, blurred

Coefficients = npt.NDArray[np.float32]


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


DETAIL = DetailOptions()
BETWEEN_TARGETS = WarpOptions(degree=2, blurs=(2.0, 1.0, 1.0))
OF_A_PHOTO = WarpOptions(degree=3, blurs=(2.5, 1.5, 1.0))
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
    squares, share = (cv2.blur(each, (side, side)) for each in (band * band, inside))
    return np.asarray(band / (np.sqrt(np.maximum(squares, 0) / np.maximum(share, 1e-3)) + _FAINT), np.float32)


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
