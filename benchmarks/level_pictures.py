"""The pictures on which the level is measured: real ones of ../shared/data, and spoiled versions of them.

Each way of spoiling is one way in which a registered picture can be poor. Names begin with the picture's, so
that a picture and its spoiled versions fall into the same half.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.recognition import BENCH, manifest

Image = npt.NDArray[np.uint8]
SIDE = 640  # px: as large as the pictures that a gallery keeps


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A picture to register and to photograph. pixels: (H, W, 3) BGR. half: 0 to fit on, 1 to check on."""

    name: str
    kind: str
    pixels: Image
    half: int


def subjects(every: int = 1) -> Iterator[Subject]:
    """Yield each Nth picture, unchanged and spoiled in one or two of the ways, taken in turn."""
    ways = list(SPOILED)
    for number, path in list(enumerate(_chosen()))[::every]:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert pixels is not None, path
        pixels = fitted(np.asarray(pixels, np.uint8))
        name = f"{path.parents[1].name}/{path.name}"
        half = hashlib.sha256(name.encode()).digest()[0] % 2
        yield Subject(name, "as it is", pixels, half)
        for way in (ways[number % len(ways)], ways[(number * 5 + 7) % len(ways)]):
            yield Subject(f"{name}, {way}", way, SPOILED[way](pixels, np.random.default_rng(number)), half)


def near_the_limit(places_of: Callable[[Image], int], limits: range) -> Iterator[Subject]:
    """Yield clip art, unchanged and spoiled, whose number of places is within `limits`."""
    for row in manifest():
        if row["role"] == "negative" and "/o" in row["file"]:
            pixels = cv2.imread(str(BENCH / row["file"]), cv2.IMREAD_COLOR)
            assert pixels is not None, row["file"]
            for way in ("plain fifth", "blurred by 3 %", "shrunk to 56 px"):
                made = SPOILED[way](np.asarray(pixels, np.uint8), np.random.default_rng(0))
                if places_of(made) in limits:
                    yield Subject(f"{row['file']}, {way}", way, made, 1)


def _chosen() -> list[Path]:
    """Return a fifth of the targets, 20 distractors, and 19 pieces of clip art and groceries."""
    rows = manifest()
    targets = [row for row in rows if row["role"] == "gallery"][::5]
    distractors = [row for row in rows if row["role"] == "distractor"][50::150]
    others = [row for row in rows if row["role"] == "negative" and "/p" not in row["file"]][::9]
    return [BENCH / row["file"] for row in targets + distractors + others]


def fitted(pixels: Image) -> Image:
    factor = min(1.0, SIDE / max(pixels.shape))
    size = tuple(max(1, round(side * factor)) for side in pixels.shape[1::-1])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _blurred(share: float) -> Callable[[Image, Any], Image]:
    """Blur by a sigma that is a share of the long side."""
    return lambda pixels, rng: np.asarray(
        cv2.GaussianBlur(pixels, (0, 0), share * max(pixels.shape)), np.uint8
    )


def _shrunk(side: int) -> Callable[[Image, Any], Image]:
    def shrink(pixels: Image, rng: Any) -> Image:
        factor = side / max(pixels.shape)
        size = tuple(max(1, round(each * factor)) for each in pixels.shape[1::-1])
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)

    return shrink


def _faint(gain: float) -> Callable[[Image, Any], Image]:
    return lambda pixels, rng: (128 + gain * (pixels.astype(np.float32) - 128)).round().astype(np.uint8)


def _plain_part(share: float) -> Callable[[Image, Any], Image]:
    """Cut out the part that varies least."""

    def cut(pixels: Image, rng: Any) -> Image:
        height, width = (max(16, int(side * share)) for side in pixels.shape[:2])
        gray = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.float32)
        edges = cv2.boxFilter(np.abs(cv2.Laplacian(gray, cv2.CV_32F)), -1, (width, height))
        rows, columns = edges.shape[0] - height, edges.shape[1] - width
        inner = edges[height // 2 : height // 2 + rows + 1, width // 2 : width // 2 + columns + 1]
        y, x = divmod(int(inner.argmin()), inner.shape[1])
        return pixels[y : y + height, x : x + width].copy()

    return cut


def _on_white(share: float) -> Callable[[Image, Any], Image]:
    """Put it into a corner of a white page."""

    def place(pixels: Image, rng: Any) -> Image:
        page = np.full((480, 640, 3), 250, np.uint8)
        factor = min(640 / pixels.shape[1], 480 / pixels.shape[0]) * share
        size = tuple(max(1, round(side * factor)) for side in pixels.shape[1::-1])
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        y, x = rng.integers(0, (481 - size[1], 641 - size[0]))
        page[y : y + size[1], x : x + size[0]] = small
        return page

    return place


def _tiled(count: int) -> Callable[[Image, Any], Image]:
    """Repeat it count x count times, small."""

    def tile(pixels: Image, rng: Any) -> Image:
        piece = cv2.resize(pixels, (640 // count, 480 // count), interpolation=cv2.INTER_AREA)
        return np.asarray(np.tile(piece, (count, count, 1)), np.uint8)

    return tile


def _strip(pixels: Image, rng: Any) -> Image:
    """Cut out a narrow strip, one to eight."""
    height = max(16, pixels.shape[1] // 8)
    y = int(rng.integers(0, max(1, pixels.shape[0] - height)))
    return pixels[y : y + height].copy()


def _page_of_text(pixels: Image, rng: Any) -> Image:
    """Print lines of words in the picture's mean colour on white."""
    page = np.full((640, 480, 3), 252, np.uint8)
    size = float(rng.uniform(0.4, 0.9))
    ink = tuple(float(level) for level in pixels.reshape(-1, 3).mean(0) * 0.5)
    words = ["".join(rng.choice(list("aeinorstlmdgk"), int(rng.integers(2, 8)))) for _ in range(40)]
    for y in range(60, 600, int(50 * size)):
        line = " ".join(rng.choice(words, 12))[: int(22 / size)]
        cv2.putText(page, line, (40, y), cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1, cv2.LINE_AA)
    return page


def _grainy(pixels: Image, rng: Any) -> Image:
    """Keep only what is finer than 3 px, as noise and fine weaves are."""
    values = pixels.astype(np.float32)
    fine = values - cv2.GaussianBlur(values, (0, 0), 1.5) + rng.normal(0, 6, pixels.shape[:2])[..., None]
    return np.asarray((128 + 1.5 * fine).clip(0, 255).astype(np.uint8))


SPOILED: dict[str, Callable[[Image, Any], Image]] = {
    "blurred by 0.6 %": _blurred(0.006),
    "blurred by 1.5 %": _blurred(0.015),
    "blurred by 3 %": _blurred(0.03),
    "shrunk to 160 px": _shrunk(160),
    "shrunk to 90 px": _shrunk(90),
    "shrunk to 56 px": _shrunk(56),
    "contrast 30 %": _faint(0.3),
    "contrast 15 %": _faint(0.15),
    "contrast 8 %": _faint(0.08),
    "plain third": _plain_part(0.33),
    "plain fifth": _plain_part(0.2),
    "a quarter of a page": _on_white(0.5),
    "a tenth of a page": _on_white(0.3),
    "tiled 4 x 4": _tiled(4),
    "tiled 8 x 8": _tiled(8),
    "strip": _strip,
    "text": _page_of_text,
    "grain": _grainy,
}
