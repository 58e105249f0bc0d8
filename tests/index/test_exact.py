"""Exact search finds what brute force finds, whatever the number of codes and neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from arcli.index.flat import ExactIndex
from arcli.index.seam import NO_ROW
from tests.index.index_samples import Codes


@pytest.mark.parametrize("size", [1, 9, 10, 700, 4096, 5000, 6000])
@pytest.mark.parametrize("k", [1, 10, 25])
def test_the_nearest_are_those_of_brute_force(sample: Codes, size: int, k: int) -> None:
    part = Codes(sample.codes[:size], sample.rows[:size], sample.queries)
    found = ExactIndex(part.codes, part.rows).search(part.queries, k)
    held = min(k, size)
    np.testing.assert_array_equal(found.distances[:, :held], part.nearest(held))
    assert (found.rows[:, held:] == NO_ROW).all()
    assert np.isinf(found.distances[:, held:]).all()


def test_each_neighbour_is_reported_with_its_own_row(sample: Codes) -> None:
    found = ExactIndex(sample.codes, sample.rows).search(sample.codes[:200:7], 1)
    np.testing.assert_array_equal(found.distances[:, 0], 0)
    np.testing.assert_array_equal(found.rows[:, 0], sample.rows[:200:7])


def test_a_bound_leaves_out_only_what_is_farther(sample: Codes) -> None:
    index = ExactIndex(sample.codes, sample.rows)
    free = index.search(sample.queries, 10)
    bounds = free.distances[:, 4]
    bound = index.search(sample.queries, 10, bounds)
    np.testing.assert_array_equal(bound.distances[:, :5], free.distances[:, :5])
    assert (bound.distances[np.isfinite(bound.distances)] <= np.repeat(bounds, 10).max()).all()
    assert np.isinf(bound.distances).any()


def test_an_empty_index_and_a_photo_without_keypoints_have_no_neighbours(sample: Codes) -> None:
    nothing = ExactIndex(sample.codes[:0], sample.rows[:0]).search(sample.queries, 10)
    assert (nothing.rows == NO_ROW).all()
    assert ExactIndex(sample.codes, sample.rows).search(sample.queries[:0], 10).rows.shape == (0, 10)
