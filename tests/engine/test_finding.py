"""Lookups: in order, over channels, each photo's failure separate, and counted."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from arcli.engine import LocalGallery
from arcli.errors import ChannelNotFound, TooFewFeatures, UnreadablePicture
from arcli.models import ChannelSettings, FindOptions, ListKind, Picture, StatisticsQuery

from .conftest import cv2, encoded, item, np, photo_of, poster_pixels

TODAY = StatisticsQuery(
    start=dt.date.today() - dt.timedelta(2), end=dt.date.today() + dt.timedelta(2), misses=True
)


def photo(*seeds: int) -> Picture:
    return Picture(name="photo", data=photo_of(*seeds))


def weak_photo(seed: int, blur: float = 1.6) -> Picture:
    """A photo from a distance and out of focus, whose score is below the best."""
    pixels = cv2.imdecode(np.frombuffer(photo_of(seed), np.uint8), cv2.IMREAD_COLOR)
    blurred = cv2.GaussianBlur(cv2.resize(pixels, None, fx=0.3, fy=0.3), (0, 0), blur)
    return Picture(name="photo", data=encoded(blurred))


def counts(gallery: LocalGallery, **query: Any) -> dict[tuple[str | None, str | None], int]:
    records = gallery.statistics(query=StatisticsQuery(**{**_fields(TODAY), **query}))
    return {(record.channel, record.identifier): record.count for record in records}


def _fields(query: StatisticsQuery) -> dict[str, object]:
    return {name: getattr(query, name) for name in StatisticsQuery.__slots__}


def test_all_channels_are_searched_and_the_match_names_its_own(gallery: LocalGallery) -> None:
    gallery.create_channel(name="black", settings=ChannelSettings(kind=ListKind.BLACK))
    gallery.add(channel="posters", item=item(1))
    gallery.add(channel="black", item=item(2))
    match = gallery.find(picture=photo(2), channels=None).matches[0]
    assert (match.identifier, match.channel, match.label) == ("poster2", "black", "black")
    match = gallery.find(picture=photo(1), channels=None).matches[0]
    assert (match.identifier, match.channel, match.label) == ("poster1", "posters", None)


def test_the_quad_is_where_the_poster_hangs(gallery: LocalGallery) -> None:
    gallery.add(channel="default", item=item(1))
    quad = gallery.find(picture=photo(3, 1), channels=["default"]).matches[0].quad
    assert quad is not None
    corners = np.array(quad)
    angle = np.deg2rad(8)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    outline = np.array([(0, 0), (240, 0), (240, 320), (0, 320)], float)
    expected = (outline - (120, 160)) @ turn.T + (120 + 60 + 340, 160 + 80)
    assert np.abs(corners - expected).max() < 4


def test_a_channel_that_is_not_there_is_an_error_and_an_empty_gallery_matches_nothing(
    gallery: LocalGallery, data_dir: Path
) -> None:
    with pytest.raises(ChannelNotFound):
        gallery.find(picture=photo(1), channels=["nowhere"])
    assert gallery.find(picture=photo(1), channels=None).matched is False
    assert not data_dir.exists()


def test_results_come_in_order_and_a_bad_photo_fails_alone(gallery: LocalGallery) -> None:
    list(gallery.add_many(channel="default", items=[item(seed) for seed in range(4)]))
    blank = Picture(name="blank", data=encoded(np.full((300, 300, 3), 255, np.uint8)))
    pictures = [photo(0), Picture(name="bad", data=b"GIF89a"), photo(9), blank, photo(3)]
    results = list(gallery.find_many(pictures=pictures, channels=["default"]))
    assert [[match.identifier for match in result.matches] for result in results] == [
        ["poster0"],
        [],
        [],
        [],
        ["poster3"],
    ]
    assert isinstance(results[1].error, UnreadablePicture)
    assert isinstance(results[3].error, TooFewFeatures)


def test_candidates_say_why_they_were_not_accepted(gallery: LocalGallery) -> None:
    list(gallery.add_many(channel="default", items=[item(seed) for seed in range(4)]))
    options = FindOptions(candidates=5)
    result = gallery.find(picture=photo(2), channels=["default"], options=options)
    assert [match.identifier for match in result.matches] == ["poster2"]
    assert result.candidates
    assert all(candidate.reason and candidate.why for candidate in result.candidates)
    strict = FindOptions(candidates=5, threshold=1.0)
    refused = gallery.find(picture=weak_photo(2, 1.2), channels=["default"], options=strict)
    assert not refused.matched
    best = refused.candidates[0]
    assert (best.identifier, best.reason) == ("poster2", "below_threshold")


def test_the_threshold_is_the_targets_own_else_the_asked_else_the_channels(gallery: LocalGallery) -> None:
    gallery.create_channel(name="strict", settings=ChannelSettings(threshold=1.0))
    gallery.add(channel="strict", item=item(1))
    gallery.add(channel="strict", item=item(2, matchratio=0.3))
    gallery.add(channel="strict", item=item(3, matchratio="50%"))
    assert not gallery.find(picture=weak_photo(1), channels=["strict"]).matched
    assert gallery.find(
        picture=weak_photo(1), channels=["strict"], options=FindOptions(threshold=0.3)
    ).matched
    assert gallery.find(picture=weak_photo(2, 1.2), channels=["strict"]).matched
    assert gallery.find(
        picture=weak_photo(2, 1.2), channels=["strict"], options=FindOptions(threshold=1.0)
    ).matched
    assert not gallery.find(picture=weak_photo(3), channels=["strict"]).matched


def test_what_is_found_and_what_is_not_is_counted_unless_asked_not_to(gallery: LocalGallery) -> None:
    gallery.add(channel="default", item=item(1))
    for seed in (1, 1, 7):
        gallery.find(picture=photo(seed), channels=["default"])
    gallery.find(picture=photo(1), channels=["default"], options=FindOptions(count=False))
    assert counts(gallery, channel="default") == {("default", "poster1"): 2, ("default", None): 1}
    assert counts(gallery, misses=False) == {("default", None): 2}


def test_history_outlives_a_removed_target(gallery: LocalGallery) -> None:
    gallery.add(channel="default", item=item(1))
    gallery.find(picture=photo(1), channels=["default"])
    assert gallery.remove(channel="default", identifier="poster1")
    assert not gallery.find(picture=photo(1), channels=["default"]).matched
    assert counts(gallery, channel="default", identifier="poster1") == {("default", "poster1"): 1}


def test_a_find_with_the_same_store_gives_the_same_answer(gallery: LocalGallery) -> None:
    list(gallery.add_many(channel="default", items=[item(seed) for seed in range(5)]))
    answers = [
        gallery.find(picture=photo(1, 2), channels=["default"], options=FindOptions(limit=None)).matches
        for _ in range(3)
    ]
    assert len(answers[0]) == 2
    assert answers[0] == answers[1] == answers[2]


def test_a_corrupt_poster_in_the_batch_of_photos_keeps_its_place(gallery: LocalGallery) -> None:
    gallery.add(channel="default", item=item(1))
    whole = encoded(poster_pixels(1), ".jpg")
    pictures = [Picture(name=str(n), data=whole[: len(whole) // n]) for n in (1, 2, 3)]
    results = list(gallery.find_many(pictures=pictures, channels=["default"]))
    assert [result.image for result in results] == ["1", "2", "3"]
    assert [result.error is None for result in results] == [True, False, False]


def test_the_phases_of_a_lookup_add_up_to_its_time(gallery: LocalGallery) -> None:
    gallery.add(channel="posters", item=item(1))
    result = gallery.find(picture=photo(1), channels=["posters"])
    assert set(result.timings_ms) == {"decode", "extract", "shortlist", "load", "verify", "other"}
    assert sum(result.timings_ms.values()) == pytest.approx(result.elapsed_ms)
    assert min(result.timings_ms.values()) > 0
