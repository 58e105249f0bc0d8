"""Keypoints and codes of one picture: SIFT on gray at a limited size, the strongest by response."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random
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
        found, descriptors = _sift(max_keypoints, contrast).detectAndCompute(_grained(gray), None)
    if descriptors is None or not len(found):
        return np.zeros((0, 4), np.float32), np.zeros((0, 128), np.float32)
    response = np.array([point.response for point in found])
    strongest = np.argsort(-response, kind="stable")[:max_keypoints]
    keypoints = np.empty((len(found), 4), np.float32)
    keypoints[:, :2] = cv2.KeyPoint.convert(found)
    keypoints[:, 2] = [point.size for point in found]
    keypoints[:, 3] = [point.angle % 360.0 for point in found]
    return keypoints[strongest], descriptors[strongest]


def _grained(gray: Pixels) -> Pixels:
    """Return (H, W) gray with the last bit of pixels in evenly coloured areas set at random, always alike.

    Every pixel of an even area equals its neighbours at all scales, so that OpenCV examines each as a
    possible keypoint, to keep none: half the time of extraction where half the picture is white.
    """
    even = cv2.morphologyEx(gray, cv2.MORPH_GRADIENT, np.ones((SIFT.even, SIFT.even), np.uint8)) == 0
    if not even.any():
        return gray
    height, width = gray.shape
    grain = np.tile(_grain(), (height // SIFT.grain + 1, width // SIFT.grain + 1))[:height, :width]
    return np.asarray(gray ^ (even & grain), np.uint8)


@cache
def _grain() -> Pixels:
    """Return (SIFT.grain, SIFT.grain) random bits."""
    bits = np.frombuffer(Random(0).randbytes(SIFT.grain**2), np.uint8) & 1  # noqa: S311
    return np.asarray(bits.reshape(SIFT.grain, SIFT.grain), np.uint8)


@cache
def _sift(max_keypoints: int, contrast: float) -> Any:
    """Return the detector for these limits; OpenCV picks the strongest keypoints before it describes them."""
    return cv2.SIFT.create(
        nfeatures=max_keypoints,
        contrastThreshold=contrast,
        edgeThreshold=SIFT.edge,
        enable_precise_upscale=True,
    )
