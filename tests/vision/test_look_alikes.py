"""Look-alikes are told apart by what differs, detail or colour; hidden or the same, neither is preferred."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from arcli.vision.drawing.thumbnail import encode_thumbnail, thumbnail_pixels
from arcli.vision.features.extract import extract, shrink
from arcli.vision.scoring.difference import Comparison, share_of
from arcli.vision.scoring.lookalikes import PlacedTarget, copy_log_odds, log_odds
from arcli.vision.scoring.registration import OF_A_PHOTO, Layer, _evened, laid_upon
from tests.vision.pictures import textured

SAMPLES = Path(__file__).parents[2] / "samples" / "gallery"
PLACE = np.array([[0.9, 0.15, 60], [-0.1, 0.8, 70], [0.0002, 0.0001, 1]])
OPEN = math.log(19)  # below it the engine says `ambiguous`
SPOT = slice(90, 150), slice(110, 210)  # where look-alikes differ: a twelfth of the picture


def photo_of(target: np.ndarray, light: tuple[float, float, float] = (1, 1, 1)) -> np.ndarray:
    photo = cv2.warpPerspective(target, PLACE, (480, 400), borderValue=(90, 120, 90))
    return (photo * np.array(light)).clip(0, 255).astype(np.uint8)


def placed(
    pixels: np.ndarray, *, inliers: int = 40, thumbnail: bool = True, kept: np.ndarray | None = None
) -> PlacedTarget:
    features = extract(pixels, max_side=400, max_keypoints=400)
    small = thumbnail_pixels(encode_thumbnail(shrink(pixels, 128)))
    return PlacedTarget(features, small if thumbnail else None, PLACE, inliers, lambda: kept)


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
    assert log_odds(photo_of(pixels), placed(pixels, inliers=60), placed(pixels)) > 0.4


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


def in_ink(pixels: np.ndarray, ink: tuple[int, int, int]) -> np.ndarray:
    """A picture printed in one ink (BGR) on white."""
    share = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)[..., None] / 255
    return (np.array(ink) + share * (250 - np.array(ink))).astype(np.uint8)


def titled(pixels: np.ndarray, row: int, font: int = cv2.FONT_HERSHEY_DUPLEX) -> np.ndarray:
    made = pixels.copy()
    for ink, thick in (((20, 20, 20), 7), ((240, 240, 240), 3)):
        cv2.putText(made, "SUMMER", (60, row), font, 1.4, ink, thick, cv2.LINE_AA)
    return made


def scanned_again(pixels: np.ndarray) -> np.ndarray:
    """A little turned, cut and softer, in tones of its own."""
    turn = cv2.getRotationMatrix2D((pixels.shape[1] / 2, pixels.shape[0] / 2), 0.6, 1.03)
    scan = cv2.GaussianBlur(cv2.warpAffine(pixels, turn, pixels.shape[1::-1]), (0, 0), 0.7)
    noise = np.random.default_rng(3).normal(0, 2, pixels.shape)
    return (255 * (scan / 255) ** 1.06 * (0.97, 1, 1.02) + noise).clip(0, 255).astype(np.uint8)


SEEN = {
    "inks": (in_ink(textured(1), (150, 60, 20)), in_ink(textured(1), (40, 40, 150))),
    "a title": (titled(textured(1), 60), textured(1)),
    "its place": (titled(textured(1), 60), titled(textured(1), 200)),
    "its letters": (
        titled(textured(1), 60),
        titled(textured(1), 60, cv2.FONT_HERSHEY_SCRIPT_COMPLEX),
    ),
}


@pytest.mark.parametrize("light", [(1, 1, 1), (0.5, 0.55, 0.65), (1.1, 1, 0.8)])
@pytest.mark.parametrize("which", SEEN)
def test_what_a_photo_shows_of_two_versions_tells_them(which: str, light: tuple[float, float, float]) -> None:
    one, other = SEEN[which]
    assert log_odds(photo_of(one, light), placed(one), placed(other)) > OPEN
    assert log_odds(photo_of(other, light), placed(one), placed(other)) < -OPEN


def test_an_ink_is_told_though_light_glares_on_a_part() -> None:
    one, other = SEEN["inks"]
    x, y = np.meshgrid(np.arange(480), np.arange(400))
    spot = 200 * np.exp(-((x - 200) ** 2 + (y - 180) ** 2) / (2 * 50**2))
    for shown, sign in ((one, 1), (other, -1)):
        glared = (photo_of(shown) + spot[..., None]).clip(0, 255).astype(np.uint8)
        assert sign * log_odds(glared, placed(one), placed(other)) > OPEN


@pytest.mark.parametrize("light", [(1, 1, 1), (0.6, 0.65, 0.7)])
def test_a_second_scan_is_never_sure(light: tuple[float, float, float]) -> None:
    original, scan = textured(1), scanned_again(textured(1))
    for shown in (original, scan):
        assert abs(log_odds(photo_of(shown, light), placed(original), placed(scan))) < OPEN


def test_a_label_around_a_bottle_is_told() -> None:
    """Its photo is no plane: at its edges it is several pixels off the homography of its middle."""
    one, other = look_alike(1, textured(2)[SPOT]), look_alike(1, textured(3)[SPOT])
    height, width = one.shape[:2]
    radius = width / 1.6
    columns = radius * np.arcsin((np.arange(width) - width / 2) / radius) + width / 2
    down = np.broadcast_to(np.arange(height)[:, None], (height, width))
    bend = (np.broadcast_to(columns, down.shape).astype(np.float32), down.astype(np.float32))
    for shown, sign in ((one, 1), (other, -1)):
        photo = photo_of(cv2.remap(shown, *bend, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
        assert sign * log_odds(photo, placed(one), placed(other)) > OPEN


def test_a_picture_is_laid_upon_another_to_a_fraction_of_a_pixel() -> None:
    model = cv2.resize(textured(1), (128, 96), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    x, y = np.meshgrid(np.arange(128, dtype=np.float32), np.arange(96, dtype=np.float32))
    bent = cv2.remap(model, x + 2 * np.sin(x / 60), y + 1, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    whole = np.ones((96, 128), np.float32)
    laid = laid_upon(Layer(bent, whole), Layer(model, whole).gray, whole, OF_A_PHOTO)
    middle = np.s_[8:-8, 8:-8]
    before, after = (np.abs(each - model)[middle].mean() for each in (bent, laid.pixels))
    assert after < before / 4


@pytest.mark.parametrize("share", [0.5, -0.5])
def test_the_share_of_a_difference_is_found_beside_nuisances(share: float) -> None:
    rng = np.random.default_rng(1)
    middle, apart, light = rng.normal(0, 1, (3, 900)).astype(np.float32)
    compared = partial(
        Comparison,
        middle=middle,
        apart=apart,
        nuisances=light[None],
        spread=np.ones(1),
        noise=np.full(900, 0.1, np.float32),
        visible=np.ones(900, np.float32),
        block=np.arange(900) // 30,
        alike=1.0,
    )
    noise = rng.normal(0, 0.1, 900).astype(np.float32)
    found = share_of(compared(seen=0.6 * (middle + share * apart) + 0.4 * light + noise))
    assert found.value == pytest.approx(share, abs=0.05)
    assert max(found.noise, found.scatter) < 0.05
    same = replace(compared(seen=middle + share * light + noise), apart=light)
    assert share_of(same).noise > 0.3


@pytest.mark.parametrize("version", TONED)
def test_a_copy_saved_smaller_is_told_too(version: Callable[[np.ndarray], np.ndarray]) -> None:
    original = cv2.resize(textured(1), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    one, other = placed(original), placed(version(original))
    for shown, sign in ((original, 1), (version(original), -1)):
        small = cv2.resize(shown, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
        encoded = cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, 70))[1]
        copy = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        assert copy is not None
        assert sign * (copy_log_odds(copy, one, other) or 0) > OPEN


def zigzag(first: int) -> np.ndarray:
    """A picture with a line of small strokes, rising and falling in turn, too fine for its thumbnail."""
    pixels = textured(1).copy()
    cv2.rectangle(pixels, (116, 100), (232, 114), (235, 235, 235), -1)
    for number in range(14):
        left, right = (104, 110) if (number + first) % 2 else (110, 104)
        x = 120 + 8 * number
        cv2.line(pixels, (x, left), (x + 6, right), (20, 20, 20), 1, cv2.LINE_AA)
    return pixels


@pytest.mark.parametrize("light", [(1, 1, 1), (0.5, 0.5, 0.5)])
def test_small_print_is_read_from_the_pictures_that_are_kept(light: tuple[float, float, float]) -> None:
    one, other = zigzag(0), zigzag(1)
    with_kept = placed(one, kept=one), placed(other, kept=other)
    assert abs(log_odds(photo_of(one, light), placed(one), placed(other))) < OPEN
    assert log_odds(photo_of(one, light), *with_kept) > OPEN
    assert log_odds(photo_of(other, light), *with_kept) < -OPEN
    assert abs(log_odds(photo_of(one, light), placed(one, kept=one), placed(other))) < OPEN


@pytest.mark.parametrize("version", TONED)
def test_by_pictures_that_are_kept_tones_are_never_surely_wrong(
    version: Callable[[np.ndarray], np.ndarray],
) -> None:
    one, other = textured(1), version(textured(1))
    kept = placed(one, kept=one), placed(other, kept=other)
    for shown, sign in ((one, 1), (other, -1)):
        photo = photo_of(cv2.GaussianBlur(shown, (0, 0), 1.5), (0.7, 0.75, 0.8))
        assert sign * log_odds(photo, *kept) > -OPEN


def test_running_sums_that_end_a_little_below_zero_are_no_obstacle() -> None:
    """OpenCV's box filter leaves some -1e-19 where a picture ends: its root was no number."""
    read = np.asarray(cv2.imread(str(SAMPLES / "bear.jpg"), cv2.IMREAD_GRAYSCALE), np.uint8)
    gray = shrink(read, 128).astype(np.float32) / np.float32(255)
    inside = np.zeros_like(gray)
    inside[: int(0.45 * len(inside)), : int(0.45 * inside.shape[1])] = 1
    assert np.isfinite(_evened(gray, inside, 2.0)).all()
