"""Feature presets: how descriptors become codes. Every preset ever shipped stays readable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from arcli.errors import DataTooNew
from arcli.features import CODE_DIM

DEFAULT_PRESET = 1
CODES = {1: 1, 2: 1}
"""Whose codes a preset has. Presets with the same ones can be compared, and share codebook and calibration:
2 keeps fewer bits of them (arcli.features)."""
EXACT = {1}
"""The presets that keep all of codes and keypoints, so that other presets can be made of what they keep."""
ALIKE = {1: 2000.0}
"""The `alike` of each preset's codes: in a gallery without look-alikes 2 of 100 keypoints of photos have
ten neighbours so near (docs/appendix/recognition.md, "Look-alikes, and many targets")."""


@dataclass(frozen=True, slots=True, eq=False)
class Preset:
    """RootSIFT -> minus mean -> PCA -> int8 with one scale.

    mean: (128,) float32. components: (128, 64) float32, by falling variance, so that the first columns are a
    coarser code. scale: code steps per unit of RootSIFT. alike: squared distance of index codes within which
    keypoints count as the same.
    """

    number: int
    mean: npt.NDArray[np.float32]
    components: npt.NDArray[np.float32]
    scale: float
    alike: float

    def encode(self, descriptors: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
        """Turn (N, 128) SIFT descriptors into (N, 64) int8 codes."""
        projected = (root_sift(descriptors) - self.mean) @ self.components
        return np.asarray(np.rint(projected * self.scale).clip(-127, 127).astype(np.int8))


def root_sift(descriptors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """L1-normalise (N, 128) and take square roots (Arandjelovic and Zisserman, CVPR 2012)."""
    norm = descriptors.sum(1, keepdims=True)
    return np.asarray(np.sqrt(descriptors / np.maximum(norm, 1e-9)), np.float32)


@cache
def load_preset(number: int = DEFAULT_PRESET) -> Preset:
    """Return a shipped preset. Raises DataTooNew for a number that this arcli does not know."""
    if number not in CODES:
        raise DataTooNew(f"feature preset {number} is not known to this arcli")
    file = files("arcli.vision").joinpath("data", f"preset-{CODES[number]}.npz")
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        mean, components, scale = stored["mean"], stored["components"], float(stored["scale"])
    assert components.shape == (128, CODE_DIM)
    return Preset(number, mean.astype(np.float32), components.astype(np.float32), scale, ALIKE[CODES[number]])
