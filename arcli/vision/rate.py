"""Level 1 to 5: how easily a picture will be found, told from the picture alone, with reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arcli.features import Features
from arcli.models import Hint
from arcli.vision.decode import Decoded
from arcli.vision.match import squared_distances
from arcli.vision.verify import places

MIN_KEYPOINTS = 8
"""Distinct places a picture needs. Three pictures with fewer were found in no view of the simulated camera,
one with 8 in 8 % of them (docs/recognition.md)."""

_LEVELS = (4, 25, 70, 220)  # useful places from which the level is 2, 3, 4, 5 (docs/recognition.md)
_FEW = 120  # distinct places below which more would help
_GRID = 6  # cells a side when looking at the spread
_COMPARED = 120  # strongest keypoints that are compared with each other: 0.4 ms
_SMALL_SIDE = 240  # px, long side


@dataclass(frozen=True, slots=True)
class Rating:
    """level: 1 (hard to find) to 5 (easy). hints: why it is not higher, the weightiest first."""

    level: int
    hints: tuple[Hint, ...]


def enough_features(features: Features) -> bool:
    """Say whether a picture with these features can be found at all (else TooFewFeatures)."""
    return places(features.keypoints[:, :2]) >= MIN_KEYPOINTS


def rate(features: Features, decoded: Decoded) -> Rating:
    """Rate a gallery picture by the number, spread and distinctness of its keypoints."""
    distinct = places(features.keypoints[:, :2])
    repeated = repetition(features)
    covered = spread(features)
    useful = distinct * (1 - repeated) * min(1.0, covered / 0.5)
    level = 1 + sum(useful >= limit for limit in _LEVELS)
    return Rating(level, _hints(level, distinct, covered, repeated, max(decoded.size)))


def spread(features: Features) -> float:
    """Return the share of a 6 x 6 grid over the picture that has keypoints."""
    if len(features) == 0:
        return 0.0
    cells = (features.keypoints[:, :2] / np.array(features.image_size) * _GRID).astype(int)
    columns, rows = cells.clip(0, _GRID - 1).T
    return len(set((rows * _GRID + columns).tolist())) / _GRID**2


def repetition(features: Features) -> float:
    """Return the share of keypoints that look like one at another place of the same picture (text, grids)."""
    features = features.head(_COMPARED)
    if len(features) < 2:
        return 0.0
    x, y = np.ascontiguousarray(features.keypoints[:, :2].T)
    apart = np.maximum(np.abs(x[:, None] - x), np.abs(y[:, None] - y))
    distances = squared_distances(features.codes, features.codes)
    distances[apart < 0.02 * max(features.image_size)] = np.inf
    codes = features.codes.astype(np.float32)
    norm = float(np.median(np.einsum("ij,ij->i", codes, codes)))
    return float((distances.min(1) < 0.15 * norm).mean())


def _hints(level: int, distinct: int, covered: float, repeated: float, side: int) -> tuple[Hint, ...]:
    """Say what keeps the level down."""
    found = []
    if side < _SMALL_SIDE:
        found.append(
            Hint(code="small", message=f"the long side is only {side} px", advice="use about 800 px")
        )
    if distinct < _FEW:
        found.append(
            Hint(
                code="few_details",
                message=f"only {distinct} distinct details",
                advice="add texture, text or sharp contrast; avoid plain areas and blur",
            )
        )
    if covered < 0.5:
        found.append(
            Hint(
                code="uneven",
                message=f"details cover only {covered:.0%} of the picture",
                advice="crop empty margins, or spread details over the whole picture",
            )
        )
    if repeated > 0.3:
        found.append(
            Hint(
                code="repetitive",
                message=f"{repeated:.0%} of the details look like others in the same picture",
                advice="avoid grids, halftone and repeated patterns",
            )
        )
    return tuple(found) if level < 5 else ()
