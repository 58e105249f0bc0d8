"""How often a picture should be found, from its traits: a logistic model fitted to the simulated camera."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

from arcli.vision.rating.traits import OPTIONS, Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Log-odds of being found: those of an empty picture (base), and what each unit of the natural
    logarithms of useful places, contrast, scale and narrowness adds."""

    base: float
    useful: float
    contrast: float
    scale: float
    narrowness: float


WEIGHTS = Weights(base=-8.65, useful=1.23, contrast=1.09, scale=1.36, narrowness=-0.61)
"""Fitted by `make bench-level ARGS=--fit` on one half of its pictures; the other half checks it."""


def predictors(traits: Traits) -> tuple[float, float, float, float]:
    """Return the values that the weights multiply."""
    return (
        math.log1p(traits.useful),
        math.log1p(traits.contrast),
        math.log(max(traits.scale, OPTIONS.least_scale)),
        math.log(traits.narrowness),
    )


def expected_recall(traits: Traits, weights: Weights = WEIGHTS) -> float:
    """Return the share of the camera's views in which it should be found, 0 to 1."""
    base, *each = astuple(weights)
    odds = base + sum(weight * x for weight, x in zip(each, predictors(traits), strict=True))
    return 1 / (1 + math.exp(-odds))
