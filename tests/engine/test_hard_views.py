"""Targets seen from far to one side, in a fan, or folded: each is found, and once."""

from dataclasses import replace

import numpy as np
import pytest

from arcli.engine import LocalGallery
from arcli.engine.recognition import verification
from arcli.models import AddItem, FindOptions, Picture
from arcli.vision.geometry import corners, project
from arcli.vision.scoring import score
from benchmarks.camera import Camera, photograph

from .conftest import cv2, encoded, item, poster_pixels

ALL = FindOptions(limit=None)
SEEDS = (0, 1, 2)


@pytest.fixture
def posters(gallery: LocalGallery) -> LocalGallery:
    list(gallery.add_many(channel="default", items=[item(seed) for seed in range(5)]))
    return gallery


def photo(pixels: np.ndarray) -> Picture:
    return Picture(name="photo", data=encoded(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 90))


@pytest.mark.parametrize("options", [FindOptions(), ALL], ids=["one", "all"])
@pytest.mark.parametrize("roll", [0, 90])
def test_a_poster_seen_from_far_to_one_side_is_found(
    posters: LocalGallery, roll: float, options: FindOptions
) -> None:
    pixels, _ = photograph(poster_pixels(1), Camera(share=0.8, tilt=68, roll=roll), seed=1)
    matches = posters.find(picture=photo(pixels), channels=None, options=options).matches
    assert [match.identifier for match in matches] == ["poster1"]


def test_its_quad_is_where_it_is(posters: LocalGallery) -> None:
    target = poster_pixels(1)
    pixels, homography = photograph(target, Camera(share=0.8, tilt=68), seed=1)
    [match] = posters.find(picture=photo(pixels), channels=None).matches
    truth, _ = project(homography, corners((target.shape[1], target.shape[0])))
    assert match.quad is not None
    assert np.hypot(*(np.array(match.quad) - truth).T).max() < 1.5  # px of a photo of 800 px


def fan() -> np.ndarray:
    """Three posters, each turned further about the same corner and over the one before."""
    wall = np.full((640, 640, 3), 220, np.uint8)
    for place, seed in enumerate(SEEDS):
        turn = cv2.getRotationMatrix2D((20.0, 310.0), 10 - 20.0 * place, 1.0)
        turn[:, 2] += (200, 120)
        cv2.warpAffine(poster_pixels(seed), turn, wall.shape[1::-1], wall, borderMode=cv2.BORDER_TRANSPARENT)
    return wall


def test_every_poster_of_a_fan_is_found(posters: LocalGallery) -> None:
    matches = posters.find(picture=photo(fan()), channels=None, options=ALL).matches
    assert sorted(match.identifier for match in matches) == [f"poster{seed}" for seed in SEEDS]


def test_a_folded_poster_is_found_once(posters: LocalGallery) -> None:
    """Its look-alike, which shares one half with it, must not bring that half back as another copy."""
    flat = poster_pixels(3)
    look_alike = flat.copy()
    look_alike[:, :120] = poster_pixels(4)[:, :120]
    picture = Picture(name="lookalike", data=encoded(look_alike))
    posters.add(channel="default", item=AddItem(picture=picture, identifier="lookalike"))
    wall = np.full((460, 420, 3), 220, np.uint8)
    size = (wall.shape[1], wall.shape[0])
    middle = flat.shape[1] // 2
    for columns, lean, drop in ((slice(0, middle), 0.35, 60), (slice(middle, None), -0.35, 144)):
        shear = np.array([[1, 0, 80], [lean, 1, drop]])
        half = np.zeros(flat.shape[:2], np.uint8)
        half[:, columns] = 255
        shown = cv2.warpAffine(half, shear, size) > 127
        wall[shown] = cv2.warpAffine(flat, shear, size)[shown]
    matches = posters.find(picture=photo(wall), channels=None, options=ALL).matches
    assert [match.identifier for match in matches] == ["poster3"]


def test_a_borderline_answer_is_rectified_once(
    posters: LocalGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, _ = photograph(poster_pixels(1), Camera(share=0.5), seed=1)
    [sure] = posters.find(picture=photo(pixels), channels=None).matches
    looked: list[str] = []
    monkeypatch.setattr(verification, "rectified_inliers", lambda *_: looked.append("") or 0)
    always = replace(score.CALIBRATION[1], borderline=(0.1, 1e9), rectified=1e6)
    monkeypatch.setitem(score.CALIBRATION, 1, always)
    assert not posters.find(
        picture=photo(pixels), channels=None
    ).matches  # nothing agrees in the rectified view
    assert looked
    monkeypatch.setattr(verification, "rectified_inliers", lambda *_: looked.append("") or sure.inliers)
    looked.clear()
    [match] = posters.find(picture=photo(pixels), channels=None).matches
    assert (match.identifier, match.quad, len(looked)) == (sure.identifier, sure.quad, 1)
