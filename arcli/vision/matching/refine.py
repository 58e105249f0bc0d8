"""The exact place of a found target: its homography, fitted again to all keypoints that support it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.vision import geometry
from arcli.vision.matching.match import match
from arcli.vision.matching.verify import OPTIONS as VERIFY
from arcli.vision.matching.verify import Verification, supporters

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineOptions:
    """The last fit of a place (docs/appendix/recognition.md, step 10; chosen on oxford_affine).

    ratio: nearest to second nearest distance (.9 to 1): once the place is known, nearly every nearest
    neighbour that lies there is right. fewest: with fewer correspondences the first fit is kept (6 to 20).
    noise, noise_of_size: px, and px for each px of diameter (.1 to 1, 0 to .1): coarse keypoints are located
    less exactly. rounds: of reweighting (3 to 12); every third one selects the nearby matches again.
    """

    ratio: float = 0.97
    fewest: int = 8
    noise: float = 0.3
    noise_of_size: float = 0.04
    rounds: int = 6


OPTIONS = RefineOptions()


def refine(query: Features, target: Features, found: Verification) -> Verification:
    """Return `found` with a more exact homography and quad; inliers and their count are unchanged.

    Never raises.
    """
    if found.homography is None or found.quad is None:
        return found
    homography = _refitted(query, target, found.homography)
    return found if homography is None else moved(found, homography, query, target)


def moved(found: Verification, homography: Matrix, query: Features, target: Features) -> Verification:
    """Return `found` with another homography; unchanged if no flat picture can look like that."""
    quad, weight = geometry.project(homography, geometry.corners(target.image_size))
    if (weight <= 0).any() or not geometry.plausible(
        quad, query.image_size, min_area=VERIFY.min_area, max_stretch=VERIFY.max_stretch
    ):
        return found
    return replace(found, homography=homography, quad=quad)


def _refitted(query: Features, target: Features, homography: Matrix) -> Matrix | None:
    """Return the homography that guided matches give; None if there are too few of them.

    Iteratively reweighted least squares with Cauchy weights over guided matches, each keypoint's noise
    estimated from its size. On oxford_affine at 800 px it brings the corners' median error from 1.40 to .86
    px.
    """
    matches = match(query.codes, target.codes, OPTIONS.ratio)
    if len(matches) < OPTIONS.fewest:
        return None
    seen, known = query.keypoints[matches.query], target.keypoints[matches.target]
    for turn in range(OPTIONS.rounds):
        if turn % 3 == 0:
            near = supporters(homography, seen, known, VERIFY)
            if near.sum() < OPTIONS.fewest:
                return None
        better = _weighted_fit(known[near, :2], seen[near, :2], _weights(homography, known[near], seen[near]))
        if better is None:
            return None
        homography = better
    return homography


def _weights(
    homography: Matrix, known: npt.NDArray[np.float32], seen: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Return (N,) weights: precise and close keypoints count most."""
    projected, _ = geometry.project(homography, known[:, :2])
    miss = np.hypot(*(projected - seen[:, :2]).T)
    noise = OPTIONS.noise + OPTIONS.noise_of_size * np.maximum(seen[:, 2].astype(np.float64), 1.0)
    return np.asarray(1 / (noise * (1 + (miss / (2 * noise)) ** 2)))


def _weighted_fit(
    source: npt.NDArray[np.float32], destination: npt.NDArray[np.float32], weights: npt.NDArray[np.float64]
) -> Matrix | None:
    """Fit a homography by the normalised DLT (Hartley and Zisserman 2004, algorithm 4.2), weighted."""
    to_unit, to_unit_too = _normaliser(source), _normaliser(destination)
    first = geometry.homogeneous(source) @ to_unit.T
    second = geometry.homogeneous(destination) @ to_unit_too.T
    both = np.zeros((2, len(first), 9))  # filled in place: np.c_ and np.r_ took most of the time
    for axis in (0, 1):
        both[axis, :, 3 * axis : 3 * axis + 3] = first
        both[axis, :, 6:] = -second[:, axis, None] * first
    both *= weights[:, None]
    rows = both.reshape(-1, 9)
    try:
        flat = np.linalg.eigh(rows.T @ rows)[1][:, 0]
        fitted = np.linalg.solve(to_unit_too, flat.reshape(3, 3) @ to_unit)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(fitted).all() or abs(fitted[2, 2]) < 1e-12:
        return None
    return np.asarray(fitted / fitted[2, 2])


def _normaliser(points: npt.NDArray[np.float32]) -> Matrix:
    """Return the (3, 3) that moves points to mean 0 and mean distance about 1.4."""
    centre = points.mean(0, dtype=np.float64)
    spread = float(np.sqrt(((points - centre) ** 2).sum(1).mean()))
    scale = np.sqrt(2) / max(spread, 1e-9)
    return np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])
