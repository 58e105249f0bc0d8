"""From evidence to a score in [0, 1], and the threshold from which it counts as an answer.

Evidence is counted in inliers at distinct places; a place that looks like the target makes each worth up
to three. The score is the logistic of the evidence; its calibration belongs to the preset, so that a
stored matchratio keeps its meaning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from arcli.vision.appearance import Appearance
from arcli.vision.presets import DEFAULT_PRESET
from arcli.vision.verify import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """half: evidence at which the score is .5. width: evidence that multiplies the odds by e.

    looks: what a perfect correlation adds to the worth of an inlier. blocks: seen ones from which it
    counts fully. threshold: default, by a measured false accept rate (docs/recognition.md).
    """

    half: float
    width: float
    looks: float
    blocks: int
    threshold: float


CALIBRATION = {1: Calibration(half=16.5, width=2.5, looks=2.0, blocks=64, threshold=0.5)}
"""By preset. docs/recognition.md has the false accept rate, the threshold curve and what the score means."""


def score(
    verification: Verification, preset: int = DEFAULT_PRESET, *, appearance: Appearance | None = None
) -> float:
    """Return the score of a candidate, below 1; 0 for a refused one. It grows with inliers and likeness."""
    if verification.refusal is not None:
        return 0.0
    calibration = CALIBRATION[preset]
    excess = evidence(verification.num_inliers, appearance, calibration) - calibration.half
    return 1 / (1 + math.exp(-min(excess / calibration.width, 20.0)))


def evidence(num_inliers: int, appearance: Appearance | None, calibration: Calibration) -> float:
    """Return inliers, each worth more where the place looks like the target."""
    if appearance is None:
        return float(num_inliers)
    trusted = min(1.0, appearance.blocks / calibration.blocks)
    return num_inliers * (1 + calibration.looks * max(0.0, appearance.correlation) * trusted)


def default_threshold(preset: int = DEFAULT_PRESET) -> float:
    """Return the lowest score that counts as found where neither target nor channel says otherwise."""
    return CALIBRATION[preset].threshold
