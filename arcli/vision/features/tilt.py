"""Views of a photo as if the camera stood further to one side: SIFT tolerates a tilt of about 50
degrees; a target seen at 65 comes within its reach in a photo that is squeezed across (Morel and Yu, ASIFT,
2009).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arcli.vision import geometry
from arcli.vision.features.options import TiltOptions
from arcli.vision.opencv import cv2

Pixels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]


def squeezed(pixels: Pixels, options: TiltOptions) -> tuple[Pixels, Matrix]:
    """Return the photo turned by `direction`, then squeezed in x; also the (3, 3) affine map from pixels of
    that view to pixels of the photo."""
    turn, size = _turned(geometry.pixel_size(pixels), options.direction)
    view = cv2.warpAffine(pixels, turn[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sigma = options.blur * float(np.sqrt(options.factor**2 - 1))
    view = cv2.GaussianBlur(view, (2 * int(np.ceil(3 * sigma)) + 1, 1), sigma)
    narrow = max(1, round(size[0] / options.factor))
    squeeze = np.diag([narrow / size[0], 1.0, 1.0])
    view = cv2.warpAffine(view, squeeze[:2], (narrow, size[1]), flags=cv2.INTER_LINEAR)
    return np.asarray(view, np.uint8), np.asarray(np.linalg.inv(squeeze @ turn), np.float64)


def _turned(size: geometry.Size, degrees: float) -> tuple[Matrix, geometry.Size]:
    """Return the (3, 3) that turns a picture of size (w, h), and the size of its bounding box then."""
    cosine, sine = float(np.cos(np.deg2rad(degrees))), float(np.sin(np.deg2rad(degrees)))
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
    box, _ = geometry.project(turn, geometry.corners(size))
    turn[:2, 2] = -box.min(0) - 0.5
    width, height = np.ceil(np.ptp(box, axis=0) - 1e-6)
    return turn, (int(width), int(height))
