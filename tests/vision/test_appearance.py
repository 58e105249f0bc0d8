"""Likeness confirms a find of few points, refutes a wrong place, and counts for the score."""

from dataclasses import replace

import cv2
import numpy as np

from arcli.vision.features.extract import extract, shrink
from arcli.vision.matching.rectified_view import rectified_inliers
from arcli.vision.matching.verify import Refusal, verify
from arcli.vision.scoring.appearance import appearance
from arcli.vision.scoring.score import CALIBRATION, default_threshold, evidence, is_borderline, score
from tests.vision.pictures import textured

PLACE = np.array([[0.9, 0.15, 60], [-0.1, 0.8, 70], [0.0002, 0.0001, 1]])


def photo_of(target: np.ndarray, gain: float = 1.0, offset: float = 0.0) -> np.ndarray:
    photo = cv2.warpPerspective(target, PLACE, (480, 400), borderValue=(90, 120, 90))
    return (photo * gain + offset).clip(0, 255).astype(np.uint8)


def test_the_right_place_looks_like_the_target_in_any_light() -> None:
    target = textured(1)
    for photo in (photo_of(target), photo_of(target, 0.4, 10), photo_of(target, 0.5, 120)):
        seen = appearance(photo, PLACE, (320, 240), shrink(target, 128))
        assert seen.correlation > 0.8
        assert seen.blocks > 64


def test_another_target_or_another_place_does_not() -> None:
    target, other = textured(1), textured(2)
    assert appearance(photo_of(target), PLACE, (320, 240), shrink(other, 128)).correlation < 0.3
    moved = np.array([[1, 0, 40], [0, 1, 0], [0, 0, 1]]) @ PLACE
    assert appearance(photo_of(target), moved, (320, 240), shrink(target, 128)).correlation < 0.3


def draped(seed: int) -> np.ndarray:
    """A picture on cloth: light and shadow are the same for every seed, the picture is not."""
    x, y = np.meshgrid(np.arange(320), np.arange(240))
    light = 70 + 60 * np.sin(x / 24) * np.cos(y / 24)
    return (light[:, :, None] + textured(seed) / 2).clip(0, 255).astype(np.uint8)


def test_light_and_shadow_that_two_pictures_share_do_not_make_them_alike() -> None:
    seen = appearance(photo_of(draped(1)), PLACE, (320, 240), shrink(draped(2), 128))
    assert seen.correlation < 0.35
    assert appearance(photo_of(draped(1)), PLACE, (320, 240), shrink(draped(1), 128)).correlation > 0.8


def test_what_is_outside_the_photo_does_not_count() -> None:
    photo = photo_of(textured(1))[:, 200:]  # its left part is cut off
    away = np.array([[1, 0, -200], [0, 1, 0], [0, 0, 1]]) @ PLACE
    seen = appearance(photo, away, (320, 240), shrink(textured(1), 128))
    assert (
        20
        < seen.blocks
        < appearance(photo_of(textured(1)), PLACE, (320, 240), shrink(textured(1), 128)).blocks
    )
    assert seen.correlation > 0.99


def test_a_place_outside_the_photo_shows_nothing() -> None:
    away = np.array([[1, 0, 5000], [0, 1, 5000], [0, 0, 1]], np.float64)
    seen = appearance(photo_of(textured(1)), away, (320, 240), shrink(textured(1), 128))
    assert (seen.correlation, seen.blocks) == (0.0, 0)


def test_the_score_grows_with_inliers_and_with_likeness() -> None:
    target = textured(1)
    query = extract(photo_of(target), max_side=480, max_keypoints=500)
    found = verify(query, extract(target, max_side=400, max_keypoints=300))
    assert found.homography is not None
    seen = appearance(photo_of(target), found.homography, (320, 240), shrink(target, 128))
    assert default_threshold() < score(found) <= score(found, appearance=seen) <= 1
    calibration = CALIBRATION[1]
    assert evidence(8, None, calibration) < calibration.half < evidence(8, seen, calibration)


def test_a_borderline_candidate_is_settled_by_its_rectified_view() -> None:
    target = textured(1)
    kept = extract(target, max_side=400, max_keypoints=400)
    small = np.array([[0.3, 0.05, 60], [-0.04, 0.2, 70], [0.0002, 0.0001, 1]])
    photo = cv2.warpPerspective(target, small, (480, 400), borderValue=(90, 120, 90))
    found = verify(extract(photo, max_side=480, max_keypoints=500), kept)
    assert is_borderline(found)
    assert found.homography is not None
    there = rectified_inliers(photo, found.homography, kept)
    assert there > 2 * found.num_inliers
    assert score(found) < 0.9 < score(found, rectified=there)
    assert rectified_inliers(photo, np.array([[1, 0, 90], [0, 1, 0], [0, 0, 1]]) @ small, kept) <= 2
    assert rectified_inliers(photo, small, extract(textured(2), max_side=400, max_keypoints=400)) <= 2


def test_the_rectified_view_counts_for_and_against() -> None:
    target = textured(1)
    found = verify(
        extract(photo_of(target), max_side=480, max_keypoints=500),
        extract(target, max_side=400, max_keypoints=300),
    )
    poor = replace(found, num_inliers=12)
    assert is_borderline(poor)
    assert score(poor, rectified=2) < score(poor) == score(poor, rectified=12) < score(poor, rectified=40)
    assert not is_borderline(replace(found, num_inliers=60))
    assert not is_borderline(replace(poor, refusal=Refusal.IMPLAUSIBLE_QUAD))
