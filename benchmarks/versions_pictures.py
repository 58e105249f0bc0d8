"""Versions of one art, made from real pictures: other tones, inks and papers, a second scan, a title
elsewhere; and labels of one series on bottles, photographed.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.lookalikes_pictures import WORDS, Image, chance, in_coloured_light

Version = Callable[[Image, np.random.Generator], Image]
FONTS = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)
INKS = ((150, 60, 20), (40, 40, 150), (40, 110, 40), (110, 30, 110))  # BGR
PAPERS = ((190, 225, 240), (225, 215, 205), (200, 200, 200), (205, 230, 215))
WRAP = 2.2  # radians of a bottle that a label covers
_TOP, _BOTTOM, _HIGH = 0.04, 0.84, 0.12  # where titles stand, as shares of the height


def _ranged(values: np.ndarray) -> Image:
    return np.asarray(np.rint(values).clip(0, 255), np.uint8)


def _paler(pixels: Image, rng: np.random.Generator) -> Image:
    return _ranged(255 + (pixels.astype(float) - 255) * rng.uniform(0.45, 0.85))


def _flatter(pixels: Image, rng: np.random.Generator) -> Image:
    return _ranged(128 + (pixels.astype(float) - 128) * rng.uniform(0.5, 0.85))


def _darker(pixels: Image, rng: np.random.Generator) -> Image:
    return _ranged(pixels * rng.uniform(0.5, 0.88))


def _gamma(pixels: Image, rng: np.random.Generator) -> Image:
    power = rng.uniform(0.55, 0.85) if rng.random() < 0.5 else rng.uniform(1.2, 1.8)
    return _ranged(255 * (pixels / 255.0) ** power)


def _in_ink(which: int) -> Version:
    """Print a picture in one of two inks, chosen by its name."""

    def make(pixels: Image, rng: np.random.Generator) -> Image:
        ink = np.array(INKS)[rng.permutation(len(INKS))[which]]
        share = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)[..., None] / 255.0
        return _ranged(ink + share * (250 - ink))

    return make


def _paper(pixels: Image, rng: np.random.Generator) -> Image:
    return _ranged(pixels * (np.array(PAPERS)[rng.integers(len(PAPERS))] / 255.0))


def _scan(pixels: Image, rng: np.random.Generator) -> Image:
    """Return a second scan: slightly rotated and cropped, with its own noise and tones."""
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-0.8, 0.8), rng.uniform(1.01, 1.04))
    turn[:, 2] += rng.uniform(-0.006, 0.006, 2) * (width, height)
    scan = cv2.GaussianBlur(cv2.warpAffine(pixels, turn, (width, height)), (0, 0), rng.uniform(0.3, 0.9))
    toned = 255 * (scan / 255.0) ** rng.uniform(0.93, 1.08) * rng.uniform(0.95, 1.03, 3)
    return _ranged(toned + rng.normal(0, 2, toned.shape))


def _titled(top: float, font: int) -> Version:
    """Write the picture's title over it, its upper edge at a share of the height."""

    def make(pixels: Image, rng: np.random.Generator) -> Image:
        made = pixels.copy()
        height, width = made.shape[:2]
        words = " ".join(rng.choice(WORDS, 2))
        (wide, tall), _ = cv2.getTextSize(words, font, 1, 2)
        size = min(0.9 * width / wide, 0.75 * _HIGH * height / tall)
        place = int((width - size * wide) / 2), int((top + _HIGH) * height)
        for ink, thick in (((20, 20, 20), 6), ((245, 245, 245), 2)):
            cv2.putText(made, words, place, font, size, ink, max(1, round(thick * size)), cv2.LINE_AA)
        return made

    return make


SEEN: dict[str, Version] = {
    "ink": _in_ink(0),
    "ink2": _in_ink(1),
    "title": _titled(_TOP, FONTS[0]),
    "moved": _titled(_BOTTOM, FONTS[0]),
    "reset": _titled(_TOP, FONTS[2]),
}
"""The versions whose difference a photo can show."""
TONED: dict[str, Version] = {
    "paler": _paler,
    "flatter": _flatter,
    "darker": _darker,
    "gamma": _gamma,
    "paper": _paper,
    "scan": _scan,
}
"""Versions that differ only as light and cameras change pictures: a photo cannot tell, but the file can."""


def versions(pixels: Image, name: str) -> dict[str, Image]:
    """Return a picture and one version of each kind, by name. The inks differ, the titles are the same."""
    made = {name: pixels}
    for kind, make in (SEEN | TONED).items():
        drawn = {"ink": "inks", "ink2": "inks", "title": "title", "moved": "title", "reset": "title"}
        made[f"{name}.{kind}"] = make(pixels, chance(f"{drawn.get(kind, kind)} {name}"))
    return made


def saved_anew(pixels: Image) -> Image:
    """Return a picture as a copy sent through a messenger: smaller, a JPEG of medium quality."""
    small = cv2.resize(pixels, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, 70))[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def on_a_bottle(label: Image, number: int) -> Image:
    """Return a photo of a label around a bottle that is slightly turned about its axis."""
    rng = np.random.default_rng(number)
    height, width = label.shape[:2]
    radius = width / WRAP
    wide = int(2 * radius)
    x = (np.arange(wide) + 0.5 - radius) / radius
    angle = np.arcsin(x.clip(-1, 1)) + rng.uniform(-0.35, 0.35)
    across = (angle / WRAP + 0.5) * width - 0.5
    # the rim of a bottle seen from a little above is an ellipse
    sag = rng.uniform(0, 0.16) * radius * np.sqrt(1 - x.clip(-1, 1) ** 2)
    tall = int(height + 0.2 * radius)
    down = np.arange(tall)[:, None] - sag[None, :]
    around = np.broadcast_to(across, down.shape)
    glass = rng.integers(20, 110, 3)
    body = cv2.remap(
        label,
        around.astype(np.float32),
        down.astype(np.float32),
        cv2.INTER_AREA,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=glass.tolist(),
    )
    shaded = body * (0.45 + 0.55 * np.sqrt(1 - (0.95 * x) ** 2))[None, :, None]
    return in_coloured_light(_ranged(shaded), number)
