"""The shortlist of a channel: which targets a photo's keypoints vote for. Exact search over all rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from arcli.features import INDEX_DIM, Features
from arcli.store.snapshot import Snapshot

_KNN = 10
_KEYPOINTS = 200


@dataclass(frozen=True, slots=True)
class Vote:
    """A target's row id and the votes it has."""

    row_id: int
    votes: float


class Shortlister:
    """Searches one channel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._changes = -1
        self._codes = np.zeros((0, INDEX_DIM), np.float32)
        self._rows = np.zeros(0, np.int64)

    def search(self, snapshot: Snapshot, codes: npt.NDArray[np.int8], *, limit: int) -> list[Vote]:
        """Return the `limit` targets with the most votes, most first."""
        self._load(snapshot)
        if not len(self._codes):
            return []
        query = codes[:, :INDEX_DIM].astype(np.float32)
        distances = (query**2).sum(1)[:, None] - 2 * query @ self._codes.T + (self._codes**2).sum(1)
        k = min(_KNN, len(self._codes))
        nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
        best: dict[int, float] = {}
        for line, places in zip(distances, nearest, strict=True):
            farthest = max(float(line[places].max()), 1e-6)
            mine: dict[int, float] = {}
            for place in places:
                row = int(self._rows[place])
                mine[row] = max(mine.get(row, 0.0), 1 - float(line[place]) / farthest)
            for row, vote in mine.items():
                best[row] = best.get(row, 0.0) + vote
        ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))
        return [Vote(row, votes) for row, votes in ranked[:limit]]

    def _load(self, snapshot: Snapshot) -> None:
        if snapshot.changes() == self._changes:
            return
        dead = set(snapshot.dead_rows())
        found = [
            (row, Features.from_bytes(data).codes[:_KEYPOINTS, :INDEX_DIM])
            for row, data in snapshot.features_after(0)
            if row not in dead
        ]
        if found:
            self._codes = np.concatenate([codes for _, codes in found]).astype(np.float32)
            self._rows = np.concatenate([np.full(len(codes), row, np.int64) for row, codes in found])
        self._changes = snapshot.changes()

    def close(self) -> None:
        self._codes = np.zeros((0, INDEX_DIM), np.float32)
