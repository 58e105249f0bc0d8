"""The stored form of features: what is written is read, what is damaged is refused."""

import contextlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcli.errors import DataDamaged, DataTooNew
from arcli.features import Features
from arcli.vision.features.extract import extract


def some_features(count: int, seed: int = 0, preset: int = 1) -> Features:
    rng = np.random.default_rng(seed)
    keypoints = rng.uniform(0, 360, (count, 4)).astype(np.float32)
    return Features(keypoints, rng.integers(-128, 128, (count, 64)).astype(np.int8), (400, 300), preset)


@given(st.integers(0, 400), st.integers(0, 2**32 - 1))
def test_features_survive_their_bytes(count: int, seed: int) -> None:
    features = some_features(count, seed)
    again = Features.from_bytes(features.to_bytes())
    assert np.array_equal(again.codes, features.codes)
    assert np.abs(again.keypoints[:, :3] - features.keypoints[:, :3]).max(initial=0) <= 1 / 128 + 1e-4
    turned = np.abs(again.keypoints[:, 3] - features.keypoints[:, 3])
    assert np.minimum(turned, 360 - turned).max(initial=0) < 0.01
    assert (again.image_size, again.preset) == (features.image_size, features.preset)


@given(st.integers(0, 400), st.integers(0, 2**32 - 1))
def test_compact_features_take_half_the_bytes_and_are_near_what_they_were(count: int, seed: int) -> None:
    features = some_features(count, seed, preset=2)
    data = features.to_bytes()
    assert len(data) == 10 + 36 * count
    assert len(data) - 10 == (len(some_features(count).to_bytes()) - 10) / 2
    again = Features.from_bytes(data)
    assert np.abs(again.keypoints[:, :2] - features.keypoints[:, :2]).max(initial=0) <= 1 / 16 + 1e-4
    larger = np.maximum(features.keypoints[:, 2], 1)
    assert np.abs(again.keypoints[:, 2] / larger - 1).max(initial=0) < 0.02
    turned = np.abs(again.keypoints[:, 3] - features.keypoints[:, 3]) % 360
    assert np.minimum(turned, 360 - turned).max(initial=0) <= 180 / 256 + 1e-3
    assert again.to_bytes() == data, "what was read is written as it was"


def test_compact_codes_keep_nearly_all_of_real_ones() -> None:
    path = Path(__file__).parent.parent / "samples" / "gallery" / "peanuts.png"
    pixels = cv2.imread(str(path))
    assert pixels is not None
    exact = extract(np.asarray(pixels, np.uint8), max_side=400, max_keypoints=400)
    packed = Features.from_bytes(replace(exact, preset=2).to_bytes())
    lost = (packed.codes.astype(float) - exact.codes) ** 2
    assert lost.sum() < 0.03 * (exact.codes.astype(float) ** 2).sum()


@pytest.mark.parametrize("preset", [1, 2])
@pytest.mark.parametrize("size", [0, 1, 9, 10, 500])
def test_cut_features_are_refused(size: int, preset: int) -> None:
    with pytest.raises(DataDamaged):
        Features.from_bytes(some_features(20, preset=preset).to_bytes()[:size])


def test_features_of_a_later_format_are_refused() -> None:
    data = bytearray(some_features(2).to_bytes())
    data[2] = 3
    with pytest.raises(DataTooNew):
        Features.from_bytes(bytes(data))


@given(st.binary(max_size=2000))
def test_any_bytes_are_features_or_refused(data: bytes) -> None:
    with contextlib.suppress(DataDamaged):
        Features.from_bytes(data)
