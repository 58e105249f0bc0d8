"""Listing, reading, changing and removing targets."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from arcli.errors import (
    ChannelNotFound,
    InvalidIdentifier,
    InvalidMetadata,
    TargetExists,
    TargetNotFound,
    UsageError,
)
from arcli.models import Clearable, ListQuery, RemoveStatus, TargetChanges
from tests.contract.conftest import LOADED
from tests.contract.subject import Difference, Subject, photo, sample

IDENTIFIERS = [name.split(".")[0] for name in LOADED]


def listed(subject: Subject, query: ListQuery) -> tuple[int, list[str]]:
    page = subject.gallery.list(channel="default", query=query)
    return page.totalcount, [target.identifier for target in page.targets]


def test_a_listing_has_everything_in_order(loaded: Subject) -> None:
    page = loaded.gallery.list(channel="default")
    assert (page.totalcount, [t.identifier for t in page.targets]) == (len(LOADED), IDENTIFIERS)
    assert [t.metadata for t in page.targets] == [f'{{"of": "{name}"}}' for name in LOADED]
    assert {t.channel for t in page.targets} == {"default"}
    levels = [t.level for t in page.targets]
    assert (levels == [None] * len(LOADED)) == loaded.differs(Difference.NO_LEVEL_IN_LISTS)


def test_a_listing_can_be_cut_and_selected(loaded: Subject) -> None:
    assert listed(loaded, ListQuery(position=1, limit=2)) == (4, IDENTIFIERS[1:3])
    assert listed(loaded, ListQuery(position=3)) == (4, IDENTIFIERS[3:])
    assert listed(loaded, ListQuery(position=9)) == (4, [])
    assert listed(loaded, ListQuery(prefix="gra")) == (1, ["graffiti"])
    assert listed(loaded, ListQuery(active=False)) == (0, [])
    assert listed(loaded, ListQuery(active=True, limit=1)) == (4, IDENTIFIERS[:1])
    assert listed(loaded, ListQuery(where=(("of", "webcam.jpg"),))) == (1, ["webcam"])
    assert listed(loaded, ListQuery(where=(("of", "nothing"),))) == (0, [])


def test_a_listing_by_level(loaded: Subject) -> None:
    level = loaded.gallery.get(channel="default", identifier="webcam").level
    with loaded.unless(Difference.NO_LEVEL_IN_LISTS):
        assert "webcam" in listed(loaded, ListQuery(level=level))[1]


def test_an_unknown_target_is_the_same_error_for_every_verb(loaded: Subject) -> None:
    with pytest.raises(TargetNotFound) as missing:
        loaded.gallery.get(channel="default", identifier="nobody")
    assert missing.value.item == "nobody"
    with pytest.raises(TargetNotFound):
        loaded.gallery.update(channel="default", identifier="nobody", changes=TargetChanges(metadata="1"))


def test_an_unknown_channel_is_the_same_error_for_every_verb(loaded: Subject) -> None:
    for call in (
        lambda: loaded.gallery.list(channel="nowhere"),
        lambda: loaded.gallery.get(channel="nowhere", identifier="webcam"),
        lambda: loaded.gallery.remove(channel="nowhere", identifier="webcam"),
        lambda: [*loaded.gallery.remove_many(channel="nowhere", identifiers=["webcam"])],
        lambda: loaded.gallery.update(
            channel="nowhere", identifier="webcam", changes=TargetChanges(metadata="1")
        ),
        lambda: loaded.gallery.find(picture=photo("boxes.jpg"), channels=["nowhere"]),
    ):
        with pytest.raises(ChannelNotFound):
            call()


def test_the_kept_picture_is_the_one_that_was_added(loaded: Subject) -> None:
    with loaded.unless(Difference.NO_PICTURE):
        kept = loaded.gallery.picture(channel="default", identifier="webcam")
        pixels = cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR)
        original = cv2.imread(str(sample("webcam.jpg").picture.path))
        assert pixels is not None
        assert original is not None
        assert pixels.shape == original.shape
        assert float(np.mean(cv2.absdiff(pixels, original))) < 6


def test_what_is_not_named_stays_as_it_is(subject: Subject) -> None:
    gallery = subject.gallery
    gallery.add(channel="default", item=sample("peanuts.png", metadata="1", matchratio=0.4))
    changed = gallery.update(channel="default", identifier="peanuts", changes=TargetChanges(metadata="[2]"))
    assert changed == gallery.get(channel="default", identifier="peanuts")
    assert (changed.metadata, float(changed.matchratio or 0)) == ("[2]", 0.4)
    changed = gallery.update(channel="default", identifier="peanuts", changes=TargetChanges(matchratio=0.9))
    assert (changed.metadata, float(changed.matchratio or 0)) == ("[2]", 0.9)


@pytest.mark.parametrize("name", Clearable)
def test_what_a_target_need_not_have_can_be_taken_away(subject: Subject, name: Clearable) -> None:
    gallery = subject.gallery
    gallery.add(channel="default", item=sample("peanuts.png", metadata="1", matchratio=0.4))
    changes = TargetChanges(clear=frozenset({name}))
    with subject.unless(Difference.NO_STATE):
        changed = gallery.update(channel="default", identifier="peanuts", changes=changes)
        assert changed == gallery.get(channel="default", identifier="peanuts")
        assert (changed.metadata is None) == (name is Clearable.METADATA)
        assert (changed.matchratio is None) == (name is Clearable.MATCHRATIO)


def test_a_new_picture_can_come_without_the_old_ones_metadata(subject: Subject) -> None:
    gallery = subject.gallery
    gallery.add(channel="default", item=sample("peanuts.png", "one", metadata="1", matchratio=0.4))
    new = TargetChanges(picture=sample("webcam.jpg").picture, clear=frozenset(Clearable))
    changed = gallery.update(channel="default", identifier="one", changes=new)
    assert (changed.metadata, changed.matchratio) == (None, None)


def test_changes_that_are_not_valid_change_nothing(subject: Subject) -> None:
    gallery = subject.gallery
    before = gallery.add(channel="default", item=sample("peanuts.png", metadata="1")).identifier
    for changes, error in (
        (TargetChanges(metadata="{"), InvalidMetadata),
        (TargetChanges(metadata='"' + "x" * 70_000 + '"'), InvalidMetadata),
        (TargetChanges(rename="a b"), InvalidIdentifier),
        (TargetChanges(metadata="2", clear=frozenset({Clearable.METADATA})), UsageError),
    ):
        with pytest.raises(error):
            gallery.update(channel="default", identifier="peanuts", changes=changes)
    assert gallery.get(channel="default", identifier=before).metadata == "1"


def test_a_new_picture_takes_the_old_ones_place(subject: Subject) -> None:
    gallery = subject.gallery
    gallery.add(channel="default", item=sample("peanuts.png", "one", metadata="1"))
    new = TargetChanges(picture=sample("webcam.jpg").picture)
    assert gallery.update(channel="default", identifier="one", changes=new).metadata == "1"
    assert gallery.find(picture=photo("boxes.jpg"), channels=["default"]).matches[0].identifier == "one"
    assert not gallery.find(picture=photo("peanuts_in_clutter.png"), channels=["default"]).matched


def test_a_target_that_is_inactive_is_listed_but_not_found(subject: Subject) -> None:
    gallery = subject.gallery
    gallery.add(channel="default", item=sample("peanuts.png"))
    with subject.unless(Difference.NO_STATE):
        off = gallery.update(channel="default", identifier="peanuts", changes=TargetChanges(active=False))
        assert not off.active
        assert listed(subject, ListQuery(active=False)) == (1, ["peanuts"])
        assert not gallery.find(picture=photo("peanuts_in_clutter.png"), channels=["default"]).matched
        gallery.update(channel="default", identifier="peanuts", changes=TargetChanges(active=True))
        assert gallery.find(picture=photo("peanuts_in_clutter.png"), channels=["default"]).matched


def test_a_rename_keeps_the_rest_and_takes_no_other_targets_name(subject: Subject) -> None:
    gallery = subject.gallery
    gallery.add(channel="default", item=sample("peanuts.png", metadata="1"))
    gallery.add(channel="default", item=sample("webcam.jpg"))
    with subject.unless(Difference.NO_STATE):
        renamed = gallery.update(
            channel="default", identifier="peanuts", changes=TargetChanges(rename="nuts")
        )
        assert (renamed.identifier, renamed.metadata) == ("nuts", "1")
        with pytest.raises(TargetExists):
            gallery.update(channel="default", identifier="nuts", changes=TargetChanges(rename="webcam"))
        assert listed(subject, ListQuery()) == (2, ["nuts", "webcam"])


def test_removing_many_says_what_became_of_each(loaded: Subject) -> None:
    asked = ["webcam", "nobody", "a b", "graffiti"]
    results = [*loaded.gallery.remove_many(channel="default", identifiers=iter(asked))]
    assert [result.identifier for result in results] == asked
    absent = RemoveStatus.REMOVED if loaded.differs(Difference.REMOVE_ALWAYS_TRUE) else RemoveStatus.ABSENT
    removed, failed = RemoveStatus.REMOVED, RemoveStatus.FAILED
    assert [result.status for result in results] == [removed, absent, failed, removed]
    assert [type(result.error) for result in results] == [
        type(None),
        type(None),
        InvalidIdentifier,
        type(None),
    ]
    assert listed(loaded, ListQuery())[1] == [i for i in IDENTIFIERS if i not in asked]


def test_a_removed_target_is_gone_and_its_name_is_free(subject: Subject) -> None:
    gallery = subject.gallery
    gallery.add(channel="default", item=sample("peanuts.png"))
    assert gallery.remove(channel="default", identifier="peanuts") is True
    again = gallery.remove(channel="default", identifier="peanuts")
    assert again is subject.differs(Difference.REMOVE_ALWAYS_TRUE)
    assert not gallery.find(picture=photo("peanuts_in_clutter.png"), channels=["default"]).matched
    gallery.add(channel="default", item=sample("webcam.jpg", "peanuts"))
    assert not gallery.find(picture=photo("peanuts_in_clutter.png"), channels=["default"]).matched
    assert gallery.find(picture=photo("boxes.jpg"), channels=["default"]).matches[0].identifier == "peanuts"
