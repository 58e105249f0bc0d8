"""Which rows of a channel its segments cover, and the codes of the rows that they do not cover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arcli.errors import DataDamaged, DataTooNew
from arcli.features import INDEX_DIM, Features
from arcli.files import FaultPoint, reached
from arcli.index.seam import Chunk, Codes
from arcli.store.channel import ChannelStore
from arcli.store.segments import SegmentRecord

if TYPE_CHECKING:
    from arcli.store.protocols import TargetSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexingOptions:
    """What of a target is indexed and how it is searched; docs/appendix/recognition.md, step 3.

    keypoints (100 to 400): the strongest of each target, whose codes the index holds. neighbours (2 to 50):
    nearest descriptors that vote for each keypoint of a photo. rows_at_once (50 to 2000): rows whose features
    are read together; 400 take some 10 MB.
    """

    keypoints: int = 200
    neighbours: int = 10
    rows_at_once: int = 400


INDEXING = IndexingOptions()
Range = tuple[int, int]
"""First and last row id, both included."""


def gaps(covered: Iterable[SegmentRecord], last_row: int, first_row: int = 1) -> Iterator[Range]:
    """Yield the ranges in first_row..last_row that no segment covers; `covered` is ordered by first row."""
    begin = first_row
    for record in covered:
        if record.first_row > begin:
            yield begin, record.first_row - 1
        begin = max(begin, record.last_row + 1)
    if begin <= last_row:
        yield begin, last_row


def index_codes(data: bytes) -> Codes:
    """Return the index codes of stored features: (n, INDEX_DIM) int8, none when they do not decode.

    `doctor` reports such a row; it must not keep the others from being found.
    """
    try:
        return Features.from_bytes(data).codes[: INDEXING.keypoints, :INDEX_DIM]
    except DataTooNew:
        raise
    except DataDamaged:
        return np.zeros((0, INDEX_DIM), np.int8)


def codes_of(snapshot: TargetSnapshot, rows: Sequence[int]) -> Iterator[tuple[int, Codes]]:
    """Yield (row id, codes) of those of `rows` that exist, with bounded memory."""
    for start in range(0, len(rows), INDEXING.rows_at_once):
        found = snapshot.features(rows[start : start + INDEXING.rows_at_once])
        yield from ((row, index_codes(found[row])) for row in sorted(found))


class RowReader:
    """Iterates over the codes of ranges of rows, in short transactions: a long one lets the log grow."""

    def __init__(self, store: ChannelStore, ranges: Iterable[Range]) -> None:
        self._store, self._ranges = store, ranges
        self.rows = 0  # how many rows were read

    def __iter__(self) -> Iterator[Chunk]:
        for first, last in self._ranges:
            begin = first
            while found := self._read(begin, last):
                begin = found[-1][0] + 1
                self.rows += len(found)
                reached(FaultPoint.READ)
                owners = np.array([row for row, _ in found], np.int64)
                counts = [len(codes) for _, codes in found]
                yield np.concatenate([codes for _, codes in found]), np.repeat(owners, counts)

    def _read(self, first: int, last: int) -> list[tuple[int, Codes]]:
        with self._store.read() as snapshot:
            rows = snapshot.features_after(first - 1, INDEXING.rows_at_once)
            return [(row, index_codes(data)) for row, data in rows if row <= last]
