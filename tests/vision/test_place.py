"""The exact place of a target: its thumbnail laid upon the photo, to a fraction of a pixel."""

import cv2
import numpy as np
import pytest

from arcli.vision.features.extract import shrink
from arcli.vision.geometry import corners, project, quad_overlap
from arcli.vision.scoring.registration import aligned
from tests.vision.pictures import textured

SIZE = (320, 240)
PLACE = np.array([[0.9, 0.15, 60], [-0.1, 0.8, 70], [0.0002, 0.0001, 1]])


def photo_of(target: np.ndarray, place: np.ndarray = PLACE, size: tuple[int, int] = (480, 400)) -> np.ndarray:
    return cv2.cvtColor(
        cv2.warpPerspective(target, place, size, borderValue=(90, 120, 90)), cv2.COLOR_BGR2GRAY
    )


def off(place: np.ndarray, by: tuple[tuple[float, float], ...]) -> np.ndarray:
    """A place whose corners are off by so many px."""
    before = corners(SIZE).astype(np.float32)
    after = (project(place, before)[0] + by).astype(np.float32)
    return np.asarray(cv2.getPerspectiveTransform(before, after))


def error(found: np.ndarray | None, place: np.ndarray = PLACE) -> float:
    assert found is not None
    return float(np.hypot(*(project(found, corners(SIZE))[0] - project(place, corners(SIZE))[0]).T).max())


ABOUT = off(PLACE, ((4, -3), (-3, 2), (2, 5), (-4, -2)))


@pytest.mark.parametrize(("gain", "offset"), [(1, 0), (0.35, 10), (0.5, 120)])
def test_it_is_found_in_any_light(gain: float, offset: float) -> None:
    photo = (photo_of(textured(1)) * gain + offset).clip(0, 255).astype(np.uint8)
    assert error(ABOUT) > 4
    assert error(aligned(photo, ABOUT, SIZE, shrink(textured(1), 128))) < 0.5


def test_what_covers_a_third_of_it_does_not_draw_it_away() -> None:
    covered = textured(1).copy()
    covered[:, :107] = textured(2)[:, :107]
    assert error(aligned(photo_of(covered), ABOUT, SIZE, shrink(textured(1), 128))) < 1


def test_a_place_that_is_partly_outside_the_photo() -> None:
    away = np.array([[1, 0, -150], [0, 1, 0], [0, 0, 1]]) @ PLACE
    photo = photo_of(textured(1), away, (330, 400))
    about = off(away, ((3, -2), (-3, 2), (2, 3), (-2, -2)))
    assert error(aligned(photo, about, SIZE, shrink(textured(1), 128)), away) < 1
    nowhere = np.array([[1, 0, 900], [0, 1, 0], [0, 0, 1]]) @ PLACE
    assert aligned(photo, nowhere, SIZE, shrink(textured(1), 128)) is None


def test_a_place_that_is_large_in_the_photo_is_read_without_leaving_pixels_out() -> None:
    larger = np.diag([4.0, 4.0, 1.0])
    photo = photo_of(textured(1), larger @ PLACE, (1920, 1600))
    found = aligned(photo, larger @ ABOUT, SIZE, shrink(textured(1), 128))
    assert error(found, larger @ PLACE) < 1


@pytest.mark.parametrize("seed", range(2, 8))
def test_another_picture_moves_no_place_far(seed: int) -> None:
    found = aligned(photo_of(textured(1)), PLACE, SIZE, shrink(textured(seed), 128))
    if found is not None:
        before, after = (project(each, corners(SIZE))[0] for each in (PLACE, found))
        assert quad_overlap(after, before) >= 0.8


@pytest.mark.parametrize("place", [np.zeros((3, 3)), np.full((3, 3), np.nan), 1e-9 * PLACE, -PLACE])
def test_a_homography_that_is_none_is_refused(place: np.ndarray) -> None:
    found = aligned(photo_of(textured(1)), place, SIZE, shrink(textured(1), 128))
    assert found is None or np.isfinite(found).all()


@pytest.mark.parametrize("shape", [(2, 128), (96, 1), (8, 128), (1, 1)])
def test_a_narrow_or_blank_thumbnail_is_refused_or_moves_nothing_far(shape: tuple[int, int]) -> None:
    for pixels in (np.full((*shape, 3), 90, np.uint8), cv2.resize(textured(1), shape[::-1])):
        found = aligned(photo_of(textured(1)), PLACE, SIZE, pixels)
        assert found is None or error(found) < 100
