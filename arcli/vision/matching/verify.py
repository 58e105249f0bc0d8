"""Geometric verification: does one homography explain the positions of a target's keypoints in the photo?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.vision import geometry
from arcli.vision.matching.agreement import AgreementOptions, consistent, largest_group
from arcli.vision.matching.match import NO_MATCHES, Matches, match
from arcli.vision.opencv import cv2


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """What can be tuned; measured in docs/appendix/recognition.md, step 4.

    ratio: nearest to second nearest distance, at most (0.7 to 0.95; .85 measured). ransac_th: px at query
    extraction size (2 to 8; 5 measured). min_matches: with fewer no homography is tried (4 to 12).
    min_inliers: with fewer the candidate is refused (4 to 20). min_area: of the quad, as a share of the photo
    (>= 0). max_stretch: longest to shortest of two opposite sides of the quad. cell: px within which
    keypoints count as one place (1 to 4): SIFT repeats a point for each orientation. glance: how many matches
    must agree at least (3 to 5) among those of glance_keypoints of the query (300 to all), its strongest, by
    the first glance_dims dimensions of the codes (16 to 48), which vary most. 94 % of candidates that the
    photo does not show have fewer, and 5 of 392 right ones.
    """

    ratio: float = 0.85
    ransac_th: float = 5.0
    min_matches: int = 5
    min_inliers: int = 5
    min_area: float = 0.001
    max_stretch: float = 8.0
    cell: float = 2.0
    glance: int = 4
    glance_keypoints: int = 400
    glance_dims: int = 32
    agreement: AgreementOptions = field(default_factory=AgreementOptions)


OPTIONS = VerifyOptions()


class Refusal(StrEnum):
    """Why a candidate cannot be the answer (stable codes)."""

    TOO_FEW_MATCHES = "too_few_matches"
    NO_HOMOGRAPHY = "no_homography"
    IMPLAUSIBLE_QUAD = "implausible_quad"
    TOO_FEW_INLIERS = "too_few_inliers"


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """What verification found. All fields are always set: what was not reached is None or empty.

    matches: M tentative ones. inliers: (M,) bool. basis: (M,) bool, the matches on which homography and
    inliers rest: without any other match they would be the same. num_inliers: inliers at distinct places.
    homography: (3, 3) float64, target to query, both in pixels at extraction size. quad: (4, 2) in query
    pixels at extraction size, clockwise from the target's top-left. refusal: None when it holds.
    """

    matches: Matches
    inliers: npt.NDArray[np.bool_]
    basis: npt.NDArray[np.bool_]
    num_inliers: int
    homography: npt.NDArray[np.float64] | None
    quad: npt.NDArray[np.float64] | None
    refusal: Refusal | None

    def among(
        self, kept: npt.NDArray[np.bool_], matches: Matches, options: VerifyOptions = OPTIONS
    ) -> Verification | None:
        """Return what `verify` finds with the (N,) query keypoints that are `kept` alone; None if only that
        can tell: the basis is not all kept, or others take the place of matches that are not.

        matches: `self.matches.among(kept)`.
        """
        stays = kept[self.matches.query]
        most = options.agreement.most
        more = len(matches) > stays.sum() or (len(stays) > most and not stays[:most].all())
        if more or self.basis[~stays].any():
            return None
        return replace(self, matches=matches, inliers=self.inliers[stays], basis=self.basis[stays])


def verify(
    query: Features,
    target: Features,
    options: VerifyOptions = OPTIONS,
    *,
    glance: bool = False,
    matches: Matches | None = None,
) -> Verification:
    """Match two pictures' features and fit a homography.

    glance: first look at a quarter of what tells; a target that seems not to be there is refused by that.
    matches: those of these features, where they are known.

    The largest group of matches that agree in position, scale and angle goes to MAGSAC++ (Barath et al.,
    CVPR 2020); all matches within `ransac_th` of its homography that agree with it are the inliers.
    Never raises; equal input gives equal output.
    """
    if glance and not _promising(query, target, options):
        nothing = np.zeros(0, bool)
        return Verification(NO_MATCHES, nothing, nothing, 0, None, None, Refusal.NO_HOMOGRAPHY)
    if matches is None:
        matches = match(query.codes, target.codes, options.ratio)
    no_inliers = np.zeros(len(matches), bool)
    if len(matches) < max(4, options.min_matches):
        return Verification(matches, no_inliers, ~no_inliers, 0, None, None, Refusal.TOO_FEW_MATCHES)
    seen, known = query.keypoints[matches.query], target.keypoints[matches.target]
    homography, basis = _fit(seen, known, options)
    if homography is None:
        return Verification(matches, no_inliers, basis, 0, None, None, Refusal.NO_HOMOGRAPHY)
    inliers = supporters(homography, seen, known, options)
    basis |= inliers
    count = min(places(known[inliers, :2]), places(seen[inliers, :2]))
    quad, weight = geometry.project(homography, geometry.corners(target.image_size))
    if (weight <= 0).any() or not geometry.plausible(
        quad, query.image_size, min_area=options.min_area, max_stretch=options.max_stretch
    ):
        return Verification(matches, inliers, basis, count, homography, None, Refusal.IMPLAUSIBLE_QUAD)
    refusal = Refusal.TOO_FEW_INLIERS if count < options.min_inliers else None
    return Verification(matches, inliers, basis, count, homography, quad, refusal)


def _promising(query: Features, target: Features, options: VerifyOptions) -> bool:
    """Say whether a part of the query's keypoints and of the codes has matches that agree."""
    strongest, dims = options.glance_keypoints, options.glance_dims
    matches = match(query.codes[:strongest, :dims], target.codes[:, :dims], options.ratio)
    if len(matches) < options.glance:
        return False
    seen, known = query.keypoints[matches.query], target.keypoints[matches.target]
    return int(largest_group(seen, known, options.agreement).sum()) >= options.glance


def _fit(
    seen: npt.NDArray[np.float32], known: npt.NDArray[np.float32], options: VerifyOptions
) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.bool_]]:
    """Fit a homography to the largest group of (M, 4) matched keypoints, then to all that are near it; also
    return (M,) which were fitted.

    The group ends where a similarity no longer approximates a tilted plane; the second fit reaches further.
    """
    group = largest_group(seen, known, options.agreement)
    first, _ = find_homography(known[group, :2], seen[group, :2], options.ransac_th)
    if first is None:
        return None, group
    wide = supporters(first, seen, known, replace(options, ransac_th=3 * options.ransac_th))
    second, _ = find_homography(known[wide, :2], seen[wide, :2], options.ransac_th)
    return first if second is None else second, group | wide


def supporters(
    homography: npt.NDArray[np.float64],
    seen: npt.NDArray[np.float32],
    known: npt.NDArray[np.float32],
    options: VerifyOptions,
) -> npt.NDArray[np.bool_]:
    """Return (M,) bool: whether each match is near its projection, with the predicted scale and angle."""
    projected, weight = geometry.project(homography, known[:, :2])
    near = np.hypot(*(projected - seen[:, :2]).T) < options.ransac_th
    return np.asarray(near & (weight > 0) & consistent(homography, seen, known, options.agreement))


def find_homography(
    source: npt.NDArray[np.float32], destination: npt.NDArray[np.float32], threshold: float
) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.bool_]]:
    """Return a (3, 3) homography with H[2, 2] > 0 and its (N,) inliers, or None and no inliers."""
    no_inliers = np.zeros(len(source), bool)
    if len(source) < 4:
        return None, no_inliers
    try:
        found, mask = cv2.findHomography(source, destination, cv2.USAC_MAGSAC, threshold)
    except cv2.error:
        return None, no_inliers
    if found is None or mask is None or not np.isfinite(found).all() or abs(found[2, 2]) < 1e-12:
        return None, no_inliers
    return np.asarray(found / found[2, 2], np.float64), np.asarray(mask.ravel(), bool)


def places(points: npt.NDArray[np.float32]) -> int:
    """Count distinct places among (N, 2) points."""
    cells = np.rint(points / OPTIONS.cell).astype(np.int64)
    return len(set((cells[:, 0] * 100_003 + cells[:, 1]).tolist()))
