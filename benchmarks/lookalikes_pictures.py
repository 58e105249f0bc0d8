"""The pictures of the benchmark of look-alikes, made from real pictures; also walls hung with pictures.

A look-alike differs from its picture in one thing: all colours, the colours of a part, a line of text, a
part, a badge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.camera import Camera, photograph

Image = npt.NDArray[np.uint8]
Maker = Callable[[Image, Image, np.random.Generator], Image]
WORDS = ["CHERRY", "VANILLA", "ORANGE", "LEMON", "ORIGINAL", "SUMMER", "WINTER", "CLASSIC", "SECOND"]
WALL = (1024, 768)
GRIDS = ((3, 2), (4, 3), (5, 3), (6, 4))  # columns and rows of walls, in turn
CAMERAS = (
    Camera(share=0.85, roll=5),
    Camera(share=0.5, tilt=30, roll=-20, clutter=40),
    Camera(share=0.3, roll=12, clutter=40),
    Camera(tilt=50, roll=20),
    Camera(blur=2.5, roll=-10),
    Camera(noise=8, light=0.45, roll=40),
    Camera(glare=0.7, roll=-5),
    Camera(quality=20, share=0.5, roll=100),
)


def chance(name: str) -> np.random.Generator:
    """Return the random generator of a name, always the same."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))


def _turned(pixels: Image, degrees: int) -> Image:
    hsv = cv2.cvtColor(pixels, cv2.COLOR_BGR2HSV).astype(np.int64)
    hsv[..., 0] = (hsv[..., 0] + degrees // 2) % 180
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR), np.uint8)


def _part(pixels: Image, share: float, rng: np.random.Generator) -> tuple[slice, slice]:
    """Return a random rectangle of a share of the picture."""
    height, width = pixels.shape[:2]
    shape = np.exp(rng.uniform(-0.7, 0.7))
    wide = max(2, int(min(0.95 * width, np.sqrt(share * height * width * shape))))
    high = max(2, int(min(0.95 * height, share * height * width / wide)))
    x, y = int(rng.uniform(0, width - wide)), int(rng.uniform(0, height - high))
    return slice(y, y + high), slice(x, x + wide)


def _paste(pixels: Image, part: tuple[slice, slice], other: Image) -> None:
    """Replace a part of the picture by another, shrunk to it."""
    rows, columns = part
    size = columns.stop - columns.start, rows.stop - rows.start
    pixels[part] = cv2.resize(other, size, interpolation=cv2.INTER_AREA)


def _colours(pixels: Image, other: Image, rng: np.random.Generator) -> Image:
    return _turned(pixels, int(rng.integers(60, 300)))


def _colours_of_a_part(pixels: Image, other: Image, rng: np.random.Generator) -> Image:
    made, part = pixels.copy(), _part(pixels, 0.3, rng)
    made[part] = _turned(made[part], int(rng.integers(60, 300)))
    return made


def _text(pixels: Image, other: Image, rng: np.random.Generator) -> Image:
    made = pixels.copy()
    height, width = made.shape[:2]
    high, top = int(0.12 * height), int(rng.uniform(0.1, 0.75) * height)
    strip = made[top : top + high, int(0.1 * width) : int(0.9 * width)]
    strip[:] = np.median(strip.reshape(-1, 3), axis=0)
    ink = (255, 255, 255) if strip.mean() < 128 else (0, 0, 0)
    words, font = " ".join(rng.choice(WORDS, 2)), cv2.FONT_HERSHEY_DUPLEX
    (wide, tall), _ = cv2.getTextSize(words, font, 1, 2)
    size = min(0.8 * width / wide, 0.7 * high / tall)
    place = int(0.1 * width), top + int(0.85 * high)
    cv2.putText(made, words, place, font, size, ink, max(1, int(2 * size)), cv2.LINE_AA)
    return made


def _replaced(share: float) -> Maker:
    def make(pixels: Image, other: Image, rng: np.random.Generator) -> Image:
        made, part = pixels.copy(), _part(pixels, share, rng)
        _paste(made, part, other)
        return made

    return make


KINDS: dict[str, Maker] = {
    "colours": _colours,
    "tinted": _colours_of_a_part,
    "text": _text,
    "part": _replaced(0.15),
    "badge": _replaced(0.05),
}


def family(pixels: Image, others: Sequence[Image], size: int, name: str) -> list[Image]:
    """Return `size` look-alikes that differ in a tenth of the picture, by colour and by content in turn."""
    made = []
    for number in range(size):
        rng = chance(f"{name} {number}")
        look_alike, part = pixels.copy(), _part(pixels, 0.1, rng)
        if number % 2:
            look_alike[part] = _turned(look_alike[part], int(rng.integers(60, 300)))
        else:
            other = others[int(rng.integers(len(others)))]
            _paste(look_alike, part, other)
        made.append(look_alike)
    return made


def in_coloured_light(pixels: Image, number: int) -> Image:
    """Return a photo by the simulated camera whose white balance and tones are off."""
    rng = np.random.default_rng(number)
    photo, _ = photograph(pixels, CAMERAS[number % len(CAMERAS)], seed=number)
    toned = 255 * (photo / 255.0) ** rng.uniform(0.8, 1.3) * rng.uniform(0.85, 1.12, 3)
    return np.asarray(toned.clip(0, 255), np.uint8)


def wall(
    pictures: Sequence[Image], grid: tuple[int, int], number: int
) -> tuple[Image, list[tuple[float, float]]]:
    """Return a photo of pictures hung in a grid, seen a little obliquely, and the middle of each in it."""
    rng, (columns, rows) = np.random.default_rng(number), grid
    big = np.array(WALL) * 2
    scene = np.full((big[1], big[0], 3), rng.integers(90, 220, 3), np.uint8)
    cell, middles = big / grid, []
    for place, pixels in enumerate(pictures[: columns * rows]):
        size = np.array(pixels.shape[1::-1])
        scale = 0.86 * (cell / size).min() * rng.uniform(0.8, 1)
        smaller = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        half = np.array(smaller.shape[1::-1]) / 2
        middle = (np.array([place % columns, place // columns]) + 0.5) * cell
        turn = cv2.getRotationMatrix2D((float(half[0]), float(half[1])), rng.uniform(-6, 6), 1.0)
        turn[:, 2] += middle - half
        cv2.warpAffine(smaller, turn, big.tolist(), scene, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
        middles.append(middle)
    ends = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    seen = np.abs(ends - rng.uniform(0, 0.12, (4, 2))) * WALL
    view = cv2.getPerspectiveTransform((ends * big).astype(np.float32), seen.astype(np.float32))
    photo = cv2.warpPerspective(cv2.GaussianBlur(scene, (0, 0), 1.0), view, WALL, borderValue=(60, 60, 60))
    photo = cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.3, 1.1)) * rng.uniform(0.6, 1.05)
    photo = photo + rng.normal(0, rng.uniform(2, 7), photo.shape)
    where = cv2.perspectiveTransform(np.array(middles, np.float32)[:, None], view)[:, 0]
    return np.asarray(photo.clip(0, 255), np.uint8), [(float(x), float(y)) for x, y in where]
