"""Tentative matches between the codes of a photo and of one target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """M matches, best ratio first: query and target are (M,) indices, ratio is (M,) distance to runner-up.
    spare: the same of matches that are left out because another one of the same target keypoint is better."""

    query: npt.NDArray[np.intp]
    target: npt.NDArray[np.intp]
    ratio: npt.NDArray[np.float32]
    spare: Matches | None = None

    def __len__(self) -> int:
        return len(self.query)

    def among(self, kept: npt.NDArray[np.bool_]) -> Matches:
        """Return what `match` finds with the (N,) query keypoints that are `kept` alone."""
        both = [self] if self.spare is None else [self, self.spare]
        query, target, ratio = (
            np.concatenate([getattr(each, name) for each in both]) for name in ("query", "target", "ratio")
        )
        stays = kept[query]
        number = np.cumsum(kept) - 1
        query, target, ratio = number[query[stays]], target[stays], ratio[stays]
        order = np.lexsort((query, ratio))
        return _each_target_once(query[order], target[order], ratio[order])


NO_MATCHES = Matches(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.float32))


def _each_target_once(
    query: npt.NDArray[np.intp], target: npt.NDArray[np.intp], ratio: npt.NDArray[np.float32]
) -> Matches:
    """Return matches that are sorted by ratio without those of a target keypoint that an earlier one has."""
    best = np.zeros(len(query), bool)
    best[np.unique(target, return_index=True)[1]] = True
    return Matches(query[best], target[best], ratio[best], Matches(query[~best], target[~best], ratio[~best]))


def match(query: npt.NDArray[np.int8], target: npt.NDArray[np.int8], ratio: float) -> Matches:
    """Match (N, D) to (M, D) codes: nearest neighbour, ratio test (Lowe 2004), each target keypoint once."""
    if len(query) == 0 or len(target) < 2:
        return NO_MATCHES
    distances, same = _distances(query, target)
    rows = np.arange(len(query))
    nearest = distances.argmin(1)
    first = distances[rows, nearest]
    distances[rows, nearest] = np.inf
    second = distances[rows, distances.argmin(1)]
    quotient = np.sqrt((first + same) / np.maximum(second + same, 1e-6))
    order = np.flatnonzero(quotient <= ratio)
    order = order[np.argsort(quotient[order], kind="stable")]
    return _each_target_once(order, nearest[order], quotient[order].astype(np.float32))


def squared_distances(query: npt.NDArray[np.int8], target: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    """Return (N, M) float32, exact."""
    distances, same = _distances(query, target)
    distances += same[:, None]
    return distances


def _distances(
    query: npt.NDArray[np.int8], target: npt.NDArray[np.int8]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return (N, M) and (N,) float32, whose sum is the squared distances. Exact: with int8 codes of 64
    dimensions all sums stay below 2**24. One product, in which one more column adds what is the same for a
    whole column: each pass over the distances takes as long as a tenth of it."""
    left = np.ones((len(query), query.shape[1] + 1), np.float32)
    right = np.empty((len(target), target.shape[1] + 1), np.float32)
    left[:, :-1], right[:, :-1] = query, target
    right[:, -1] = np.einsum("ij,ij->i", right[:, :-1], right[:, :-1])
    right[:, :-1] *= -2
    return left @ right.T, np.einsum("ij,ij->i", left[:, :-1], left[:, :-1])
