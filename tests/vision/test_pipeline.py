"""From pixels to a verified target, on pictures made here."""

import cv2
import numpy as np

from arcli.vision.decoding.decode import decode
from arcli.vision.features.extract import extract
from arcli.vision.geometry import corners, project
from arcli.vision.matching.refine import refine
from arcli.vision.matching.verify import Refusal, verify
from arcli.vision.scoring.score import default_threshold, score
from tests.vision.pictures import textured


def test_a_tilted_picture_is_found_where_it_is() -> None:
    target = textured(1)
    homography = np.array([[0.9, 0.15, 60], [-0.1, 0.8, 70], [0.0002, 0.0001, 1]])
    photo = cv2.warpPerspective(target, homography, (480, 400), borderValue=(90, 120, 90))
    query = extract(photo, max_side=480, max_keypoints=500)
    found = verify(query, extract(target, max_side=400, max_keypoints=300))
    assert found.refusal is None
    assert score(found) >= default_threshold()
    truth, _ = project(homography, corners((320, 240)))
    assert found.quad is not None
    assert np.abs(found.quad - truth).max() < 2.0


def test_another_picture_is_not_found() -> None:
    query = extract(textured(1), max_side=400, max_keypoints=500)
    found = verify(query, extract(textured(2), max_side=400, max_keypoints=300))
    assert score(found) < default_threshold()


def test_blank_and_tiny_pictures_have_no_keypoints_and_match_nothing() -> None:
    target = extract(textured(1), max_side=400, max_keypoints=300)
    for shape in [(1, 1, 3), (400, 400, 3), (1, 2000, 3), (3000, 2, 3)]:
        empty = extract(np.full(shape, 128, np.uint8), max_side=400, max_keypoints=300)
        assert len(empty) == 0
        assert verify(empty, target).refusal is Refusal.TOO_FEW_MATCHES
        assert verify(target, empty).refusal is Refusal.TOO_FEW_MATCHES


def test_a_photo_that_is_decoded_small_says_its_full_size() -> None:
    photo = cv2.imencode(".jpg", textured(3, (1600, 1200)))[1].tobytes()
    decoded = decode(photo, name="photo.jpg", max_side=400)
    assert decoded.size == (1600, 1200)
    assert decoded.pixels.shape == (300, 400, 3)


def test_a_refined_quad_is_exact_to_a_pixel() -> None:
    target = textured(1)
    homography = np.array([[0.9, 0.15, 60], [-0.1, 0.8, 70], [0.0002, 0.0001, 1]])
    photo = cv2.warpPerspective(target, homography, (480, 400), borderValue=(90, 120, 90))
    query = extract(photo, max_side=480, max_keypoints=500)
    known = extract(target, max_side=400, max_keypoints=400)
    found = refine(query, known, verify(query, known))
    truth, _ = project(homography, corners((320, 240)))
    assert found.quad is not None
    assert np.hypot(*(found.quad - truth).T).max() < 1.0


def test_refining_what_was_not_found_changes_nothing() -> None:
    query = extract(textured(1), max_side=400, max_keypoints=500)
    other = extract(textured(2), max_side=400, max_keypoints=300)
    found = verify(query, other)
    assert refine(query, other, found) is found
