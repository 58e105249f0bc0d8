"""A candidate looked at again, from the front: size and tilt no longer hide its keypoints, so more of them
say whether it is there and where, and each more exactly.
"""

from __future__ import annotations

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

_TILTED = 1.2  # longest to shortest of what a small circle becomes
_FEW = 50  # inliers that say where a target is; with more the corners hardly move (docs/recognition.md)
_KEYPOINTS = 500
_NEAR = 4.0, 3.0  # px, at first and at last: nearer than for the first fit
_FINER = 1.4  # px of the photo for one of the target
_SAME = 0.8  # intersection over union with the place that was known

Pixels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]


def deserves_it(homography: Matrix, target: Features, num_inliers: int) -> bool:
    """Say whether the corners are likely to be more than a pixel off: tilted, or by few inliers."""
    return num_inliers < _FEW or _stretch(homography, target.image_size) > _TILTED


def from_the_front(photo: Pixels, homography: Matrix, target: Features) -> Matrix | None:
    """Return a more exact homography from `target` to `photo`, None where this look does not confirm it.

    photo: (H, W, 3) BGR. homography: (3, 3), to pixels of `photo`.
    """
    nudge = refit(_seen(photo, homography, target), target, Fit(np.eye(3), *_NEAR))
    if nudge is None:
        return None
    corners = geometry.corners(target.image_size)
    moved, weight = geometry.project(nudge, corners)
    if (weight <= 0).any() or geometry.quad_overlap(moved, corners) < _SAME:
        return None
    better = homography @ nudge
    return np.asarray(better / better[2, 2])


def inliers_from_the_front(photo: Pixels, homography: Matrix, target: Features) -> int:
    """Count matches at distinct places that are where `homography` says, scale and angle too.

    A photo of the target has several times those of the first look where that was small, blurred or oblique;
    a picture that merely resembles it has no more than before (docs/recognition.md).
    """
    options = VerifyOptions(ransac_th=_NEAR[0])
    seen = _seen(photo, homography, target)
    matches = match(seen.codes, target.codes, options.ratio)
    found, known = seen.keypoints[matches.query], target.keypoints[matches.target]
    near = supporters(np.eye(3), found, known, options)
    return min(places(known[near, :2]), places(found[near, :2]))


def _seen(photo: Pixels, homography: Matrix, target: Features) -> Features:
    """Return the keypoints of the target's place, warped to the size that its features are of."""
    quad, _ = geometry.project(homography, geometry.corners(target.image_size))
    finer = np.sqrt(geometry.area(quad) / np.prod(target.image_size))
    if finer > _FINER:  # warping would leave pixels out
        size = geometry.pixel_size(photo)
        smaller = round(size[0] / finer), round(size[1] / finer)
        photo = np.asarray(cv2.resize(photo, smaller, interpolation=cv2.INTER_AREA), np.uint8)
        homography = geometry.scaling(size, smaller) @ homography
    view = cv2.warpPerspective(
        photo, homography, target.image_size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    front = np.asarray(view, np.uint8)
    return extract(front, max_side=max(target.image_size), max_keypoints=_KEYPOINTS, contrast=FAINT)


def _stretch(homography: Matrix, size: geometry.Size) -> float:
    """Return what tilt makes of a small circle in the middle: its longest to its shortest diameter."""
    mapped = homography @ (size[0] / 2, size[1] / 2, 1.0)
    jacobian = (homography[:2, :2] - np.outer(mapped[:2] / mapped[2], homography[2, :2])) / mapped[2]
    longest, shortest = np.linalg.svd(jacobian)[1]
    return float(longest / max(shortest, 1e-9))
