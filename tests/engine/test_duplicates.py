"""Duplicates by content: copies are duplicates, other art on one template and another photograph are not."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from arcli.engine import LocalGallery
from arcli.models import AddItem, ChannelSettings, Picture
from benchmarks.camera import Camera, photograph
from benchmarks.duplicates import KINDS, copy

from .conftest import cv2, encoded, poster_pixels


@pytest.fixture(params=["pictures", "thumbnails"])
def gallery(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalGallery]:
    """A gallery whose channel keeps pictures, or only the thumbnails that each target has."""
    with LocalGallery(tmp_path / "data") as opened:
        settings = ChannelSettings(keep_pictures=request.param == "pictures")
        opened.create_channel(name="default", settings=settings)
        yield opened


def kinds(gallery: LocalGallery, data: bytes) -> list[str]:
    """Add poster 1, 480 px high, and return the verdict about another file."""
    original = Picture(name="original", data=encoded(cv2.resize(poster_pixels(1), (360, 480))))
    gallery.add(channel="default", item=AddItem(picture=original, identifier="original"))
    [result] = gallery.check(pictures=[Picture(name="other", data=data)], channel="default")
    assert result.error is None
    return [one.kind for one in result.duplicates]


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_a_duplicate(gallery: LocalGallery, kind: str) -> None:
    pixels = cv2.resize(poster_pixels(1), (360, 480))
    for seed in range(3):
        assert kinds(gallery, copy(pixels, kind, np.random.default_rng(seed))) == ["duplicate"]
        gallery.remove(channel="default", identifier="original")


def test_a_copy_of_120_px_is_a_duplicate(gallery: LocalGallery) -> None:
    small = cv2.resize(poster_pixels(1), (90, 120), interpolation=cv2.INTER_AREA)
    assert kinds(gallery, encoded(small, ".jpg")) == ["duplicate"]


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5])
def test_other_art_on_one_template_is_no_duplicate(gallery: LocalGallery, part: float) -> None:
    page = cv2.resize(poster_pixels(1), (360, 480))
    wide, tall = round(360 * part**0.5), round(480 * part**0.5)
    page[40 : 40 + tall, 40 : 40 + wide] = cv2.resize(poster_pixels(9), (wide, tall))
    assert set(kinds(gallery, encoded(page))) <= {"look-alike"}


def test_a_photograph_is_no_duplicate(gallery: LocalGallery) -> None:
    photo, _ = photograph(cv2.resize(poster_pixels(1), (360, 480)), Camera(share=0.95, tilt=10), seed=1)
    assert kinds(gallery, encoded(photo, ".jpg")) == ["look-alike"]
