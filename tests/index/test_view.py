"""Dead rows are removed from a neighbour list before the vote, and the list is longer by their share."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from arcli.engine.indexing.index_view import OpenSegment
from arcli.index.flat import ExactIndex
from arcli.index.seam import Codes, Neighbours
from arcli.models import IndexKind, SegmentFile
from arcli.store.segments import SegmentRecord
from tests.index.index_samples import PER_TARGET, blurred, clustered

TARGETS = 40
ROWS = np.repeat(np.arange(1, TARGETS + 1), PER_TARGET)


class Noting(ExactIndex):
    """Records how many neighbours were requested."""

    asked: ClassVar[list[int]] = []

    def search(self, queries: Codes, k: int, bounds: object = None) -> Neighbours:
        self.asked.append(k)
        return super().search(queries, k)


def segment(codes: Codes) -> OpenSegment:
    file = SegmentFile(
        name="", kind=IndexKind.FLAT, dim=32, ef=12, descriptors=len(codes), bytes=0, crc32=0, sha256=""
    )
    record = SegmentRecord(
        file=file, first_row=1, last_row=TARGETS, rows=TARGETS, built_at=0, store_id="", epoch=""
    )
    return OpenSegment(record, Noting(codes, ROWS))


@pytest.mark.parametrize(("dead", "width"), [(0, 10), (4, 12), (8, 13), (20, 20)])
def test_lists_are_longer_by_the_share_of_the_dead(dead: int, width: int) -> None:
    codes = clustered(TARGETS * PER_TARGET, 32, seed=5)
    Noting.asked.clear()
    gone = np.arange(1, TARGETS + 1)[:: TARGETS // dead if dead else TARGETS][:dead]
    found = segment(codes).search(blurred(codes[::97]), 10, gone)
    assert Noting.asked[0] == width
    assert not np.isin(found.rows, gone).any()


def test_the_living_are_found_as_if_the_dead_had_never_been() -> None:
    codes = clustered(TARGETS * PER_TARGET, 32, seed=5)
    queries, gone = blurred(codes[::97]), np.arange(1, TARGETS + 1, 5)
    found = segment(codes).search(queries, 10, gone)
    living = ~np.isin(ROWS, gone)
    alone = ExactIndex(codes[living], ROWS[living]).search(queries, 10)
    nearest = np.sort(found.distances, axis=1)[:, :10]
    np.testing.assert_array_equal(nearest, alone.distances)
