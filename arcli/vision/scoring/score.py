"""From evidence to a score in [0, 1], and the threshold from which it counts as an answer.

Evidence is counted in inliers at distinct places; if the place looks like the target, each counts up to three
and a half times. In a borderline case the rectified view of the place is extracted too, and its matches
count. The score is the logistic of the evidence; its calibration belongs to the preset, so that a stored
matchratio keeps its meaning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from arcli.vision.features.presets import CODES, DEFAULT_PRESET
from arcli.vision.matching.verify import Verification
from arcli.vision.scoring.appearance import Appearance


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """half: the evidence at which the score is .5. width: the evidence that multiplies the odds by e.

    looks: what a perfect correlation adds to the weight of an inlier. blocks: with so many visible blocks it
    counts fully. borderline: the range of evidence in which a rectified view is worth its time. rectified:
    weight of an inlier of that view. threshold: default, by a measured false accept rate
    (docs/appendix/score.md).
    """

    half: float
    width: float
    looks: float
    blocks: int
    borderline: tuple[float, float]
    rectified: float
    threshold: float


CALIBRATION = {
    1: Calibration(
        half=18.0,
        width=3.5,
        looks=2.5,
        blocks=64,
        borderline=(11.0, 36.0),
        rectified=0.5,
        threshold=0.5,
    )
}
"""By the codes of a preset. docs/appendix/score.md has the false accept rate, the threshold curve and what
the score means."""


HIGHEST_THRESHOLD = 0.999
"""What a threshold of 1 means, since the logistic function never reaches 1. It takes 42 of evidence, which a
target's own picture has even with few keypoints."""


def score(
    verification: Verification,
    preset: int = DEFAULT_PRESET,
    *,
    appearance: Appearance | None = None,
    rectified: int | None = None,
) -> float:
    """Return the score of a candidate, below 1; 0 for a refused one. It grows with inliers and likeness.

    rectified: inliers at distinct places of the rectified view; None: not taken.
    """
    if verification.refusal is not None:
        return 0.0
    calibration = _calibration(preset)
    inliers = float(verification.num_inliers)
    if rectified is not None:
        inliers = (inliers + calibration.rectified * rectified) / (1 + calibration.rectified)
    excess = evidence(inliers, appearance, calibration) - calibration.half
    return 1 / (1 + math.exp(-min(excess / calibration.width, 20.0)))


def is_borderline(
    verification: Verification, preset: int = DEFAULT_PRESET, *, appearance: Appearance | None = None
) -> bool:
    """Say whether a rectified view could decide, or change the score by much."""
    if verification.refusal is not None:
        return False
    calibration = _calibration(preset)
    least, most = calibration.borderline
    return least <= evidence(verification.num_inliers, appearance, calibration) < most


def evidence(inliers: float, appearance: Appearance | None, calibration: Calibration) -> float:
    """Return the number of inliers, weighted by how much the place looks like the target."""
    if appearance is None:
        return inliers
    trusted = min(1.0, appearance.blocks / calibration.blocks)
    return inliers * (1 + calibration.looks * max(0.0, appearance.correlation) * trusted)


def default_threshold(preset: int = DEFAULT_PRESET) -> float:
    """Return the lowest score that counts as found unless target or channel set another."""
    return _calibration(preset).threshold


def _calibration(preset: int) -> Calibration:
    return CALIBRATION[CODES[preset]]
