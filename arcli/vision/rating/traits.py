"""What a picture alone tells about how well it will be found: counts, contrast, scale, order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.vision.decoding.decode import Decoded
from arcli.vision.features.extract import shrink
from arcli.vision.matching.match import squared_distances
from arcli.vision.matching.verify import places
from arcli.vision.opencv import cv2


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitOptions:
    """How traits are measured (docs/appendix/level.md, "The level").

    grid: cells per side for the spread (4 to 10). compared: how many of the strongest keypoints are compared
    with each other (60 to 200; 120 take .4 ms). side: px of the long side at which contrast is measured,
    about the size of a picture far away (64 to 256), in windows of `window` px (5 to 15). even: share of the
    picture that details should cover (.3 to 1). apart: share of the long side from which keypoints are at
    different places (.01 to .05). like: squared distance, as a share of a typical code's, below which they
    look alike (.1 to .3). least_scale: percent of the long side, the least size that the mean keypoint is
    taken to have (.1 to .5). finest: share of the keypoints that are smaller than the
    finest of which there are enough (.05 to .25).
    """

    grid: int = 6
    compared: int = 120
    side: int = 128
    window: int = 9
    even: float = 0.5
    apart: float = 0.02
    like: float = 0.15
    least_scale: float = 0.2
    finest: float = 0.1


OPTIONS = TraitOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """A picture's traits.

    places: distinct places with keypoints. repeated: share of keypoints that look like one elsewhere in the
    picture. covered: share of a 6 x 6 grid that has keypoints. contrast: standard deviation of gray levels
    around a typical keypoint (0 to 127). scale: mean diameter of the keypoints, in percent of the long side.
    finest: px, the diameter that a tenth of the keypoints stays below. side: px of the long side. narrowness:
    long side by short side (>= 1).
    """

    places: int
    repeated: float
    covered: float
    contrast: float
    scale: float
    finest: float
    side: int
    narrowness: float

    @property
    def evenness(self) -> float:
        """1 where details cover half of the picture or more, else in proportion."""
        return min(1.0, self.covered / OPTIONS.even)

    @property
    def useful(self) -> float:
        """Places, reduced by those that repeat, and again where they crowd in a part of the picture."""
        return self.places * (1 - self.repeated) * self.evenness


def measure(features: Features, decoded: Decoded) -> Traits:
    """Measure a gallery picture; takes less than a millisecond in addition to extraction."""
    sizes = features.keypoints[:, 2]
    return Traits(
        places=places(features.keypoints[:, :2]),
        repeated=repetition(features),
        covered=spread(features),
        contrast=contrast(features, decoded.pixels),
        scale=100 * float(sizes.mean()) / max(features.image_size) if len(sizes) else 0.0,
        finest=float(np.quantile(sizes, OPTIONS.finest)) if len(sizes) else 0.0,
        side=max(decoded.size),
        narrowness=max(decoded.size) / min(decoded.size),
    )


def spread(features: Features) -> float:
    """Return the share of a 6 x 6 grid over the picture that has keypoints."""
    if len(features) == 0:
        return 0.0
    cells = (features.keypoints[:, :2] / np.array(features.image_size) * OPTIONS.grid).astype(int)
    columns, rows = cells.clip(0, OPTIONS.grid - 1).T
    return len(set((rows * OPTIONS.grid + columns).tolist())) / OPTIONS.grid**2


def repetition(features: Features) -> float:
    """Return the share of keypoints that look like one at another place of the same picture (text, grids)."""
    features = features.head(OPTIONS.compared)
    if len(features) < 2:
        return 0.0
    x, y = np.ascontiguousarray(features.keypoints[:, :2].T)
    apart = np.maximum(np.abs(x[:, None] - x), np.abs(y[:, None] - y))
    distances = squared_distances(features.codes, features.codes)
    distances[apart < OPTIONS.apart * max(features.image_size)] = np.inf
    codes = features.codes.astype(np.float32)
    norm = float(np.median(np.einsum("ij,ij->i", codes, codes)))
    return float((distances.min(1) < OPTIONS.like * norm).mean())


def contrast(features: Features, pixels: npt.NDArray[np.uint8]) -> float:
    """Return the median over the keypoints of the standard deviation of gray around them."""
    if len(features) == 0:
        return 0.0
    gray = cv2.cvtColor(shrink(pixels, OPTIONS.side), cv2.COLOR_BGR2GRAY).astype(np.float32)
    mean, squares = (cv2.blur(plane, (OPTIONS.window, OPTIONS.window)) for plane in (gray, gray * gray))
    deviation = np.sqrt(np.maximum(squares - mean * mean, 0))
    size = np.array(gray.shape[::-1])
    at = (features.keypoints[:, :2] / np.array(features.image_size) * size).astype(int).clip(0, size - 1)
    return float(np.median(deviation[at[:, 1], at[:, 0]]))
