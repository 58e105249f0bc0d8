"""The seam of the index: which stored descriptors are nearest to those of a photo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int8]
Rows = npt.NDArray[np.int64]
Distances = npt.NDArray[np.float32]

Chunk = tuple[Codes, Rows]
"""Codes (n, dim) int8 of whole targets and the row id (n,) of each, rows ascending."""

NO_ROW = -1  # fills places of a neighbour list where there are fewer neighbours; their distance is infinite


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The nearest stored descriptors of each of Q query descriptors, nearest first.

    rows: (Q, k) int64, the row id of the target that owns the descriptor, NO_ROW where there are fewer.
    distances: (Q, k) float32, squared Euclidean distance of the codes, inf if there are fewer.
    """

    rows: Rows
    distances: Distances

    @classmethod
    def none(cls, queries: int, k: int) -> Neighbours:
        """Return the lists of an index that holds nothing."""
        return cls(np.full((queries, k), NO_ROW, np.int64), np.full((queries, k), np.inf, np.float32))


class DescriptorIndex(Protocol):
    """Immutable once it exists; any number of threads may search it."""

    @property
    def descriptors(self) -> int:
        """How many descriptors it holds."""
        ...

    @property
    def memory(self) -> int:
        """Bytes that it keeps in memory, not counting pages of a mapped file, which the system takes back."""
        ...

    def search(self, queries: Codes, k: int) -> Neighbours:
        """Return the k nearest of each of the (Q, dim) queries; k may exceed the number held."""
        ...


class IndexWriter(Protocol):
    """Collects the codes of a segment and writes its file; each kind of segment has one."""

    @property
    def descriptors(self) -> int:
        """How many descriptors it holds so far."""
        ...

    def add(self, codes: Codes, rows: Rows) -> None:
        """Add a chunk. Raises MemoryLimit, OverflowError."""
        ...

    def save(self, path: Path) -> int:
        """Write the file and return its size. Raises OSError."""
        ...
