"""A target in the tones of another: what light and cameras change is removed from the comparison.

The exposure, contrast, tones and colour of light of a photo are unknown, so no photo can distinguish versions
of a target that differ only in these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.vision.scoring.appearance import Image, Plane, blurred

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TonesOptions:
    """How tones are fitted (docs/recognition.md, "Look-alikes, and many targets"); fractions of full scale.

    strange: the distance from the fit at which a place counts for half (.03 to .2): there the targets differ
    in more than tones. ridge: of the regression (1e-7 to 1e-4). blur: px (1 to 4). steps: of the fit (1 to
    5).
    """

    strange: float = 0.05
    ridge: float = 1e-6
    blur: float = 2.0
    steps: int = 4


OPTIONS = TonesOptions()


def in_tones_of(model: Image, target: Image, visible: Plane) -> Image:
    """Return (h, w, 3) BGR `target` in the tones of `model`, a picture that it is laid over.

    visible: (h, w), 1 where both are seen. Each channel gets the smooth curve that fits best, by iteratively
    reweighted least squares.
    """
    made = np.empty_like(target)
    for channel in range(3):
        known, wanted = (_samples(pixels[..., channel], visible) for pixels in (target, model))
        levels = _curve(np.arange(256) / 255) @ _fit(_curve(known), wanted)
        made[..., channel] = np.rint(255 * levels.clip(0, 1)).astype(np.uint8)[target[..., channel]]
    return made


def _samples(plane: Image, visible: Plane) -> Vector:
    """Return every second visible pixel of a blurred plane, 0 to 1."""
    smooth = blurred(np.asarray(plane, np.float32), visible, OPTIONS.blur)[::2, ::2]
    return np.asarray(smooth[visible[::2, ::2] > 0] / 255, np.float64)


def _curve(values: Vector) -> Vector:
    """Return the (N, 4) regressors of (N,) values: black, contrast, a power near 1, a bend."""
    return np.stack(
        [np.ones_like(values), values, values * np.log(np.maximum(values, 1e-3)), values**2], axis=1
    )


def _fit(columns: Vector, wanted: Vector) -> Vector:
    """Return the (4,) weights of the columns."""
    weight, fitted = np.ones(len(wanted)), np.zeros(columns.shape[1])
    for _ in range(OPTIONS.steps):
        weighted = columns * (weight / max(float(weight.sum()), 1e-9))[:, None]
        normal = weighted.T @ columns + OPTIONS.ridge * np.eye(columns.shape[1])
        fitted = np.asarray(np.linalg.solve(normal, weighted.T @ wanted))
        weight = 1 / (1 + ((wanted - columns @ fitted) / OPTIONS.strange) ** 2)
    return fitted
