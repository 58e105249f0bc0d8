"""Looking photos up, checking pictures, and the counts that finding leaves behind."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from arcli.errors import (
    ChannelNotFound,
    PictureNotFound,
    TargetNotFound,
    TooFewFeatures,
    UnreadablePicture,
)
from arcli.models import Effort, FindOptions, Picture, StatisticsQuery
from tests.contract.subject import SAMPLES, Difference, Subject, photo, sample
from tests.contract.test_adding import blank

TODAY = dt.datetime.now(dt.UTC).date()
AROUND_TODAY: dict[str, Any] = {"start": TODAY - dt.timedelta(days=1), "end": TODAY + dt.timedelta(days=1)}


def test_a_photo_is_answered_with_the_target_and_its_place(loaded: Subject) -> None:
    result = loaded.gallery.find(picture=photo("peanuts_in_clutter.png"), channels=["default"])
    assert result.image.endswith("peanuts_in_clutter.png")
    (match,) = result.matches
    assert (match.identifier, match.channel) == ("peanuts", "default")
    assert match.metadata == '{"of": "peanuts.png"}'
    assert match.level == loaded.gallery.get(channel="default", identifier="peanuts").level
    if loaded.differs(Difference.NO_GEOMETRY):
        assert (match.score, match.inliers, match.quad) == (None, None, None)
    else:
        assert 0 < (match.score or 0) <= 1
        assert (match.inliers or 0) >= 8
        assert match.quad == tuple(pytest.approx(corner, abs=12) for corner in PEANUTS_AT)


PEANUTS_AT = ((118, 160), (285, 175), (267, 298), (90, 272))  # read off the photo, pixels


def test_a_photo_that_shows_nothing_is_an_answer(loaded: Subject) -> None:
    result = loaded.gallery.find(picture=photo("shoes.jpg"), channels=["default"])
    assert (result.matched, result.matches, result.error) == (False, (), None)


def test_only_the_channels_that_were_named_are_searched(loaded: Subject) -> None:
    note = photo("note_on_marble.jpg")
    assert not loaded.gallery.find(picture=note, channels=["default"]).matched
    for channels in (["posters"], ["default", "posters"], None):
        (match,) = loaded.gallery.find(picture=note, channels=channels).matches
        assert (match.identifier, match.channel) == ("note_20000", "posters")
    with pytest.raises(ChannelNotFound):
        loaded.gallery.find(picture=note, channels=["nowhere", "posters"])


def test_metadata_are_left_out_on_request(loaded: Subject) -> None:
    options = FindOptions(metadata=False)
    result = loaded.gallery.find(
        picture=photo("peanuts_in_clutter.png"), channels=["default"], options=options
    )
    assert [(m.identifier, m.metadata) for m in result.matches] == [("peanuts", None)]


def test_many_photos_are_answered_in_order_each_with_its_own_failure(loaded: Subject) -> None:
    pictures = [
        photo("shoes.jpg"),
        Picture.from_path(SAMPLES / "photos" / "missing.jpg"),
        Picture(name="text.jpg", data=b"this is no picture"),
        blank(),
        photo("graffiti_from_the_side.jpg"),
    ]
    results = list(loaded.gallery.find_many(pictures=iter(pictures), channels=["default"]))
    assert [result.image for result in results] == [picture.name for picture in pictures]
    assert [type(result.error) for result in results] == [
        type(None),
        PictureNotFound,
        UnreadablePicture,
        TooFewFeatures,
        type(None),
    ]
    assert [m.identifier for m in results[-1].matches] == ["graffiti"]


def test_a_single_photo_that_cannot_be_read_is_raised(loaded: Subject) -> None:
    with pytest.raises(UnreadablePicture) as refused:
        loaded.gallery.find(picture=Picture(name="text.jpg", data=b"no picture"), channels=["default"])
    assert refused.value.item == "text.jpg"


def test_several_targets_in_one_photo(loaded: Subject) -> None:
    with loaded.unless(Difference.NO_FIND_OPTIONS):
        options = FindOptions(limit=None)
        matches = loaded.gallery.find(
            picture=photo("boxes.jpg"), channels=["default"], options=options
        ).matches
        assert {match.identifier for match in matches} == {"drive_case", "webcam"}
    first = loaded.gallery.find(picture=photo("boxes.jpg"), channels=["default"]).matches
    assert len(first) == 1
    assert first[0].identifier in ("drive_case", "webcam")


def test_candidates_come_with_the_reason_why_they_were_not_accepted(loaded: Subject) -> None:
    with loaded.unless(Difference.NO_FIND_OPTIONS):
        options = FindOptions(candidates=3)
        result = loaded.gallery.find(picture=photo("shoes.jpg"), channels=["default"], options=options)
        assert not result.matched
        assert 1 <= len(result.candidates) <= 3
        assert all(candidate.reason and candidate.why for candidate in result.candidates)


def weak_clutter() -> Picture:
    """The photo of clutter from a distance and out of focus: found, with a score well below the best."""
    pixels = cv2.imread(str(SAMPLES / "photos" / "peanuts_in_clutter.png"))
    blurred = cv2.GaussianBlur(cv2.resize(pixels, None, fx=0.35, fy=0.35), (0, 0), 1.0)
    return Picture(name="weak.png", data=bytes(cv2.imencode(".png", blurred)[1]))


def below_the_best(subject: Subject) -> Picture:
    """A photo of the peanuts that is found at a score below the best."""
    if not subject.differs(Difference.NO_WEAK_PHOTOS):
        return weak_clutter()
    assert not subject.gallery.find(picture=weak_clutter(), channels=["default"]).matched
    return photo("peanuts_in_clutter.png")


def test_a_threshold_decides_what_counts_as_found(loaded: Subject) -> None:
    with loaded.unless(Difference.NO_FIND_OPTIONS):
        strict = FindOptions(threshold=1.0)
        clutter = below_the_best(loaded)
        assert not loaded.gallery.find(picture=clutter, channels=["default"], options=strict).matched
        fast = FindOptions(effort=Effort.FAST)
        assert loaded.gallery.find(picture=clutter, channels=["default"], options=fast).matched


def test_a_targets_own_threshold_beats_the_channels(subject: Subject) -> None:
    if subject.differs(Difference.NO_GEOMETRY):
        pytest.skip("a service without scores keeps the meaning of its matchratio to itself")
    subject.gallery.add(channel="default", item=sample("peanuts.png", matchratio=1.0))
    assert not subject.gallery.find(picture=below_the_best(subject), channels=["default"]).matched


def test_a_picture_is_rated_and_nothing_is_written(loaded: Subject) -> None:
    pictures = [sample("card.png").picture, blank(), sample("webcam.jpg").picture]
    results = list(loaded.gallery.check(pictures=pictures, channel="default"))
    assert [result.image for result in results] == [picture.name for picture in pictures]
    assert [type(result.error) for result in results] == [type(None), TooFewFeatures, type(None)]
    if not loaded.differs(Difference.OWN_LEVELS):
        assert results[2].level == loaded.gallery.get(channel="default", identifier="webcam").level
    assert all(hint.code and hint.message for hint in results[0].hints)
    found = {duplicate.identifier for duplicate in results[2].duplicates}
    assert found == (set() if loaded.differs(Difference.NO_DUPLICATES) else {"webcam"})
    assert loaded.gallery.list(channel="default").totalcount == 4


def test_finds_are_counted_by_channel_and_by_target(subject: Subject) -> None:
    gallery = subject.gallery
    gallery.add(channel="default", item=sample("peanuts.png"))
    gallery.add(channel="posters", item=sample("webcam.jpg"))
    for _ in range(2):
        gallery.find(picture=photo("peanuts_in_clutter.png"), channels=["default"])
    gallery.find(picture=photo("boxes.jpg"), channels=None)
    gallery.find(picture=photo("shoes.jpg"), channels=None)

    everything = gallery.statistics(query=StatisticsQuery(**AROUND_TODAY))
    assert [(r.channel, r.identifier, r.count) for r in everything] == [
        ("default", None, 2),
        ("posters", None, 1),
    ]
    one = gallery.statistics(query=StatisticsQuery(channel="default", **AROUND_TODAY))
    assert [(r.identifier, r.count) for r in one] == [("peanuts", 2)]
    assert all(dt.datetime.strptime(r.date, "%Y%m%d") for r in one)
    named = StatisticsQuery(channel="default", identifier="peanuts", **AROUND_TODAY)
    assert [r.count for r in gallery.statistics(query=named)] == [2]
    with pytest.raises(TargetNotFound):
        gallery.statistics(query=StatisticsQuery(channel="default", identifier="nobody", **AROUND_TODAY))
    with pytest.raises(ChannelNotFound):
        gallery.statistics(query=StatisticsQuery(channel="nowhere", **AROUND_TODAY))


def test_counts_outlive_their_target_and_finds_may_go_uncounted(subject: Subject) -> None:
    gallery, clutter = subject.gallery, photo("peanuts_in_clutter.png")
    gallery.add(channel="default", item=sample("peanuts.png"))
    gallery.find(picture=clutter, channels=["default"])
    with subject.unless(Difference.NO_FIND_OPTIONS):
        assert gallery.find(picture=clutter, channels=["default"], options=FindOptions(count=False)).matched
    gallery.remove(channel="default", identifier="peanuts")
    history = StatisticsQuery(channel="default", identifier="peanuts", **AROUND_TODAY)
    assert [record.count for record in gallery.statistics(query=history)] == [1]


def test_photos_that_matched_nothing_are_counted_too(subject: Subject) -> None:
    subject.gallery.add(channel="default", item=sample("peanuts.png"))
    subject.gallery.find(picture=photo("shoes.jpg"), channels=["default"])
    with subject.unless(Difference.NO_MISSES):
        query = StatisticsQuery(channel="default", misses=True, **AROUND_TODAY)
        missed = [record for record in subject.gallery.statistics(query=query) if record.missed]
        assert [record.count for record in missed] == [1]


def test_a_large_photo_gives_the_same_answer_and_corners_in_its_own_pixels(
    loaded: Subject, tmp_path: Path
) -> None:
    """A client sends less than a phone's 50 megapixels; its answer still refers to the original photo."""
    small = cv2.imread(str(photo("boxes.jpg").path))
    assert small is not None
    height, width = small.shape[:2]
    factor = 8160 / max(width, height)
    large = tmp_path / "phone.jpg"
    cv2.imwrite(str(large), cv2.resize(small, None, fx=factor, fy=factor), [cv2.IMWRITE_JPEG_QUALITY, 97])
    (expected,) = loaded.gallery.find(picture=photo("boxes.jpg"), channels=["default"]).matches
    (match,) = loaded.gallery.find(picture=Picture.from_path(large), channels=["default"]).matches
    assert match.identifier == expected.identifier
    if not loaded.differs(Difference.NO_GEOMETRY):
        assert match.quad is not None
        assert expected.quad is not None
        moved = (np.array(match.quad) + 0.5) / factor - 0.5
        assert np.abs(moved - np.array(expected.quad)).max() < 0.01 * max(width, height)
