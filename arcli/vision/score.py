"""From evidence to a score in [0, 1], and the threshold from which it counts as an answer."""

from __future__ import annotations

from arcli.vision.presets import DEFAULT_PRESET
from arcli.vision.verify import Verification

_HALF = 12  # inliers at which right answers and chance part ways (recognition.md, step 5)
_DEFAULT_THRESHOLD = {1: 0.5}


def score(verification: Verification, preset: int = DEFAULT_PRESET) -> float:
    """Return a number in [0, 1] that grows with the inliers: .5 at 12; 0 for a refused candidate."""
    del preset
    if verification.refusal is not None:
        return 0.0
    return verification.num_inliers / (verification.num_inliers + _HALF)


def default_threshold(preset: int = DEFAULT_PRESET) -> float:
    """Return the lowest score that counts as found where neither target nor channel says otherwise."""
    return _DEFAULT_THRESHOLD[preset]
