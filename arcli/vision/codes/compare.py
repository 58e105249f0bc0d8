"""Whether a photo shows a code or another of its family, compared module by module."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from arcli.vision import geometry
from arcli.vision.codes.search import OPTIONS, Code, Pixels, Plane, apart_from_middle
from arcli.vision.opencv import cv2

Matrix = npt.NDArray[np.float64]


class Verdict(StrEnum):
    """What a photo shows of a code: the same one, another, or not enough to tell."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"


def judge(code: Code, photo: Pixels, to_photo: Matrix) -> Verdict:
    """Say whether a photo shows a code where `to_photo` says it is (see `compare`)."""
    resolved, differing = compare(code, photo, to_photo)
    if resolved < OPTIONS.resolved:
        return Verdict.UNKNOWN
    if differing >= OPTIONS.other:
        return Verdict.OTHER
    return Verdict.SAME if differing < OPTIONS.differing else Verdict.UNKNOWN


def compare(code: Code, photo: Pixels, to_photo: Matrix) -> tuple[float, float]:
    """Return the share of a code's modules that a photo resolves, and the share of those that differ.

    photo: (H, W, 3) BGR. to_photo: (3, 3), from pixels of the code's picture to those of the photo.
    """
    rows, columns = code.modules.shape
    step, margin = OPTIONS.oversampled, 1
    tall = rows if rows > 1 else 8
    box = geometry.corners((columns * step, tall * step))
    square = cv2.getPerspectiveTransform(box.astype(np.float32), code.quad.astype(np.float32))
    back = np.array([[1, 0, -margin * step], [0, 1, -margin * step], [0, 0, 1.0]])
    size = ((columns + 2 * margin) * step, (tall + 2 * margin) * step)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    gray = np.asarray(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), np.uint8)
    view = cv2.warpPerspective(
        gray, to_photo @ square @ back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    seen = np.asarray(view, np.float32)
    most = round(OPTIONS.shifts * step)
    across = range(-most, most + 1, 1)
    outcomes = [
        _resolved(code, _sampled(seen, (rows, columns), (dy, dx)))
        for dy in (across if rows > 1 else (0,))
        for dx in across
    ]
    return max(outcomes, key=lambda outcome: outcome[0] * (1 - 2 * outcome[1]))


def _sampled(seen: Plane, shape: tuple[int, int], shift: tuple[int, int]) -> Plane:
    """Return the gray in the middle of each module, moved by `shift` px."""
    step = OPTIONS.oversampled
    rows, columns = shape
    left = step + shift[1]
    if rows == 1:
        inner = seen[2 * step : -2 * step, left : left + columns * step].mean(0)[None]
        return np.asarray(inner.reshape(1, columns, step)[:, :, 1:-1].mean(2), np.float32)
    top = step + shift[0]
    inner = seen[top : top + rows * step, left : left + columns * step]
    cells = inner.reshape(rows, step, columns, step)[:, 1:-1, :, 1:-1]
    return np.asarray(cells.mean((1, 3)), np.float32)


def _resolved(code: Code, gray: Plane) -> tuple[float, float]:
    """Return the share of modules that are clearly dark or light, and the share of those that are wrong."""
    apart = apart_from_middle(gray)
    sure = (np.abs(apart) > OPTIONS.sure) & code.clear
    wrong = sure & ((apart < 0) != code.modules)
    return float(sure.sum() / max(1, code.clear.sum())), float(wrong.sum() / max(1, sure.sum()))
