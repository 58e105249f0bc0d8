"""Geometric verification: does one homography explain where a target's keypoints are in the photo?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.vision import geometry
from arcli.vision.match import Matches, match
from arcli.vision.opencv import cv2
from arcli.vision.options import VerifyOptions

_CELL = 2.0  # px: keypoints nearer than this are one place (SIFT repeats a point for each orientation)


class Refusal(StrEnum):
    """Why a candidate cannot be the answer (stable codes)."""

    TOO_FEW_MATCHES = "too_few_matches"
    NO_HOMOGRAPHY = "no_homography"
    IMPLAUSIBLE_QUAD = "implausible_quad"
    TOO_FEW_INLIERS = "too_few_inliers"


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """What verification found. Always complete: what was not reached is None or empty.

    matches: M tentative ones. inliers: (M,) bool. num_inliers: inliers at distinct places. homography:
    (3, 3) float64, target to query, both in pixels at extraction size. quad: (4, 2) in query pixels at
    extraction size, clockwise from the target's top-left. refusal: None when it holds.
    """

    matches: Matches
    inliers: npt.NDArray[np.bool_]
    num_inliers: int
    homography: npt.NDArray[np.float64] | None
    quad: npt.NDArray[np.float64] | None
    refusal: Refusal | None

    @property
    def query_inliers(self) -> npt.NDArray[np.intp]:
        """Indices of the query keypoints that agree."""
        return self.matches.query[self.inliers]

    @property
    def target_inliers(self) -> npt.NDArray[np.intp]:
        """Indices of the target keypoints that agree, in the order of `query_inliers`."""
        return self.matches.target[self.inliers]


def verify(query: Features, target: Features, options: VerifyOptions = VerifyOptions()) -> Verification:
    """Match two pictures' features and fit a homography by MAGSAC++ (Barath et al., CVPR 2020).

    Never raises; equal input gives equal output.
    """
    matches = match(query.codes, target.codes, options.ratio)
    nobody = np.zeros(len(matches), bool)
    if len(matches) < max(4, options.min_matches):
        return Verification(matches, nobody, 0, None, None, Refusal.TOO_FEW_MATCHES)
    seen, known = query.keypoints[matches.query, :2], target.keypoints[matches.target, :2]
    homography, inliers = find_homography(known, seen, options.ransac_th)
    if homography is None:
        return Verification(matches, nobody, 0, None, None, Refusal.NO_HOMOGRAPHY)
    count = min(places(known[inliers]), places(seen[inliers]))
    quad, weight = geometry.project(homography, geometry.corners(target.image_size))
    refusal = None
    if (weight <= 0).any() or not geometry.plausible(
        quad, query.image_size, min_area=options.min_area, max_stretch=options.max_stretch
    ):
        return Verification(matches, inliers, count, homography, None, Refusal.IMPLAUSIBLE_QUAD)
    if count < options.min_inliers:
        refusal = Refusal.TOO_FEW_INLIERS
    return Verification(matches, inliers, count, homography, quad, refusal)


def find_homography(
    source: npt.NDArray[np.float32], destination: npt.NDArray[np.float32], threshold: float
) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.bool_]]:
    """Return a (3, 3) homography with H[2, 2] > 0 and its (N,) inliers, or None and nobody."""
    nobody = np.zeros(len(source), bool)
    if len(source) < 4:
        return None, nobody
    try:
        found, mask = cv2.findHomography(source, destination, cv2.USAC_MAGSAC, threshold)
    except cv2.error:
        return None, nobody
    if found is None or mask is None or not np.isfinite(found).all() or abs(found[2, 2]) < 1e-12:
        return None, nobody
    return np.asarray(found / found[2, 2], np.float64), np.asarray(mask.ravel(), bool)


def places(points: npt.NDArray[np.float32]) -> int:
    """Count distinct places among (N, 2) points."""
    cells = np.rint(points / _CELL).astype(np.int64)
    return len(np.unique(cells[:, 0] * 100_003 + cells[:, 1])) if len(points) else 0
