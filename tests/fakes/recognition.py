"""The recognition of a fake service: SIFT, ratio test, a homography. Nothing comes from arcli."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]
ENOUGH = 12


@dataclass
class Sketch:
    """Keypoints `points` of a picture that was shrunk to `size` (width, height), by the factor `scale`."""

    points: Any
    descriptors: Any
    size: tuple[int, int]
    scale: float


def sketch(data: bytes) -> Sketch | None:
    """Return the picture's features, None where it cannot be read."""
    gray = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if gray is None:
        return None
    scale = 400 / max(*gray.shape, 400)
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found, descriptors = cv2.SIFT.create(400).detectAndCompute(small, None)
    points = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
    return Sketch(points, descriptors, (small.shape[1], small.shape[0]), scale)


def keypoints(seen: Sketch) -> int:
    return len(seen.points)


def level_of(seen: Sketch) -> int:
    return min(5, 1 + keypoints(seen) // 80)


def agreeing(photo: Sketch, target: Sketch) -> int:
    """Return how many keypoints agree on one homography, 0 where they are fewer than ENOUGH."""
    count, corners = located(photo, target)
    return count if corners else 0


def located(photo: Sketch, target: Sketch) -> tuple[int, Corners | None]:
    """Return how many keypoints agree, and the target's corners in pixels of the photo where enough do."""
    pairs = cv2.BFMatcher().knnMatch(photo.descriptors, target.descriptors, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.8 * pair[1].distance]
    if len(good) < ENOUGH:
        return 0, None
    source = np.array([target.points[match.trainIdx] for match in good], np.float32)
    destination = np.array([photo.points[match.queryIdx] for match in good], np.float32)
    homography, mask = cv2.findHomography(source, destination, cv2.RANSAC, 5.0)
    count = 0 if mask is None else int(mask.sum())
    if count < ENOUGH:
        return count, None
    width, height = target.size
    frame = np.array([[[0, 0]], [[width, 0]], [[width, height]], [[0, height]]], np.float32)
    placed = cv2.perspectiveTransform(frame, homography).reshape(4, 2) / photo.scale
    first, second, third, fourth = ((float(x), float(y)) for x, y in placed)
    return count, (first, second, third, fourth)
