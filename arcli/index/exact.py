"""Exact nearest neighbours in a few ten thousand codes, by one matrix product and a running threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.index.seam import Codes, Distances, Neighbours, Rows

_BLOCK = 4096  # codes at once: 500 queries x 4096 float32 = 8 MB; 2048 to 8192 measured alike
_GROUPS = 64  # a block's maxima over this many interleaved parts bound its k best from below

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ExactIndex:
    """Codes (N, dim) int8 and the row id (N,) of each."""

    codes: Codes
    rows: Rows

    @property
    def descriptors(self) -> int:
        return len(self.codes)

    def search(self, queries: Codes, k: int, bounds: Distances | None = None) -> Neighbours:
        """Return the k nearest of each query.

        bounds: (Q,) float32; what lies farther than its query's bound may be left out. The k-th distance
        already found elsewhere makes the search about twice as fast.
        """
        if not len(queries) or not self.descriptors:
            return Neighbours.none(len(queries), k)
        scan = _Scan.start(queries, k, bounds)
        for start in range(0, self.descriptors, _BLOCK):
            scan.take(self.codes[start : start + _BLOCK], start)
        return scan.finish(self.rows)


@dataclass(slots=True, eq=False)
class _Scan:
    """Scores are 2 q·c - |c|²: |q|² less the squared distance, exact in float32 for int8 codes."""

    doubled: Scores  # (Q, dim + 1): 2 q, and -1 for |c|²
    squares: Scores
    best: Scores  # (Q, k) lower bounds of the k best scores
    raising: bool  # whether they are looked for here, or were given
    hits: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Scores]]

    @classmethod
    def start(cls, queries: Codes, k: int, bounds: Distances | None) -> _Scan:
        wide = queries.astype(np.float32)
        squares = np.einsum("qd,qd->q", wide, wide)
        doubled = np.concatenate([2 * wide, np.full((len(wide), 1), -1, np.float32)], axis=1)
        best = np.full((len(queries), k), -np.inf, np.float32)
        if bounds is not None:
            best[:] = (squares - bounds)[:, None]
        return cls(doubled, squares, best, not np.isfinite(best).all(), [])

    def take(self, codes: Codes, start: int) -> None:
        count, dim = codes.shape
        wide = np.empty((count, dim + 1), np.float32)
        wide[:, :dim] = codes
        wide[:, dim] = np.einsum("cd,cd->c", wide[:, :dim], wide[:, :dim])
        scores = self.doubled @ wide.T
        if self.raising:
            self._raise_bounds(scores)
        flat = np.flatnonzero(scores >= self.best.min(axis=1)[:, None])
        query, column = np.divmod(flat, scores.shape[1])
        self.hits.append((query, column + start, scores.ravel()[flat]))

    def _raise_bounds(self, scores: Scores) -> None:
        width = scores.shape[1] // _GROUPS
        if width < self.best.shape[1]:
            maxima = scores
        else:
            parts = scores[:, : width * _GROUPS].reshape(len(scores), _GROUPS, width)
            maxima = parts.max(axis=1)
        k = self.best.shape[1]
        known = np.concatenate([self.best, maxima], axis=1)
        self.best = np.partition(known, -k, axis=1)[:, -k:]

    def finish(self, rows: Rows) -> Neighbours:
        query, column, score = (np.concatenate(part) for part in zip(*self.hits, strict=True))
        order = np.lexsort((column, -score, query))
        query, column, score = query[order], column[order], score[order]
        rank = np.arange(len(query)) - np.searchsorted(query, query)
        kept = rank < self.best.shape[1]
        query, column, score, rank = query[kept], column[kept], score[kept], rank[kept]
        found = Neighbours.none(*self.best.shape)
        found.rows[query, rank] = rows[column]
        found.distances[query, rank] = self.squares[query] - score
        return found
