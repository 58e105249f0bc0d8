"""Tentative matches between the codes of a photo and of one target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """M matches, best ratio first: query and target are (M,) indices, ratio is (M,) distance to runner-up."""

    query: npt.NDArray[np.intp]
    target: npt.NDArray[np.intp]
    ratio: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.query)


def match(query: npt.NDArray[np.int8], target: npt.NDArray[np.int8], ratio: float) -> Matches:
    """Match (N, D) to (M, D) codes: nearest neighbour, ratio test (Lowe 2004), each target keypoint once."""
    if len(query) == 0 or len(target) < 2:
        nothing = np.zeros(0, np.intp)
        return Matches(nothing, nothing, np.zeros(0, np.float32))
    left, right = query.astype(np.float32), target.astype(np.float32)
    distances = left @ (-2 * right).T  # without what is the same for a whole row; exact: below 2**24
    distances += np.einsum("ij,ij->i", right, right)
    rows = np.arange(len(query))
    nearest = distances.argmin(1)
    first = distances[rows, nearest]
    distances[rows, nearest] = np.inf
    same = np.einsum("ij,ij->i", left, left)
    quotient = np.sqrt((first + same) / np.maximum(distances.min(1) + same, 1e-6))
    order = np.argsort(quotient, kind="stable")
    order = order[quotient[order] <= ratio]
    _, keep = np.unique(nearest[order], return_index=True)
    order = order[np.sort(keep)]
    return Matches(order, nearest[order], quotient[order].astype(np.float32))


def squared_distances(query: npt.NDArray[np.int8], target: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    """Return (N, M) float32, exact: int8 codes of 64 dimensions stay below 2**24."""
    left, right = query.astype(np.float32), target.astype(np.float32)
    distances = left @ right.T
    distances *= -2
    distances += np.einsum("ij,ij->i", left, left)[:, None]
    distances += np.einsum("ij,ij->i", right, right)
    return distances
