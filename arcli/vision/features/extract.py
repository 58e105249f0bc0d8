"""Keypoints and codes of one picture: SIFT on gray at a limited size, the strongest by response."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.vision.features.options import CONTRAST, SIFT
from arcli.vision.features.presets import DEFAULT_PRESET, load_preset
from arcli.vision.opencv import cv2

Pixels = npt.NDArray[np.uint8]


def shrink(pixels: Pixels, max_side: int) -> Pixels:
    """Return `pixels` (gray or colour) with its long side at most `max_side`; nothing is enlarged."""
    height, width = pixels.shape[:2]
    factor = max_side / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return `pixels` at a size (w, h) that may be larger or smaller."""
    smaller = size[0] * size[1] < pixels.shape[0] * pixels.shape[1]
    return np.asarray(
        cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR), np.uint8
    )


def in_gray(pixels: Pixels) -> Pixels:
    """Return (H, W) gray of (H, W, 3) BGR; gray pixels as they are."""
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def extract(
    pixels: Pixels,
    *,
    max_side: int,
    max_keypoints: int,
    contrast: float = CONTRAST,
    preset: int = DEFAULT_PRESET,
) -> Features:
    """Return the features of (H, W, 3) BGR or (H, W) gray pixels; a blank picture has none."""
    gray = shrink(in_gray(pixels), max_side)
    size = (gray.shape[1], gray.shape[0])
    keypoints, descriptors = raw_features(gray, max_keypoints, contrast)
    return Features(keypoints, load_preset(preset).encode(descriptors), size, preset)


def raw_features(
    gray: Pixels, max_keypoints: int, contrast: float = CONTRAST
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return (N, 4) keypoints (x, y, size, angle) and (N, 128) SIFT descriptors, strongest first."""
    found: Sequence[Any] = ()
    descriptors = None
    if min(gray.shape) >= SIFT.smallest:
        found, descriptors = _sift(max_keypoints, contrast).detectAndCompute(gray, None)
    if descriptors is None or not len(found):
        return np.zeros((0, 4), np.float32), np.zeros((0, 128), np.float32)
    response = np.array([point.response for point in found])
    strongest = np.argsort(-response, kind="stable")[:max_keypoints]
    keypoints = np.array([(*p.pt, p.size, p.angle % 360.0) for p in found], np.float32)
    return keypoints[strongest], descriptors[strongest]


@cache
def _sift(max_keypoints: int, contrast: float) -> Any:
    """Return the detector for these limits; OpenCV picks the strongest keypoints before it describes them."""
    return cv2.SIFT.create(
        nfeatures=max_keypoints,
        contrastThreshold=contrast,
        edgeThreshold=SIFT.edge,
        enable_precise_upscale=True,
    )
