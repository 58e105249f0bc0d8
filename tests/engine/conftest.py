"""Posters: pictures that are drawn, not photographed, each unlike the others and rich in keypoints."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from arcli.engine import LocalGallery
from arcli.models import AddItem, Picture


def poster_pixels(seed: int, side: int = 320) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pixels = np.full((side, side * 3 // 4, 3), rng.integers(120, 255, 3), np.uint8)
    for _ in range(60):
        x, y = rng.integers(0, [pixels.shape[1], side])
        w, h = rng.integers(6, side // 4, 2)
        colour = [int(c) for c in rng.integers(0, 255, 3)]
        if rng.random() < 0.5:
            cv2.rectangle(pixels, (x, y), (x + w, y + h), colour, -1)
        else:
            cv2.putText(pixels, "".join(map(chr, rng.integers(65, 91, 4))), (x, y), 0, 0.8, colour, 2)
    return pixels


def encoded(pixels: np.ndarray, extension: str = ".png", *options: int) -> bytes:
    return cv2.imencode(extension, pixels, options)[1].tobytes()


def poster(seed: int) -> bytes:
    return encoded(poster_pixels(seed))


def photo_of(*seeds: int) -> bytes:
    """A wall with these posters on it, side by side and slightly rotated."""
    wall = np.full((500, 340 * len(seeds) + 60, 3), 200, np.uint8)
    for place, seed in enumerate(seeds):
        pixels = poster_pixels(seed)
        turn = cv2.getRotationMatrix2D((120, 160), 8, 1.0)
        turn[:, 2] += (60 + 340 * place, 80)
        size = (wall.shape[1], wall.shape[0])
        cv2.warpAffine(pixels, turn, size, wall, borderMode=cv2.BORDER_TRANSPARENT)
    return encoded(wall, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 85)


def item(seed: int, identifier: str | None = None, **fields: Any) -> AddItem:
    picture = Picture(name=f"poster{seed}.png", data=poster(seed))
    return AddItem(picture=picture, identifier=identifier or f"poster{seed}", **fields)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def gallery(data_dir: Path) -> Iterator[LocalGallery]:
    with LocalGallery(data_dir) as opened:
        yield opened
