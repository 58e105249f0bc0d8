"""A sync of many targets: the channel's listing is kept on disk, and so are removals until their turn."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcli.bulk.add_plan import PlanEntry
from arcli.bulk.channel_state import Known
from arcli.bulk.sync.actions import Action, Do
from arcli.bulk.sync.applied_actions import apply
from arcli.bulk.sync.differences import Tally, compare
from arcli.bulk.sync.listing import ChannelListing, ListingSizes
from arcli.models import AddOptions, RemoveResult, RemoveStatus
from tests.fakes.gallery import FakeGallery

SMALL = ListingSizes(run=50, block=8, blocks=2)
MANY = 5_000


def known(number: int) -> Known:
    return Known(f"{number:064x}", None, 0.5, True, 3)


def alive(kind: type) -> int:
    return sum(isinstance(one, kind) for one in gc.get_objects())


def many() -> Iterator[tuple[str, Known]]:
    """In no order, as a vendor's service may list."""
    return ((f"id_{number * 7919 % MANY:06}", known(number)) for number in range(MANY))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=4), st.integers(0, 9)), max_size=60),
    st.lists(st.text(max_size=4), max_size=20),
)
def test_a_listing_is_the_dictionary_of_it(listed: list[tuple[str, int]], asked: list[str]) -> None:
    truth = {name: known(number) for name, number in listed}
    named = ((name, known(number)) for name, number in listed)
    with ChannelListing(named, ListingSizes(run=7, block=3, blocks=2)) as listing:
        assert len(listing) == len(truth)
        assert [listing.get(name) for name in asked] == [truth.get(name) for name in asked]
        assert {name: listing.get(name) for name in truth} == truth
        seen = listing.none_seen()
        for name in asked:
            if (found := listing.find(name)) is not None:
                seen[found[0]] = 1
        left = sorted((name, one) for name, one in truth.items() if name not in asked)
        assert list(listing.unseen(seen)) == left
        assert listing.count_missing(asked) == len(left)


def test_a_comparison_holds_a_few_targets_however_many_there_are() -> None:
    entries = (PlanEntry(image=f"{name}.jpg", identifier=name, picture_hash="x") for name, _ in many())
    kept = (entry for number, entry in enumerate(entries) if number % 2)
    most = before = alive(Known)
    last, count = Do.KEEP, 0
    with ChannelListing(many(), SMALL) as listing:
        for action in compare(kept, listing, Tally(), remove=True):
            count, last = count + 1, action.do
            if count % 250 == 0:
                most = max(most, alive(Known))
        assert last is Do.HOLD, "pictures that cannot be read hold the removals"
    assert count == MANY
    assert most - before <= SMALL.run + 3 * SMALL.block


@pytest.mark.parametrize("hold", [False, True])
def test_removals_wait_on_the_disk(hold: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = FakeGallery()

    def remove_many(*, channel: str, identifiers: Iterator[str]) -> Iterator[RemoveResult]:
        assert channel == "c"
        return (RemoveResult(identifier=name, status=RemoveStatus.REMOVED) for name in identifiers)

    monkeypatch.setattr(gallery, "remove_many", remove_many)
    do = Do.HOLD if hold else Do.REMOVE
    actions = (Action(do=do, identifier=name, before=one) for name, one in many())
    before, count, most = alive(Action), 0, 0
    statuses = set()
    for result in apply(gallery, channel="c", actions=actions, options=AddOptions()):
        statuses.add(result.status)
        count += 1
        if count % 250 == 1:
            most = max(most, alive(Action))
    assert (count, statuses) == (MANY, {"held"} if hold else {"removed"})
    assert most - before <= 50
