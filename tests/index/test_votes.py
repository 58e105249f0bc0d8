"""The vote of recognition.md, step 3, on lists small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from arcli.index.seam import NO_ROW, Neighbours
from arcli.index.votes import ShortlistEntry, merged, without
from arcli.index.votes import shortlist as counted

ALIKE = 2000  # squared distance within which keypoints are one


def shortlist(found: Neighbours, limit: int) -> list[ShortlistEntry]:
    return counted(found, limit, alike=ALIKE)


def lists(*entries: list[tuple[int, float]]) -> Neighbours:
    """One list of (row, squared distance in thousands) for each query keypoint."""
    return Neighbours(
        np.array([[row for row, _ in entry] for entry in entries], np.int64),
        np.array([[1000 * distance for _, distance in entry] for entry in entries], np.float32),
    )


def test_a_neighbour_votes_by_how_much_nearer_it_is_than_the_last() -> None:
    found = lists([(7, 10), (8, 20), (9, 40)], [(8, 0), (7, 30), (9, 60)])
    votes = {vote.row_id: vote.votes for vote in shortlist(found, 30)}
    assert votes == {8: pytest.approx(0.5 + 1.0), 7: pytest.approx(0.75 + 0.5)}


def test_a_target_gets_one_vote_of_a_keypoint_and_it_is_the_best() -> None:
    (vote,) = shortlist(lists([(7, 10), (7, 20), (9, 40)]), 30)
    assert (vote.row_id, vote.votes) == (7, pytest.approx(0.75))


def test_the_list_is_ordered_by_votes_then_row_and_cut_at_the_limit() -> None:
    found = lists([(5, 1), (4, 1), (3, 2), (2, 4)])
    assert [vote.row_id for vote in shortlist(found, 2)] == [4, 5]


def test_equal_pictures_all_get_votes_although_all_distances_are_zero() -> None:
    assert [vote.row_id for vote in shortlist(lists([(1, 0), (2, 0)]), 30)] == [1, 2]


def test_look_alikes_that_fill_a_list_all_get_their_votes() -> None:
    look_alikes = [(row, 0.1) for row in range(1, 10)] + [(10, 0.2)]
    clutter = [(row, 4 + row / 10) for row in range(11, 21)]
    votes = {vote.row_id: vote.votes for vote in shortlist(lists(look_alikes, clutter), 30)}
    assert min(votes[row] for row in range(1, 11)) > 0.85
    assert max(votes[row] for row in range(11, 20)) < 0.2


def test_empty_places_neither_vote_nor_count_as_the_farthest() -> None:
    found = lists([(7, 10), (8, 20), (NO_ROW, np.inf)])
    assert {vote.row_id: vote.votes for vote in shortlist(found, 30)} == {7: pytest.approx(0.5)}
    assert shortlist(Neighbours.none(3, 10), 30) == []
    assert shortlist(Neighbours.none(0, 10), 30) == []


def test_the_dead_leave_before_the_farthest_is_taken() -> None:
    found = lists([(7, 10), (8, 20), (6, 80)])
    alive = merged([without(found, np.array([6, 12]))], 3)
    assert {vote.row_id: vote.votes for vote in shortlist(alive, 30)} == {7: pytest.approx(0.5)}


def test_lists_of_several_indexes_become_one_by_distance() -> None:
    one, two = lists([(1, 10), (2, 30)]), lists([(3, 20), (NO_ROW, np.inf)])
    both = merged([one, two], 3)
    assert both.rows.tolist() == [[1, 3, 2]]
    assert both.distances.tolist() == [[10_000, 20_000, 30_000]]
