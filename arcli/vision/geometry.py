"""Points and quads: moving between picture sizes, projecting, and what a target can look like in a photo."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arcli.vision.opencv import cv2

Points = npt.NDArray[np.float64]
Size = tuple[int, int]


def scale_points(points: npt.ArrayLike, source: Size, destination: Size) -> Points:
    """Move (N, 2) points between two sizes (w, h) of one picture; pixel areas map, not pixel centres."""
    factor = np.asarray(destination, np.float64) / np.asarray(source, np.float64)
    return np.asarray((np.asarray(points, np.float64) + 0.5) * factor - 0.5)


def pixel_size(pixels: npt.NDArray[np.uint8]) -> Size:
    """Return the (w, h) of (H, W, ...) pixels."""
    return pixels.shape[1], pixels.shape[0]


def scaling(source: Size, destination: Size) -> npt.NDArray[np.float64]:
    """Return `scale_points` as a (3, 3)."""
    x, y = destination[0] / source[0], destination[1] / source[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def corners(size: Size) -> Points:
    """Return the (4, 2) outer corners of a picture, clockwise from the top-left."""
    right, bottom = size[0] - 0.5, size[1] - 0.5
    return np.array([(-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom)])


def project(homography: npt.NDArray[np.float64], points: npt.ArrayLike) -> tuple[Points, Points]:
    """Apply a (3, 3) homography to (N, 2) points; also return the (N,) denominators."""
    mapped = homogeneous(points) @ homography.T
    weight = mapped[:, 2]
    with np.errstate(all="ignore"):
        return mapped[:, :2] / weight[:, None], weight


def homogeneous(points: npt.ArrayLike) -> Points:
    """Return (N, 2) points as (N, 3) float64 with a 1 each; np.c_ takes ten times as long."""
    pairs = np.asarray(points, np.float64)
    found = np.ones((len(pairs), 3))
    found[:, :2] = pairs
    return found


def area(quad: Points) -> float:
    """Signed area: positive when the corners run clockwise on the screen (y down)."""
    x, y = quad[:, 0], quad[:, 1]
    return float(0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def plausible(quad: Points, photo: Size, *, min_area: float, max_stretch: float) -> bool:
    """Say whether a flat picture can look like this in a photo of size (w, h): convex, not mirrored,
    not degenerate, and not far beyond the photo."""
    if not np.isfinite(quad).all() or np.abs(quad).max() > 5 * max(photo):
        return False
    sides = np.roll(quad, -1, 0) - quad
    turns = sides[:, 0] * np.roll(sides[:, 1], -1) - sides[:, 1] * np.roll(sides[:, 0], -1)
    if (turns <= 0).any() or area(quad) < min_area * photo[0] * photo[1]:
        return False
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    opposite = lengths[:2] / lengths[2:]
    return bool((opposite < max_stretch).all() and (opposite > 1 / max_stretch).all())


def inside(points: npt.ArrayLike, quad: Points) -> npt.NDArray[np.bool_]:
    """Say which of (N, 2) points lie in a convex quad whose corners run clockwise on the screen."""
    x, y = np.asarray(points, np.float64).T
    sides = np.roll(quad, -1, 0) - quad
    turns = [sx * (y - qy) - sy * (x - qx) for (qx, qy), (sx, sy) in zip(quad, sides, strict=True)]
    return np.asarray(np.all(np.asarray(turns) >= 0, axis=0))


def overlap(quad: Points, size: Size) -> float:
    """Return intersection over union of a convex quad and a picture of size (w, h)."""
    return quad_overlap(quad, corners(size))


def quad_overlap(first: Points, second: Points) -> float:
    """Return intersection over union of two convex quads."""
    shared, _ = cv2.intersectConvexConvex(first.astype(np.float32), second.astype(np.float32))
    return float(shared / max(area(first) + area(second) - shared, 1e-9))
