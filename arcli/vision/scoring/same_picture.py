"""Whether two files show the same picture: the same art, at another size, cropped or re-encoded.

Series on one template share frames, titles and most of their keypoints, so the content decides: laid over
each other, a copy has no part that differs. Nor is a second photograph of the same things a copy: copies lie
over each other exactly, without rotation or perspective.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.vision import geometry
from arcli.vision.matching.verify import Verification
from arcli.vision.opencv import cv2
from arcli.vision.scoring.appearance import Image, Plane, rectified

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamePictureOptions:
    """What makes a copy (docs/appendix/recognition.md, "Duplicates").

    rounds: of the reweighted fit (4 to 12). off: px, at the size of features, by which half of the inliers
    may miss a copy's place (.4 to 1): copies had at most .41, two photographs of one heap at least .65.
    aspect: factor by which one side may be scaled more than the other (1.01 to 1.1). least_part: share of the
    larger picture that a crop shows (.3 to .8). side: px of the long side at which they are compared (96 to
    192). blur: px (.5 to 2). block: blocks a side (8 to 16). light, cast: levels by which the whole may
    differ in lightness and colour. colour: weight of a level of colour relative to one of lightness (1 to 2).
    noise: levels by which a block may differ (8 to 20), and variance: a further allowance, as a share of its
    own variance (.1 to .6). differing: share of the blocks that may differ (.01 to .06).
    rim: px at the edge of what is seen that are not compared (3 to 11). common: share of a picture that must
    be seen to compare it (.05 to .3). least_block: px of a block at least (3 to 9), whole: share of it that
    must be seen (.5 to .9). astray: px, and times the median, by which a keypoint may be off until it counts
    for less (.1 to .5, 1 to 3).
    """

    rounds: int = 8
    off: float = 0.5
    aspect: float = 1.03
    least_part: float = 0.45
    side: int = 128
    blur: float = 1.0
    block: int = 12
    light: float = 15.0
    cast: float = 8.0
    colour: float = 1.5
    noise: float = 14.0
    variance: float = 0.4
    differing: float = 0.03
    rim: int = 7
    common: float = 0.1
    least_block: int = 5
    whole: float = 0.7
    astray: tuple[float, float] = (0.2, 1.5)


OPTIONS = SamePictureOptions()


def is_same_picture(
    seen: Image, query: Features, known: Image, target: Features, found: Verification
) -> bool:
    """Say whether `seen`, (H, W, 3) BGR with features `query`, shows the same as `known` with `target`.

    found: how `target` was verified against `query`.
    """
    to_query = _upright_fit(query, target, found)
    if to_query is None or _shown(to_query, query, target) < OPTIONS.least_part:
        return False
    to_seen = geometry.scaling(query.image_size, geometry.pixel_size(seen)) @ to_query
    return differing(seen, known, to_seen, target.image_size) <= OPTIONS.differing


def differing(seen: Image, known: Image, to_seen: Matrix, target_size: geometry.Size) -> float:
    """Return the share of the common part that differs, 1 if they have next to nothing in common.

    to_seen: (3, 3), from a picture of `target_size`, which `known` is of, to pixels of `seen`.
    """
    size = _canvas(known, to_seen, target_size)
    view, inside = rectified(seen, to_seen, target_size, size)
    rim = np.ones((OPTIONS.rim, OPTIONS.rim), np.uint8)
    inside = np.asarray(cv2.erode(inside, rim, borderValue=1), np.float32)
    reference = np.asarray(cv2.resize(known, size, interpolation=cv2.INTER_AREA), np.uint8)
    if inside.mean() < OPTIONS.common:
        return 1.0
    first, second = _lab(view), _lab(reference)
    most = np.array([OPTIONS.light, OPTIONS.cast, OPTIONS.cast], np.float32)
    offset = np.median((first - second)[inside > 0], axis=0).clip(-most, most)
    weight = np.array([1, OPTIONS.colour, OPTIONS.colour], np.float32)
    apart = (((first - second - offset) * weight) ** 2).sum(2)
    return _share_of_blocks(apart, second * weight, inside)


def _share_of_blocks(apart: Plane, known: Plane, inside: Plane) -> float:
    """Return the share of blocks that differ by more than noise and resampling explain."""
    block = max(OPTIONS.least_block, round(max(inside.shape) / OPTIONS.block))

    def mean(plane: Plane) -> Plane:
        summed = cv2.boxFilter(plane * inside, -1, (block, block), borderType=cv2.BORDER_CONSTANT)
        return np.asarray(summed / share, np.float32)

    share = cv2.boxFilter(inside, -1, (block, block), borderType=cv2.BORDER_CONSTANT)
    share = np.asarray(np.maximum(share, 1e-3), np.float32)
    variance = sum(mean(plane * plane) - mean(plane) ** 2 for plane in np.moveaxis(known, 2, 0))
    centres = slice(block // 2, None, block // 2)
    differs = mean(apart) > OPTIONS.noise**2 + OPTIONS.variance * np.maximum(variance, 0)
    valid = share[centres, centres] > OPTIONS.whole
    return float(differs[centres, centres][valid].mean()) if valid.any() else 1.0


def _canvas(known: Image, to_seen: Matrix, target_size: geometry.Size) -> geometry.Size:
    """Return the size (w, h) at which both pictures have enough pixels."""
    quad, _ = geometry.project(to_seen, geometry.corners(target_size))
    resolved = np.sqrt(geometry.area(quad) / np.prod(target_size)) * max(target_size)
    width, height = geometry.pixel_size(known)
    factor = min(OPTIONS.side, max(width, height), float(resolved)) / max(width, height)
    return max(8, round(width * factor)), max(8, round(height * factor))


def _lab(pixels: Image) -> Plane:
    lab = cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(lab, (0, 0), OPTIONS.blur), np.float32)


def _shown(to_query: Matrix, query: Features, target: Features) -> float:
    """Return the intersection over union of the parts that the two pictures show."""
    quad, _ = geometry.project(to_query, geometry.corners(target.image_size))
    return geometry.overlap(quad, query.image_size)


def _upright_fit(query: Features, target: Features, found: Verification) -> Matrix | None:
    """Return the (3, 3) scaling and shift that takes `target` to `query`; None if that is not exact."""
    seen = query.keypoints[found.matches.query[found.inliers], :2].astype(np.float64)
    known = target.keypoints[found.matches.target[found.inliers], :2].astype(np.float64)
    weight, off = np.ones(len(seen)), np.zeros(len(seen))
    lines = np.zeros((2, 2))
    for _ in range(OPTIONS.rounds):
        for axis in (0, 1):
            equations = np.c_[known[:, axis], np.ones(len(known))] * weight[:, None]
            lines[axis] = np.linalg.lstsq(equations, seen[:, axis] * weight, rcond=None)[0]
        off = np.hypot(*(known * lines[:, 0] + lines[:, 1] - seen).T)
        least, times = OPTIONS.astray
        weight = 1 / np.sqrt(1 + (off / max(least, times * float(np.median(off)))) ** 2)
    (wide, left), (high, top) = lines
    if wide <= 0 or high <= 0 or not 1 / OPTIONS.aspect < wide / high < OPTIONS.aspect:
        return None
    if np.median(off) > OPTIONS.off * max(1.0, float(np.sqrt(wide * high))):
        return None
    return np.array([[wide, 0, left], [0, high, top], [0, 0, 1]])
