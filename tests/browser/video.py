"""Films for Chromium's fake camera: a picture that moves over a table, its corners known in each frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 480
FRAMES = 120  # of a film, which is repeated: at 30 frames a second four seconds, without a jump at its end
BIT = 32  # pixels of a square of the frame's number, which is written along the upper edge

Corners = list[list[float]]

# Keeps what the page drew for each frame, with the number that the film wrote into that frame.
RECORDER = f"""
window.drawn = []; window.answers = 0;
const dispatch = EventTarget.prototype.dispatchEvent;
EventTarget.prototype.dispatchEvent = function (event) {{
  const done = dispatch.call(this, event);
  if (event.type === "answer" && event.detail) window.answers += 1;
  if (event.type === "quads" && event.detail && event.detail.matches.length) {{
    const {{ gray, width }} = event.detail.frame;
    const step = {BIT} * width / {WIDTH};
    let number = 0;
    for (let bit = 0; bit < 8; bit++)
      if (gray[Math.round(step / 2) * width + Math.round((bit + 0.5) * step)] > 128) number |= 1 << bit;
    const points = document.querySelector("#quads polygon").getAttribute("points");
    window.drawn.push({{ number, answers: window.answers, points, at: performance.now() }});
  }}
  return done;
}};
"""


@dataclass(frozen=True)
class Film:
    """A file for --use-file-for-fake-video-capture, and the quad in each of its frames."""

    path: Path
    truth: list[Corners]


def film(picture: Path, path: Path, *, moving: bool = True) -> Film:
    """Write a film of a picture; `moving`: it pans and zooms, else it only turns a little."""
    art = cv2.imread(str(picture))
    assert art is not None
    rng = np.random.default_rng(7)
    table = cv2.resize(rng.integers(90, 150, (30, 40, 3), dtype=np.uint8), (WIDTH, HEIGHT))
    truth = []
    with path.open("wb") as file:
        for number in range(FRAMES):
            quad = _quad(number / FRAMES * 2 * np.pi, moving, art.shape[1] / art.shape[0])
            file.write(_frame(art, table, quad, number))
            truth.append(quad.tolist())
    return Film(path, truth)


def _quad(phase: float, moving: bool, aspect: float) -> NDArray[np.float32]:
    amount = 1.0 if moving else 0.0
    zoom = 1 + 0.2 * amount * np.sin(phase)
    width, height = 300 * zoom, 300 * zoom / aspect
    center = np.array([320 + 55 * amount * np.cos(phase), 265 + 25 * amount * np.sin(phase)])
    box = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    tilt = np.array([[0, 6], [0, -6], [4, 8], [-4, -8]])
    return (box + tilt + center).astype(np.float32)


def _frame(art: NDArray[np.uint8], table: NDArray[np.uint8], quad: NDArray[np.float32], number: int) -> bytes:
    height, width = art.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, quad)
    frame = table.copy()
    warped = cv2.warpPerspective(art, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
    inside = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, (WIDTH, HEIGHT))
    frame[inside > 127] = warped[inside > 127]
    for bit in range(8):
        frame[:BIT, bit * BIT : (bit + 1) * BIT] = 255 if number >> bit & 1 else 0
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def errors(drawn: list[dict[str, Any]], truth: list[list[list[float]]]) -> list[float]:
    """Return each frame's largest distance of a drawn corner from the true one, in pixels of the film."""
    found = []
    for one in drawn:
        corners = np.array([pair.split(",") for pair in one["points"].split()], float)
        found.append(float(np.linalg.norm(corners - np.array(truth[one["number"]]), axis=1).max()))
    return found
