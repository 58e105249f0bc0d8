"""From neighbour lists to a shortlist: every keypoint of the photo votes (docs/appendix/recognition.md,
step 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from arcli.index.seam import NO_ROW, Neighbours, Rows


class ShortlistEntry(NamedTuple):
    """A target's row id and the sum of the votes that the photo's keypoints gave it."""

    row_id: int
    votes: float


def without(found: Neighbours, dead: Rows) -> Neighbours:
    """Return `found` without the descriptors of the sorted row ids `dead`: their places are empty."""
    if not len(dead):
        return found
    place = np.searchsorted(dead, found.rows).clip(max=len(dead) - 1)
    gone = dead[place] == found.rows
    return Neighbours(np.where(gone, NO_ROW, found.rows), np.where(gone, np.float32(np.inf), found.distances))


def merged(lists: Sequence[Neighbours], k: int) -> Neighbours:
    """Return the k nearest over several indexes, nearest first; ties by row id, so the order is stable."""
    rows = np.concatenate([found.rows for found in lists], axis=1)
    distances = np.concatenate([found.distances for found in lists], axis=1)
    order = np.lexsort((rows, distances), axis=1)[:, :k]
    return Neighbours(np.take_along_axis(rows, order, 1), np.take_along_axis(distances, order, 1))


def stacked(lists: Sequence[Neighbours]) -> Neighbours:
    """Return the neighbours of several groups of queries of one index as those of all."""
    rows, distances = (
        np.concatenate(arrays) for arrays in zip(*((f.rows, f.distances) for f in lists), strict=True)
    )
    return Neighbours(rows, distances)


def shortlist(found: Neighbours, limit: int, *, alike: float) -> list[ShortlistEntry]:
    """Return the `limit` targets with the most votes, most first, ties by row id.

    A neighbour at squared distance d votes 1 - d / d_k. d_k is the farthest distance in its list, or `alike`
    where that is farther, so that each of a family of look-alikes that fills a list gets its vote. A target
    gets at most one vote, the best, from each query keypoint.
    """
    if not found.rows.size:
        return []
    real = found.rows != NO_ROW
    farthest = np.where(real, found.distances, 0).max(axis=1, keepdims=True)
    ratio = np.where(real, found.distances, 0) / np.maximum(farthest, np.float32(alike))
    voters = len(found.rows)
    query = np.nonzero(real)[0]
    # lists are walked from the nearest on, so the first of each target and query is the best
    each, first = np.unique(found.rows[real] * voters + query, return_index=True)
    target = each // voters
    begins = np.diff(target, prepend=-1) > 0
    rows = target[begins]
    votes = np.bincount(begins.cumsum() - 1, (1 - ratio)[real][first].astype(np.float64), len(rows))
    best = np.lexsort((rows, -votes))[:limit]
    return [ShortlistEntry(int(rows[i]), float(votes[i])) for i in best if votes[i] > 0]
