"""In a large index the strongest keypoints of a photo decide where they leave no doubt; else all vote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arcli.engine import LocalGallery
from arcli.engine.indexing import shortlist as module
from arcli.engine.indexing.index_view import IndexView
from arcli.engine.indexing.shortlist import EarlyOptions, Shortlister
from arcli.engine.indexing.upkeep import compact
from arcli.index.votes import ShortlistEntry
from arcli.models import AddItem, FindOptions, Picture
from tests.index.index_samples import ALIKE, Shop, blurred, features

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Fill the shop, and return a list to which each search adds how many keypoints it was for."""
    shop.add(*range(24))
    compact(shop.store)
    asked: list[int] = []
    search = IndexView.search

    def noted(view: IndexView, queries: np.ndarray, k: int) -> object:
        asked.append(len(queries))
        return search(view, queries, k)

    monkeypatch.setattr(IndexView, "search", noted)
    return asked


def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the shop's index for a large one."""
    monkeypatch.setattr(module, "EARLY", EarlyOptions(descriptors=1000, voters=20))


def found(shop: Shop, codes: np.ndarray, *, early: bool) -> list[ShortlistEntry]:
    with shop.store.read() as snapshot:
        return shop.shortlister.search(snapshot, codes, limit=30, alike=ALIKE, early=early)


def mixed(*seeds: int) -> np.ndarray:
    """Return the codes of a photo that shows several pictures, none of them better."""
    codes = [blurred(features(seed).codes) for seed in seeds]
    return np.stack(codes, axis=1).reshape(-1, codes[0].shape[1])


def test_the_strongest_decide_where_they_leave_no_doubt(
    shop: Shop, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    large(monkeypatch)
    photo = blurred(features(7).codes)
    assert found(shop, photo, early=True)[0].row_id == found(shop, photo, early=False)[0].row_id
    assert asked == [20, len(photo)]


def test_in_doubt_all_vote_and_the_shortlist_is_the_same(
    shop: Shop, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    large(monkeypatch)
    photo = mixed(3, 4)
    assert found(shop, photo, early=True) == found(shop, photo, early=False)
    assert asked == [20, len(photo) - 20, len(photo)]


def test_a_small_index_is_searched_at_once(shop: Shop, asked: list[int]) -> None:
    photo = blurred(features(7).codes)
    assert found(shop, photo, early=True) == found(shop, photo, early=False)
    assert asked == [len(photo)] * 2


def test_only_the_search_for_one_target_of_one_channel_may_end_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early: list[bool] = []
    search = Shortlister.search

    def noted(shortlister: Shortlister, *given: object, **named: object) -> object:
        early.append(bool(named.get("early")))
        return search(shortlister, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Shortlister, "search", noted)
    picture = Picture.from_path(SAMPLES / "gallery" / "peanuts.png")
    photo = Picture.from_path(SAMPLES / "photos" / "peanuts_in_clutter.png")
    with LocalGallery(tmp_path / "data") as gallery:
        for channel in ("one", "two"):
            gallery.create_channel(name=channel)
            gallery.add(channel=channel, item=AddItem(picture=picture, identifier="peanuts"))
        for channels, limit in ((["one"], 1), (["one"], None), (["one", "two"], 1)):
            early.clear()
            assert gallery.find(picture=photo, channels=channels, options=FindOptions(limit=limit)).matched
            assert early[0] is (channels == ["one"] and limit == 1)
