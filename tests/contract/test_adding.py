"""Registering pictures: results in order, failures by item, the same errors everywhere."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from arcli.errors import (
    ChannelNotFound,
    InvalidChannelName,
    InvalidIdentifier,
    InvalidMetadata,
    LevelTooLow,
    PictureNotFound,
    TargetExists,
    TargetNotFound,
    TooFewFeatures,
    UnreadablePicture,
)
from arcli.models import AddItem, AddOptions, AddStatus, OnExists, Picture
from tests.contract.subject import SAMPLES, Difference, Subject, photo, sample


def blank() -> Picture:
    return Picture(
        name="blank.png", data=cv2.imencode(".png", np.full((480, 480, 3), 200, np.uint8))[1].tobytes()
    )


def test_what_was_added_can_be_read_back(subject: Subject) -> None:
    item = sample("peanuts.png", metadata='{"é": [1, 2.50]}', matchratio=0.5)
    result = subject.gallery.add(channel="default", item=item)
    assert (result.image, result.identifier, result.status) == (item.picture.name, "peanuts", AddStatus.ADDED)
    assert result.level in range(1, 6)
    target = subject.gallery.get(channel="default", identifier="peanuts")
    assert (target.identifier, target.channel, target.metadata) == ("peanuts", "default", '{"é": [1, 2.50]}')
    assert float(target.matchratio or 0) == 0.5
    assert (target.level, target.active) == (result.level, True)
    assert (target.created is None) == subject.differs(Difference.NO_TIMES)


def test_a_batch_goes_on_past_its_failures_and_answers_in_order(subject: Subject) -> None:
    missing = Picture.from_path(SAMPLES / "gallery" / "missing.jpg")
    text = Picture(name="text.jpg", data=b"this is no picture")
    items = [
        sample("peanuts.png"),
        AddItem(picture=missing, identifier="missing"),
        AddItem(picture=text, identifier="text"),
        AddItem(picture=blank(), identifier="blank"),
        sample("card.png", "no"),
        sample("card.png", "card\n"),
        sample("card.png", "card", metadata="{"),
        sample("card.png", "peanuts"),
        sample("webcam.jpg"),
    ]
    results = list(subject.gallery.add_many(channel="default", items=items))
    assert [result.identifier for result in results] == [item.identifier for item in items]
    expected = [
        type(None),
        PictureNotFound,
        UnreadablePicture,
        TooFewFeatures,
        InvalidIdentifier,
        InvalidIdentifier,
        InvalidMetadata,
        TargetExists,
        type(None),
    ]
    assert [type(result.error) for result in results] == expected
    failed = [result.status is AddStatus.FAILED for result in results]
    assert failed == [kind is not type(None) for kind in expected]
    targets = subject.gallery.list(channel="default").targets
    assert [target.identifier for target in targets] == ["peanuts", "webcam"]


def test_a_single_failure_is_raised_and_leaves_nothing(subject: Subject) -> None:
    with pytest.raises(TooFewFeatures) as refused:
        subject.gallery.add(channel="default", item=AddItem(picture=blank(), identifier="blank"))
    assert refused.value.item == "blank.png"
    assert subject.gallery.list(channel="default").totalcount == 0


@pytest.mark.parametrize("identifier", ["ab", "a" * 51, "a b c", "abc\n", "äöü", "../x", ""])
def test_an_identifier_that_is_not_valid_is_refused_by_every_verb(subject: Subject, identifier: str) -> None:
    with pytest.raises(InvalidIdentifier):
        subject.gallery.add(
            channel="default", item=AddItem(picture=photo("boxes.jpg"), identifier=identifier)
        )
    with pytest.raises(InvalidIdentifier):
        subject.gallery.get(channel="default", identifier=identifier)
    with pytest.raises(InvalidIdentifier):
        subject.gallery.remove(channel="default", identifier=identifier)


def test_items_are_taken_as_they_are_needed(subject: Subject) -> None:
    taken = 0

    def endless() -> Iterator[AddItem]:
        nonlocal taken
        while True:
            taken += 1
            yield sample("peanuts.png", f"copy{taken:04}")

    results = subject.gallery.add_many(channel="default", items=endless(), options=AddOptions(jobs=1))
    assert next(results).identifier == "copy0001"
    assert taken < 200
    assert isinstance(results, Generator)
    results.close()


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "a\nb", "", " a", "x" * 65])
def test_a_channel_name_that_is_not_valid_is_refused(subject: Subject, name: str) -> None:
    with pytest.raises(InvalidChannelName):
        subject.gallery.add(channel=name, item=sample("peanuts.png"))
    with pytest.raises(InvalidChannelName):
        subject.gallery.list(channel=name)


def test_an_unknown_channel_is_made_by_add_or_refused_everywhere(subject: Subject) -> None:
    if subject.differs(Difference.CHANNEL_MUST_EXIST):
        with pytest.raises(ChannelNotFound):
            subject.gallery.add(channel="neu", item=sample("peanuts.png"))
    else:
        subject.gallery.add(channel="neu", item=sample("peanuts.png"))
        assert subject.gallery.list(channel="neu").totalcount == 1
    with pytest.raises(ChannelNotFound):
        subject.gallery.add(
            channel="nowhere", item=sample("peanuts.png"), options=AddOptions(create_channel=False)
        )
    results = subject.gallery.add_many(
        channel="nowhere", items=[sample("peanuts.png")], options=AddOptions(create_channel=False)
    )
    with pytest.raises(ChannelNotFound):
        next(results)


def test_a_taken_identifier_can_be_skipped_or_replaced(subject: Subject) -> None:
    gallery = subject.gallery
    gallery.add(channel="default", item=sample("peanuts.png", "one", metadata="1"))
    other = sample("webcam.jpg", "one", metadata="2")
    skipped = gallery.add(channel="default", item=other, options=AddOptions(on_exists=OnExists.SKIP))
    assert skipped.status is AddStatus.SKIPPED
    assert gallery.get(channel="default", identifier="one").metadata == "1"
    replaced = gallery.add(channel="default", item=other, options=AddOptions(on_exists=OnExists.REPLACE))
    assert replaced.status is AddStatus.REPLACED
    assert gallery.get(channel="default", identifier="one").metadata == "2"
    assert gallery.find(picture=photo("boxes.jpg"), channels=["default"]).matches[0].identifier == "one"
    assert not gallery.find(picture=photo("peanuts_in_clutter.png"), channels=["default"]).matched


def test_a_dry_run_says_what_would_happen_and_writes_nothing(subject: Subject) -> None:
    gallery = subject.gallery
    gallery.add(channel="default", item=sample("peanuts.png"))
    items = [sample("peanuts.png"), sample("webcam.jpg"), AddItem(picture=blank(), identifier="blank")]
    results = list(gallery.add_many(channel="default", items=items, options=AddOptions(dry_run=True)))
    assert [result.status for result in results] == [
        AddStatus.WOULD_FAIL,
        AddStatus.WOULD_ADD,
        AddStatus.WOULD_FAIL,
    ]
    assert [type(result.error) for result in results] == [TargetExists, type(None), TooFewFeatures]
    assert gallery.list(channel="default").totalcount == 1


def test_a_level_that_is_too_low_is_refused(subject: Subject) -> None:
    with pytest.raises(LevelTooLow):
        subject.gallery.add(channel="default", item=sample("card.png"), options=AddOptions(min_level=5))
    with pytest.raises(TargetNotFound):
        subject.gallery.get(channel="default", identifier="card")


def test_a_large_picture_is_found_like_the_small_one(subject: Subject, tmp_path: Path) -> None:
    """A client sends less than 50 megapixels; the target is the same, and so are its corners in a photo."""
    small = sample("peanuts.png", "small")
    pixels = cv2.imread(str(small.picture.path))
    assert pixels is not None
    factor = 8160 / max(pixels.shape)
    large = tmp_path / "print.jpg"
    cv2.imwrite(str(large), cv2.resize(pixels, None, fx=factor, fy=factor), [cv2.IMWRITE_JPEG_QUALITY, 97])
    subject.gallery.add(channel="default", item=small)
    item = AddItem(picture=Picture.from_path(large), identifier="large")
    assert subject.gallery.add(channel="posters", item=item).error is None
    clutter = photo("peanuts_in_clutter.png")
    found = [
        subject.gallery.find(picture=clutter, channels=[name]).matches[0] for name in ("default", "posters")
    ]
    assert [match.identifier for match in found] == ["small", "large"]
    if not subject.differs(Difference.NO_GEOMETRY):
        first, second = (np.array(match.quad) for match in found)
        seen = cv2.imread(str(clutter.path))
        assert seen is not None
        assert np.abs(first - second).max() < 0.01 * max(seen.shape)
