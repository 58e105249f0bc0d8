"""Fits the weights of the expected recall: logistic regression on the share of views (Newton's method)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from arcli.vision.rating.expect import Weights, predictors
from arcli.vision.rating.traits import Traits

_ROUNDS = 30  # Newton converges in under ten


def fitted(traits: Sequence[Traits], recalls: Sequence[float]) -> Weights:
    """Return the weights with the greatest likelihood for these recalls."""
    x = np.array([(1.0, *predictors(each)) for each in traits])
    y = np.array(recalls)
    weights = np.zeros(x.shape[1])
    for _ in range(_ROUNDS):
        expected = 1 / (1 + np.exp(-x @ weights))
        curvature = (x * (expected * (1 - expected))[:, None]).T @ x
        weights += np.linalg.solve(curvature + 1e-9 * np.eye(len(weights)), x.T @ (y - expected))
    return Weights(**{f.name: round(float(w), 2) for f, w in zip(fields(Weights), weights, strict=True)})
