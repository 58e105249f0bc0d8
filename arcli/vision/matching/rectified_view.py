"""The rectified view of a candidate's place: size and tilt no longer hide its keypoints, so more of them show
whether it is there.
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
from arcli.vision.matching.verify import VerifyOptions, places, supporters
from arcli.vision.opencv import cv2

Pixels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RectifiedOptions:
    """What counts in the rectified view (docs/appendix/recognition.md, step 6).

    keypoints: the most that are extracted (300 to 800). near: px that a match may be off (2 to 5): less than
    in a photo. finer: with more px of the photo per px of the target, the photo is shrunk first (1.2 to 2).
    """

    keypoints: int = 500
    near: float = 4.0
    finer: float = 1.4


OPTIONS = RectifiedOptions()


def rectified_inliers(photo: Pixels, homography: Matrix, target: Features) -> int:
    """Count matches at distinct places that agree with `homography` in position, scale and angle.

    A photo of the target has several times those of the first verification where that was small, blurred or
    oblique; a picture that merely resembles it has no more than before (docs/appendix/recognition.md).
    """
    options = VerifyOptions(ransac_th=OPTIONS.near)
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
