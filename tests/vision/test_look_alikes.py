"""Look-alikes are told apart by what differs, detail or colour; hidden or the same, neither is preferred."""

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from arcli.vision.drawing.thumbnail import encode_thumbnail, thumbnail_pixels
from arcli.vision.features.extract import extract, shrink
from arcli.vision.scoring.lookalikes import PlacedTarget, copy_log_odds, log_odds
from tests.vision.pictures import textured

PLACE = np.array([[0.9, 0.15, 60], [-0.1, 0.8, 70], [0.0002, 0.0001, 1]])
OPEN = math.log(19)  # below it the engine says `ambiguous`
SPOT = slice(90, 150), slice(110, 210)  # where look-alikes differ: a twelfth of the picture


def photo_of(target: np.ndarray, light: tuple[float, float, float] = (1, 1, 1)) -> np.ndarray:
    photo = cv2.warpPerspective(target, PLACE, (480, 400), borderValue=(90, 120, 90))
    return (photo * np.array(light)).clip(0, 255).astype(np.uint8)


def placed(pixels: np.ndarray, *, inliers: int = 40, thumbnail: bool = True) -> PlacedTarget:
    features = extract(pixels, max_side=400, max_keypoints=400)
    small = thumbnail_pixels(encode_thumbnail(shrink(pixels, 128)))
    return PlacedTarget(features, small if thumbnail else None, PLACE, inliers)


def look_alike(seed: int, spot: np.ndarray | int) -> np.ndarray:
    pixels = textured(seed).copy()
    pixels[SPOT] = spot
    return pixels


def tinted(pixels: np.ndarray) -> np.ndarray:
    """The spot in another colour of the same gray."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB)
    lab[SPOT] = np.clip(lab[SPOT] + np.array([0, 40, -30]), 0, 255)
    return cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)


@pytest.mark.parametrize("light", [(1, 1, 1), (0.4, 0.45, 0.5), (1.1, 1, 0.85)])
def test_another_detail_tells(light: tuple[float, float, float]) -> None:
    one, other = look_alike(1, textured(2)[SPOT]), look_alike(1, textured(3)[SPOT])
    assert log_odds(photo_of(one, light), placed(one), placed(other)) > 3
    assert log_odds(photo_of(other, light), placed(one), placed(other)) < -3


@pytest.mark.parametrize("light", [(1, 1, 1), (0.5, 0.5, 0.5), (0.9, 1, 1.1)])
def test_another_colour_tells(light: tuple[float, float, float]) -> None:
    one, other = textured(1), tinted(textured(1))
    assert log_odds(photo_of(one, light), placed(one), placed(other)) > 3
    assert log_odds(photo_of(other, light), placed(one), placed(other)) < -3


@pytest.mark.parametrize("cover", [0, 90, 255])
def test_what_hides_the_difference_leaves_it_open(cover: int) -> None:
    one, other = look_alike(1, textured(2)[SPOT]), look_alike(1, textured(3)[SPOT])
    assert abs(log_odds(photo_of(look_alike(1, cover)), placed(one), placed(other))) < OPEN


def test_the_same_picture_twice_leaves_it_open_but_for_inliers() -> None:
    pixels = textured(1)
    assert log_odds(photo_of(pixels), placed(pixels), placed(pixels)) == 0
    assert log_odds(photo_of(pixels), placed(pixels, inliers=60), placed(pixels)) > 0.5


def test_the_order_of_the_two_does_not_matter() -> None:
    one, other = look_alike(1, textured(2)[SPOT]), look_alike(1, textured(3)[SPOT])
    photo = photo_of(one)
    few, many = placed(one, inliers=30), placed(other, inliers=40)
    assert log_odds(photo, few, many) == -log_odds(photo, many, few)
    assert log_odds(photo, few, many) > 3


def test_without_a_thumbnail_inliers_decide() -> None:
    one, other = textured(1), tinted(textured(1))
    bare = placed(one, inliers=60, thumbnail=False)
    assert 0 < log_odds(photo_of(other), bare, placed(other)) < 3


def test_a_glaring_spot_elsewhere_changes_nothing() -> None:
    one, other = look_alike(1, textured(2)[SPOT]), look_alike(1, textured(3)[SPOT])
    glared = one.copy()
    cv2.circle(glared, (50, 50), 40, (255, 255, 255), -1)
    assert log_odds(photo_of(glared), placed(one), placed(other)) > 3


def paler(pixels: np.ndarray) -> np.ndarray:
    return (255 + (pixels.astype(float) - 255) * 0.6).astype(np.uint8)


def darker(pixels: np.ndarray) -> np.ndarray:
    return (pixels * 0.65).astype(np.uint8)


def bent(pixels: np.ndarray) -> np.ndarray:
    return (255 * (pixels / 255) ** 1.5).astype(np.uint8)


def on_cream(pixels: np.ndarray) -> np.ndarray:
    return (pixels * (0.8, 0.92, 0.97)).astype(np.uint8)


TONED = [paler, darker, bent, on_cream]


@pytest.mark.parametrize("light", [(1, 1, 1), (0.6, 0.65, 0.7), (0.85, 0.9, 1)])
@pytest.mark.parametrize("version", TONED)
def test_what_light_does_too_is_never_surely_wrong(
    version: Callable[[np.ndarray], np.ndarray], light: tuple[float, float, float]
) -> None:
    original = textured(1)
    one, other = placed(original), placed(version(original))
    assert log_odds(photo_of(original, light), one, other) > -OPEN
    assert log_odds(photo_of(version(original), light), one, other) < OPEN


@pytest.mark.parametrize("version", [paler, darker, on_cream])
def test_an_even_change_of_tones_leaves_it_open(version: Callable[[np.ndarray], np.ndarray]) -> None:
    original = textured(1)
    one, other = placed(original), placed(version(original))
    assert abs(log_odds(photo_of(original), one, other)) < OPEN
    assert abs(log_odds(photo_of(version(original)), one, other)) < OPEN


@pytest.mark.parametrize("version", TONED)
def test_a_copy_of_the_picture_itself_is_told_by_its_very_tones(
    version: Callable[[np.ndarray], np.ndarray],
) -> None:
    original = textured(1)
    one, other = placed(original), placed(version(original))
    assert (copy_log_odds(original, one, other) or 0) > OPEN
    assert (copy_log_odds(version(original), one, other) or 0) < -OPEN


def test_no_photo_is_a_copy_nor_a_picture_of_another_shape() -> None:
    one, other = placed(textured(1)), placed(paler(textured(1)))
    assert copy_log_odds(photo_of(textured(1)), one, other) is None
    assert copy_log_odds(textured(1)[:200], one, other) is None


def test_a_copy_of_the_same_picture_twice_leaves_it_open() -> None:
    one = placed(textured(1))
    assert copy_log_odds(textured(1), one, placed(textured(1))) == 0


def test_many_more_inliers_alone_do_not_make_it_sure() -> None:
    """A stronger print has more keypoints, whichever of the two is seen."""
    original = textured(1)
    one, other = placed(original, inliers=90), placed(paler(original), inliers=15)
    assert 0 < log_odds(photo_of(paler(original)), one, other) < OPEN
