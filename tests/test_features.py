"""The stored form of features: what is written is read, what is damaged is refused."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcli.errors import DataDamaged, DataTooNew
from arcli.features import Features


def some_features(count: int, seed: int = 0) -> Features:
    rng = np.random.default_rng(seed)
    keypoints = rng.uniform(0, 360, (count, 4)).astype(np.float32)
    return Features(keypoints, rng.integers(-128, 128, (count, 64)).astype(np.int8), (400, 300), 1)


@given(st.integers(0, 400), st.integers(0, 2**32 - 1))
def test_features_survive_their_bytes(count: int, seed: int) -> None:
    features = some_features(count, seed)
    again = Features.from_bytes(features.to_bytes())
    assert np.array_equal(again.codes, features.codes)
    assert np.abs(again.keypoints[:, :3] - features.keypoints[:, :3]).max(initial=0) <= 1 / 128 + 1e-4
    turned = np.abs(again.keypoints[:, 3] - features.keypoints[:, 3])
    assert np.minimum(turned, 360 - turned).max(initial=0) < 0.01
    assert (again.image_size, again.preset) == (features.image_size, features.preset)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 500])
def test_cut_features_are_refused(size: int) -> None:
    with pytest.raises(DataDamaged):
        Features.from_bytes(some_features(20).to_bytes()[:size])


def test_features_of_a_later_format_are_refused() -> None:
    data = bytearray(some_features(2).to_bytes())
    data[2] += 1
    with pytest.raises(DataTooNew):
        Features.from_bytes(bytes(data))


@given(st.binary(max_size=2000))
def test_any_bytes_are_features_or_refused(data: bytes) -> None:
    with contextlib.suppress(DataDamaged):
        Features.from_bytes(data)
