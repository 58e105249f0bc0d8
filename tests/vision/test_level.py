"""The level: what it promises about finding a picture, and its reasons in words."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from arcli.errors import TooFewFeatures
from arcli.vision.features.extract import extract
from arcli.vision.rating.enrolment import Rating, enough_features, rate, refuse_featureless
from benchmarks.level_photos import enrolled, seen_in
from benchmarks.level_pictures import SPOILED, Image, Subject
from tests.vision.pictures import textured

SAMPLES = Path(__file__).parents[2] / "samples" / "gallery"
VIEWS = ("distance 2", "blur 2", "noise 2", "walking by")


def rated(pixels: Image) -> Rating:
    return rate(*enrolled(pixels))


def sample(name: str, side: int = 640) -> Image:
    pixels = cv2.imread(str(SAMPLES / name), cv2.IMREAD_COLOR)
    assert pixels is not None
    factor = side / max(pixels.shape)
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def spoiled(way: str, name: str = "keyboard.jpg") -> Image:
    return SPOILED[way](sample(name), np.random.default_rng(1))


def in_a_corner() -> Image:
    page = np.full((480, 640, 3), 240, np.uint8)
    page[:160, :200] = textured(3, (200, 160))
    return page


POOR: dict[str, Callable[[], Image]] = {
    "few_details": lambda: spoiled("plain third"),
    "repetitive": lambda: np.tile(textured(4, (40, 40)), (8, 10, 1)),
    "uneven": in_a_corner,
    "faint": lambda: spoiled("contrast 15 %"),
    "fine": lambda: spoiled("grain"),
    "small": lambda: spoiled("shrunk to 56 px"),
    "blurred": lambda: spoiled("blurred by 1.5 %"),
    "narrow": lambda: spoiled("strip"),
}


@pytest.mark.parametrize("code", POOR)
def test_each_way_of_being_poor_is_told_with_advice(code: str) -> None:
    rating = rated(POOR[code]())
    assert rating.level < 5
    told = {hint.code: hint for hint in rating.hints}
    assert code in told
    assert told[code].message
    assert told[code].advice


@pytest.mark.parametrize("name", ["keyboard.jpg", "trex.jpg", "graffiti.jpg"])
def test_a_rich_picture_has_nothing_to_be_told(name: str) -> None:
    assert rated(sample(name)).level == 5
    assert rated(sample(name)).hints == ()


@pytest.mark.parametrize("way", SPOILED)
def test_what_is_not_of_the_highest_level_always_has_a_reason(way: str) -> None:
    rating = rated(spoiled(way, "street.jpg"))
    assert bool(rating.hints) == (rating.level < 5)


def test_the_worse_it_is_spoiled_the_lower_is_the_expected_recall() -> None:
    for ways in (
        ("contrast 30 %", "contrast 15 %", "contrast 8 %"),
        ("blurred by 0.6 %", "blurred by 1.5 %", "blurred by 3 %"),
        ("shrunk to 160 px", "shrunk to 90 px", "shrunk to 56 px"),
        ("a quarter of a page", "a tenth of a page"),
    ):
        expected = [
            rated(sample("trex.jpg")).expected,
            *(rated(spoiled(way, "trex.jpg")).expected for way in ways),
        ]
        assert expected == sorted(expected, reverse=True), ways


def share_of_views(pixels: Image, name: str) -> float:
    return len(seen_in(Subject(name, "made", pixels, 0), views=VIEWS)) / len(VIEWS)


def test_pictures_of_high_levels_are_found_in_most_views_and_of_low_ones_in_few() -> None:
    for name in ("bear.jpg", "note_500000.jpg"):
        rich, faint = sample(name), spoiled("contrast 8 %", name)
        assert rated(rich).level >= 4
        assert share_of_views(rich, name) >= 0.75
        assert rated(faint).level <= 2
        assert share_of_views(faint, name) <= 0.5


def test_a_blank_picture_has_too_few_features() -> None:
    blank = extract(np.full((300, 300, 3), 90, np.uint8), max_side=400, max_keypoints=300)
    assert not enough_features(blank)
    assert enough_features(extract(textured(1), max_side=400, max_keypoints=300))


@pytest.mark.parametrize(
    ("way", "advice"),
    [
        ("shrunk to 56 px", "use about 800 px"),
        ("blurred by 3 %", "use a sharp original"),
        ("contrast 8 %", "raise the contrast"),
    ],
)
def test_a_picture_that_is_refused_is_told_why(way: str, advice: str) -> None:
    features, decoded = enrolled(spoiled(way, "bear.jpg"))
    with pytest.raises(TooFewFeatures, match="6 at least") as caught:
        refuse_featureless(features.head(5), decoded)
    assert advice in str(caught.value.hint)
