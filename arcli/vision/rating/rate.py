"""Level 1 to 5: how easily a picture will be found, told from the picture alone, with reasons."""

from __future__ import annotations

from dataclasses import dataclass

from arcli.errors import TooFewFeatures
from arcli.features import Features
from arcli.models import Hint
from arcli.vision.decoding.decode import Decoded
from arcli.vision.matching.verify import places
from arcli.vision.rating.advice import cure, hints
from arcli.vision.rating.expect import expected_recall
from arcli.vision.rating.traits import measure

MIN_KEYPOINTS = 6
"""Distinct places a picture needs. An inlier is worth at most 3.5 of the 18 that a match takes at the default
threshold (arcli.vision.scoring.score): with five a picture is never found (docs/level.md)."""

_LEVELS = (0.15, 0.4, 0.65, 0.85)  # expected recall from which the level is 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Rating:
    """level: 1 (hard to find) to 5 (easy). hints: why it is not higher, the weightiest first.

    expected: the share of the simulated camera's views in which it should be found.
    """

    level: int
    hints: tuple[Hint, ...]
    expected: float


def enough_features(features: Features) -> bool:
    """Say whether a picture with these features can be found at all."""
    return places(features.keypoints[:, :2]) >= MIN_KEYPOINTS


def refuse_featureless(features: Features, decoded: Decoded) -> None:
    """Raise TooFewFeatures, saying what would help, where a picture cannot be found at all."""
    if not enough_features(features):
        traits = measure(features, decoded)
        raise TooFewFeatures(
            f"too few features ({traits.places} distinct details, {MIN_KEYPOINTS} at least)",
            hint=cure(traits),
        )


def rate(features: Features, decoded: Decoded) -> Rating:
    """Rate a gallery picture by the number, order, contrast and scale of its keypoints."""
    traits = measure(features, decoded)
    expected = expected_recall(traits)
    level = 1 + sum(expected >= limit for limit in _LEVELS)
    return Rating(level, hints(traits) if level < 5 else (), expected)
