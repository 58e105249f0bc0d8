"""The simulated camera: whether its homography is true, and what it shows about our geometry."""

import numpy as np
import pytest

from arcli.vision.features.extract import extract
from arcli.vision.geometry import corners, project
from arcli.vision.matching.refine import refine
from arcli.vision.matching.verify import verify
from benchmarks.camera import VIEWS, Camera, photograph
from tests.vision.pictures import textured

MILD = ("near", "on a table", "distance 1", "tilt 1", "blur 1", "noise 1", "glare 1")


def test_corners_are_found_to_a_pixel_and_a_half() -> None:
    errors = []
    for number, camera in enumerate([VIEWS[name] for name in MILD]):
        picture = textured(number, (400, 300))
        photo, homography = photograph(picture, camera, seed=number)
        query = extract(photo, max_side=800, max_keypoints=1000)
        target = extract(picture, max_side=400, max_keypoints=400)
        found = refine(query, target, verify(query, target))
        assert found.quad is not None, camera
        truth, _ = project(homography, corners((400, 300)))
        errors += list(np.hypot(*(found.quad - truth).T))
    assert np.median(errors) < 1.5
    assert np.quantile(errors, 0.9) < 4


@pytest.mark.parametrize("size", [(400, 300), (30, 900), (1600, 1200)])
def test_a_picture_stays_in_the_photo_and_the_same_seed_gives_the_same_photo(size: tuple[int, int]) -> None:
    for camera in VIEWS.values():
        first, homography = photograph(textured(1, size), camera, seed=3)
        again, _ = photograph(textured(1, size), camera, seed=3)
        assert (first == again).all()
        quad, weight = project(homography, corners(size))
        assert (weight > 0).all()
        assert np.abs(quad - (400, 300)).max() < 800


def test_less_light_is_darker() -> None:
    bright, _ = photograph(textured(1), Camera(), seed=1)
    dark, _ = photograph(textured(1), Camera(light=0.3), seed=1)
    assert dark.mean() < 0.5 * bright.mean()
