"""What a fake service knows of recognition: SIFT, ratio test, a homography. Nothing comes from arcli."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np


@dataclass
class Sketch:
    points: Any
    descriptors: Any


def sketch(data: bytes) -> Sketch | None:
    """Return the picture's features, None where it cannot be read."""
    gray = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if gray is None:
        return None
    scale = 400 / max(*gray.shape, 400)
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found, descriptors = cv2.SIFT.create(400).detectAndCompute(small, None)
    return Sketch(np.array([point.pt for point in found], np.float32).reshape(-1, 2), descriptors)


def keypoints(seen: Sketch) -> int:
    return len(seen.points)


def level_of(seen: Sketch) -> int:
    return min(5, 1 + keypoints(seen) // 80)


def agreeing(photo: Sketch, target: Sketch) -> int:
    """Return how many keypoints agree on one homography, 0 where they are fewer than 12."""
    pairs = cv2.BFMatcher().knnMatch(photo.descriptors, target.descriptors, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.8 * pair[1].distance]
    if len(good) < 12:
        return 0
    source = np.array([target.points[match.trainIdx] for match in good], np.float32)
    destination = np.array([photo.points[match.queryIdx] for match in good], np.float32)
    _, mask = cv2.findHomography(source, destination, cv2.RANSAC, 5.0)
    count = 0 if mask is None else int(mask.sum())
    return count if count >= 12 else 0
