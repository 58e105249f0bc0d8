"""Matches are the nearest neighbours and nothing else, and what saves work changes no answer."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from arcli.features import Features
from arcli.vision.features.extract import _grained, extract, raw_features
from arcli.vision.matching.match import match, squared_distances
from arcli.vision.matching.verify import Refusal, verify
from tests.vision.pictures import textured


def _codes(count: int, seed: int) -> npt.NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-128, 128, (count, 64)).astype(np.int8)


def test_distances_are_exact_for_the_largest_codes() -> None:
    query, target = _codes(50, 1), _codes(40, 2)
    query[0], target[0] = -128, 127
    steps = query[:, None].astype(np.int64) - target[None].astype(np.int64)
    assert (squared_distances(query, target) == (steps**2).sum(2)).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_match_is_the_nearest_and_much_nearer_than_the_next(seed: int) -> None:
    target = _codes(60, seed)
    noise = np.random.default_rng(seed).normal(0, 40, (80, 64))
    query = (target[np.arange(80) % 60] + noise).round().clip(-128, 127).astype(np.int8)
    distances = np.sqrt(squared_distances(query, target).astype(np.float64))
    nearest, ordered = distances.argmin(1), np.sort(distances, axis=1)
    ratio = ordered[:, 0] / ordered[:, 1]
    wanted: dict[int, int] = {}
    for row in np.argsort(ratio, kind="stable"):
        if ratio[row] <= 0.85:
            wanted.setdefault(int(nearest[row]), int(row))
    found = match(query, target, 0.85)
    assert dict(zip(found.target.tolist(), found.query.tolist(), strict=True)) == wanted
    assert 0 < len(found) < 80
    assert (np.diff(found.ratio) >= 0).all()


def _seen(features: Features, share: float) -> Features:
    """Return the features with all but a share of their codes replaced by others."""
    codes = features.codes.copy()
    strange = np.random.default_rng(0).random(len(codes)) > share
    codes[strange] = _codes(int(strange.sum()), 9)
    return Features(features.keypoints, codes, features.image_size, features.preset)


def test_a_glance_refuses_strangers_and_never_what_is_well_seen() -> None:
    target = extract(textured(1), max_side=400, max_keypoints=400)
    for share in (1.0, 0.5, 0.25):
        whole, first = (verify(_seen(target, share), target, glance=glance) for glance in (False, True))
        assert whole.refusal is first.refusal is None, share
        assert whole.homography is not None
        assert first.homography is not None
        assert (whole.homography == first.homography).all()
        assert np.array_equal(whole.inliers, first.inliers)
    stranger = verify(_seen(target, 0.0), target, glance=True)
    assert (stranger.refusal, stranger.num_inliers) == (Refusal.NO_HOMOGRAPHY, 0)


def test_a_glance_copes_with_hardly_any_keypoints() -> None:
    target = extract(textured(1), max_side=400, max_keypoints=400)
    for count in range(12):
        part = target.head(count)
        whole, first = verify(part, target), verify(part, target, glance=True)
        assert (whole.refusal is None) == (first.refusal is None), count
        assert whole.num_inliers == first.num_inliers, count
    for count in range(2):
        assert verify(target, target.head(count), glance=True).refusal is Refusal.NO_HOMOGRAPHY


@pytest.mark.parametrize("gray", [0, 1, 100, 137, 254, 255])
def test_the_grain_of_an_even_background_changes_no_keypoints(gray: int) -> None:
    canvas = np.full((400, 600), gray, np.uint8)
    canvas[100:300, 200:400] = cv2.cvtColor(textured(3)[:200, :200], cv2.COLOR_BGR2GRAY)
    found, descriptors = raw_features(canvas, 400)
    sift = cv2.SIFT.create(nfeatures=400, contrastThreshold=0.02, enable_precise_upscale=True)
    points, plain = sift.detectAndCompute(canvas, None)
    places = np.array([one.pt for one in points], np.float32)
    apart = np.hypot(*(found[:, None, :2] - places).transpose(2, 0, 1))
    assert len(found) > 100
    assert abs(len(found) - len(points)) <= 3
    assert (apart.min(1) < 0.5).mean() > 0.98
    assert (apart.min(1) < 0.05).mean() > 0.9
    same = apart.min(1) < 0.05
    assert np.median(np.abs(descriptors[same] - plain[apart.argmin(1)[same]]).max(1)) <= 3


def test_only_even_areas_get_grain() -> None:
    canvas = cv2.cvtColor(textured(3), cv2.COLOR_BGR2GRAY)
    canvas[:100, :100] = 255
    grained = _grained(canvas)
    changed = canvas != grained
    assert changed[20:80, 20:80].mean() == pytest.approx(0.5, abs=0.05)
    assert (np.abs(canvas.astype(int) - grained) <= 1).all()
    even = cv2.morphologyEx(canvas, cv2.MORPH_GRADIENT, np.ones((9, 9), np.uint8)) == 0
    assert not changed[~even].any()
    assert (grained == _grained(canvas)).all()


@pytest.mark.parametrize("seed", range(6))
def test_what_is_left_of_matches_is_what_would_be_matched(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = _codes(40, seed)
    noise = rng.normal(0, 35, (160, 64))
    # four of the query for each of the target, as repeated patterns have
    query = (target[np.arange(160) % 40] + noise).round().clip(-127, 127).astype(np.int8)
    found = match(query, target, 0.9)
    for share in (0.9, 0.6, 0.3, 0.0):
        kept = rng.random(len(query)) < share
        found, query = found.among(kept), query[kept]
        again = match(query, target, 0.9)
        assert found.query.tolist() == again.query.tolist()
        assert found.target.tolist() == again.target.tolist()
        assert found.ratio.tolist() == again.ratio.tolist()


def _placed(picture: Features, shift: float, seed: int) -> Features:
    """Return a picture's features elsewhere in a photo, codes a little changed."""
    noise = np.random.default_rng(seed).normal(0, 6, picture.codes.shape)
    codes = (picture.codes + noise).round().clip(-127, 127).astype(np.int8)
    keypoints = picture.keypoints + np.array([shift, 0, 0, 0], np.float32)
    return Features(keypoints, codes, (1600, 400), picture.preset)


def test_a_verification_holds_for_what_is_kept_or_is_made_again() -> None:
    pictures = [extract(textured(seed), max_side=400, max_keypoints=150) for seed in range(4)]
    placed = [_placed(one, 400.0 * number, number) for number, one in enumerate(pictures)]
    keypoints, codes = (
        np.concatenate([getattr(one, name) for one in placed]) for name in ("keypoints", "codes")
    )
    photo = Features(keypoints, codes, (1600, 400), 1)
    held = 0
    for gone in range(4):
        kept = np.ones(len(photo), bool)
        start = sum(len(one) for one in placed[:gone])
        kept[start : start + len(placed[gone])] = False
        for number, target in enumerate(pictures):
            whole = verify(photo, target)
            left = whole.among(kept, whole.matches.among(kept))
            again = verify(photo.only(kept), target)
            if left is None:
                continue
            assert number != gone
            held += 1
            assert left.num_inliers == again.num_inliers
            assert left.refusal is again.refusal
            assert np.array_equal(left.inliers, again.inliers)
            assert left.matches.query.tolist() == again.matches.query.tolist()
            assert left.homography is not None
            assert again.homography is not None
            assert (left.homography == again.homography).all()
    assert held > 6
