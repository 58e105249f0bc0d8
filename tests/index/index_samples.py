"""Synthetic codes that cluster as descriptors do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

PER_TARGET = 50


@dataclass(frozen=True)
class Codes:
    """`codes` (N, 32) int8 of targets with the row ids `rows` (N,), and queries near some of them."""

    codes: npt.NDArray[np.int8]
    rows: npt.NDArray[np.int64]
    queries: npt.NDArray[np.int8]

    def nearest(self, k: int) -> npt.NDArray[np.float32]:
        """Squared distances to the k nearest, by brute force in integers."""
        apart = self.queries[:, None, :].astype(np.int64) - self.codes[None].astype(np.int64)
        return np.sort((apart**2).sum(axis=2), axis=1)[:, :k].astype(np.float32)


@pytest.fixture(scope="session")
def sample() -> Codes:
    rng = np.random.default_rng(7)
    centres = rng.normal(0, 25, (300, 32))
    codes = (centres[rng.integers(0, 300, 6000)] + rng.normal(0, 12, (6000, 32))).clip(-127, 127)
    queries = codes[rng.integers(0, 6000, 120)] + rng.normal(0, 4, (120, 32))
    rows = np.repeat(np.arange(6000 // PER_TARGET) * 3 + 5, PER_TARGET)
    return Codes(codes.astype(np.int8), rows, queries.clip(-127, 127).astype(np.int8))
