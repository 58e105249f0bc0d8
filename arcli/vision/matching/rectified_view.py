"""The rectified view of a candidate's place: size and tilt no longer hide its keypoints, so more of
them show whether it is there and where, and each more exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.vision import geometry
from arcli.vision.features.extract import extract
from arcli.vision.features.options import FAINT
from arcli.vision.matching.match import match
from arcli.vision.matching.refine import Fit, refit
from arcli.vision.matching.verify import VerifyOptions, places, supporters
from arcli.vision.opencv import cv2

Pixels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RectifiedOptions:
    """When a place is rectified, and what counts in the rectified view (docs/appendix/recognition.md,
    steps 6 and 10).

    tilted: a place counts as tilted when a small circle becomes an ellipse with this ratio of axes (1.1 to
    1.5). few: a place with fewer inliers is rectified (30 to 80); with more the corners hardly move.
    keypoints: the most that are extracted (300 to 800). first, last: px that a match may be off in the first
    and in the last fit (2 to 5): less than in a photo. finer: with more px of the photo per px of the target,
    the photo is shrunk first (1.2 to 2). same: least intersection over union with the place that was known
    (.6 to .9).
    """

    tilted: float = 1.2
    few: int = 50
    keypoints: int = 500
    first: float = 4.0
    last: float = 3.0
    finer: float = 1.4
    same: float = 0.8


OPTIONS = RectifiedOptions()


def worth_rectifying(homography: Matrix, target: Features, num_inliers: int) -> bool:
    """Say whether the corners are likely to be more than a pixel off: a tilted place, or few inliers."""
    return num_inliers < OPTIONS.few or _stretch(homography, target.image_size) > OPTIONS.tilted


def rectified_homography(photo: Pixels, homography: Matrix, target: Features) -> Matrix | None:
    """Return a more exact homography from `target` to `photo`, None if the rectified view refutes it.

    photo: (H, W, 3) BGR. homography: (3, 3), to pixels of `photo`.
    """
    nudge = refit(_seen(photo, homography, target), target, Fit(np.eye(3), OPTIONS.first, OPTIONS.last))
    if nudge is None:
        return None
    corners = geometry.corners(target.image_size)
    moved, weight = geometry.project(nudge, corners)
    if (weight <= 0).any() or geometry.quad_overlap(moved, corners) < OPTIONS.same:
        return None
    better = homography @ nudge
    return np.asarray(better / better[2, 2])


def rectified_inliers(photo: Pixels, homography: Matrix, target: Features) -> int:
    """Count matches at distinct places that agree with `homography` in position, scale and angle.

    A photo of the target has several times those of the first verification where that was small, blurred or
    oblique; a picture that merely resembles it has no more than before (docs/appendix/recognition.md).
    """
    options = VerifyOptions(ransac_th=OPTIONS.first)
    seen = _seen(photo, homography, target)
    matches = match(seen.codes, target.codes, options.ratio)
    found, known = seen.keypoints[matches.query], target.keypoints[matches.target]
    near = supporters(np.eye(3), found, known, options)
    return min(places(known[near, :2]), places(found[near, :2]))


def _seen(photo: Pixels, homography: Matrix, target: Features) -> Features:
    """Return the keypoints of the target's place, warped to the size at which its features were extracted."""
    quad, _ = geometry.project(homography, geometry.corners(target.image_size))
    finer = np.sqrt(geometry.area(quad) / np.prod(target.image_size))
    if finer > OPTIONS.finer:  # warping would skip pixels
        size = geometry.pixel_size(photo)
        smaller = round(size[0] / finer), round(size[1] / finer)
        photo = np.asarray(cv2.resize(photo, smaller, interpolation=cv2.INTER_AREA), np.uint8)
        homography = geometry.scaling(size, smaller) @ homography
    view = cv2.warpPerspective(
        photo, homography, target.image_size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return extract(
        np.asarray(view, np.uint8),
        max_side=max(target.image_size),
        max_keypoints=OPTIONS.keypoints,
        contrast=FAINT,
    )


def _stretch(homography: Matrix, size: geometry.Size) -> float:
    """Return how tilt deforms a small circle in the middle: its longest by its shortest diameter."""
    mapped = homography @ (size[0] / 2, size[1] / 2, 1.0)
    jacobian = (homography[:2, :2] - np.outer(mapped[:2] / mapped[2], homography[2, :2])) / mapped[2]
    longest, shortest = np.linalg.svd(jacobian)[1]
    return float(longest / max(shortest, 1e-9))
