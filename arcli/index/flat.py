"""The `flat` kind: codes as they are, searched exactly by one matrix product and a running threshold.

For up to some 20,000 descriptors. Its file is read, not memory-mapped: if a mapped file is cut short while a
server runs, SIGBUS ends the server.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from arcli.errors import DataDamaged
from arcli.index.seam import Chunk, Codes, Distances, Neighbours, Rows

_HEADER = struct.Struct("<4sHHQ")  # magic, format, dim, descriptors
_MAGIC = b"aFlt"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """block (2048 to 8192; all equally fast): codes compared at once; 500 queries x 4096 float32 are 8 MB.
    bounded_block (256 to 1024): the same where bounds are known, so that no maxima are taken of a block; 400
    queries x 512 float32 stay in a processor's second cache, which takes .6 of the time. groups (16 to 256):
    the maxima of so many interleaved parts of a block are a lower bound of its k best scores.
    """

    block: int = 4096
    bounded_block: int = 512
    groups: int = 64


_SCAN = ScanOptions()
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ExactIndex:
    """Codes (N, dim) int8 and the row id (N,) of each."""

    codes: Codes
    rows: Rows

    @property
    def descriptors(self) -> int:
        return len(self.codes)

    @property
    def memory(self) -> int:
        return self.codes.nbytes + self.rows.nbytes

    def search(self, queries: Codes, k: int, bounds: Distances | None = None) -> Neighbours:
        """Return the k nearest descriptors of each query.

        bounds: (Q,) float32; descriptors farther away than their query's bound may be left out. The k-th
        distance already found elsewhere makes the search about twice as fast.
        """
        if not len(queries) or not self.descriptors:
            return Neighbours.none(len(queries), k)
        scan = _Scan.start(queries, k, bounds)
        block = _SCAN.block if scan.raising else _SCAN.bounded_block
        for start in range(0, self.descriptors, block):
            scan.take(self.codes[start : start + block], start)
        return scan.finish(self.rows)


@dataclass(slots=True, eq=False)
class _Scan:
    """Scores are 2 q·c - |c|², that is |q|² minus the squared distance; exact in float32 for int8 codes."""

    doubled: Scores  # (Q, dim + 1): 2 q, and -1 for |c|²
    squares: Scores
    best: Scores  # (Q, k) lower bounds of the k best scores
    floor: Scores  # (Q, 1) the least of them
    raising: bool  # whether they are computed here, or were given
    hits: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Scores]]

    @classmethod
    def start(cls, queries: Codes, k: int, bounds: Distances | None) -> _Scan:
        wide = queries.astype(np.float32)
        squares = np.einsum("qd,qd->q", wide, wide)
        doubled = np.concatenate([2 * wide, np.full((len(wide), 1), -1, np.float32)], axis=1)
        best = np.full((len(queries), k), -np.inf, np.float32)
        if bounds is not None:
            best[:] = (squares - bounds)[:, None]
        floor = best.min(axis=1)[:, None]
        return cls(doubled, squares, best, floor, not np.isfinite(best).all(), [])

    def take(self, codes: Codes, start: int) -> None:
        count, dim = codes.shape
        wide = np.empty((count, dim + 1), np.float32)
        wide[:, :dim] = codes
        wide[:, dim] = np.einsum("cd,cd->c", wide[:, :dim], wide[:, :dim])
        scores = self.doubled @ wide.T
        if self.raising:
            self._raise_bounds(scores)
            self.floor = self.best.min(axis=1)[:, None]
        near = scores >= self.floor
        if not near.any():
            return
        flat = np.flatnonzero(near)
        query, column = np.divmod(flat, scores.shape[1])
        self.hits.append((query, column + start, scores.ravel()[flat]))

    def _raise_bounds(self, scores: Scores) -> None:
        width = scores.shape[1] // _SCAN.groups
        if width < self.best.shape[1]:
            maxima = scores
        else:
            parts = scores[:, : width * _SCAN.groups].reshape(len(scores), _SCAN.groups, width)
            maxima = parts.max(axis=1)
        k = self.best.shape[1]
        known = np.concatenate([self.best, maxima], axis=1)
        self.best = np.partition(known, -k, axis=1)[:, -k:]

    def finish(self, rows: Rows) -> Neighbours:
        if not self.hits:
            return Neighbours.none(*self.best.shape)
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


class FlatBuilder:
    """Collects codes for a file, like the builders of the other kinds."""

    def __init__(self) -> None:
        self._chunks: list[Chunk] = []

    @property
    def descriptors(self) -> int:
        return sum(len(codes) for codes, _ in self._chunks)

    def add(self, codes: Codes, rows: Rows) -> None:
        self._chunks.append((codes, rows))

    def save(self, path: Path) -> int:
        codes, rows = (np.concatenate(part) for part in zip(*self._chunks, strict=True))
        return save(path, codes, rows)


def save(path: Path, codes: Codes, rows: Rows) -> int:
    """Write a header, the row id of each descriptor (int64), and the codes (int8); return the size."""
    with path.open("wb") as file:
        file.write(_HEADER.pack(_MAGIC, _FORMAT, codes.shape[1], len(codes)))
        file.write(np.ascontiguousarray(rows, "<i8").tobytes())
        file.write(np.ascontiguousarray(codes, np.int8).tobytes())
    return _size(len(codes), codes.shape[1])


def load(path: Path, *, dim: int, descriptors: int) -> ExactIndex:
    """Read a file that `save` wrote. Raises DataDamaged when it does not agree with its record."""
    expected = _size(descriptors, dim)
    if path.stat().st_size != expected or not descriptors:
        raise DataDamaged(f"{path.name}: {path.stat().st_size} bytes, not {expected}")
    data = path.read_bytes()
    if len(data) != expected or _HEADER.unpack_from(data) != (_MAGIC, _FORMAT, dim, descriptors):
        raise DataDamaged(f"{path.name}: not the codes that its record describes")
    rows = np.frombuffer(data, "<i8", descriptors, _HEADER.size)
    codes = np.frombuffer(data, np.int8, descriptors * dim, _HEADER.size + rows.nbytes)
    return ExactIndex(codes.reshape(descriptors, dim), rows)


def _size(descriptors: int, dim: int) -> int:
    return _HEADER.size + descriptors * (8 + dim)
