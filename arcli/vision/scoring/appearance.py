"""Does the place in the photo look like the target? Its rectified view, against the stored thumbnail.

Geometry counts points that agree; this looks at everything between them, so it confirms a find of few points,
refutes chance, and tells apart look-alikes that share most of their points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.vision import geometry
from arcli.vision.features.extract import in_gray
from arcli.vision.opencv import cv2

Image = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppearanceOptions:
    """How a place is compared with a thumbnail (docs/appendix/recognition.md, step 5).

    block: px of a 128 px thumbnail (8 to 32). fine, coarse: px of the two blurs between which detail lies (1
    to 2, 3 to 8): at finer detail the homography of few points is off; coarser are outlines and shadows,
    which any two shirts or sheets share. oversampled: the photo is read at so many times the thumbnail's
    size, then averaged (1 to 3). texture: a block of the thumbnail with less variance of detail is not used
    (1 to 10). dim: the least variance in the photo that a block counts with (.5 to 4). seen: share of a block
    that must lie in the photo (.5 to 1). fewest: how many usable blocks a comparison needs (1 to 10). whole:
    of 255, from which a pixel of a mask that was warped is whole (200 to 254).
    """

    block: int = 16
    fine: float = 1.5
    coarse: float = 4.0
    oversampled: int = 2
    texture: float = 2.0
    dim: float = 1.0
    seen: float = 0.7
    fewest: int = 3
    whole: int = 250


OPTIONS = AppearanceOptions()


@dataclass(frozen=True, slots=True)
class Appearance:
    """correlation: mean over the blocks of the zero-mean correlation of their detail, -1 to 1.

    blocks: how many overlapping blocks of the thumbnail have texture and lie in the photo.
    """

    correlation: float
    blocks: int


NOTHING_SEEN = Appearance(0.0, 0)


def appearance(
    photo: Image,
    homography: npt.NDArray[np.float64],
    target_size: geometry.Size,
    thumbnail: Image,
) -> Appearance:
    """Compare a target's thumbnail with the place in the photo that `homography` gives.

    photo: gray or BGR at extraction size; homography: from target to photo, both at extraction size.
    thumbnail: (h, w, 3) BGR.
    """
    seen, inside = rectified(photo, homography, target_size, thumbnail.shape[1::-1])
    everywhere = np.ones(thumbnail.shape[:2], np.float32)
    found, valid = _block_correlations(detail(thumbnail, everywhere), detail(seen, inside), inside)
    if valid.sum() < OPTIONS.fewest:
        return NOTHING_SEEN
    return Appearance(float(found[valid].mean()), int(valid.sum()))


def rectified(
    photo: Image, homography: npt.NDArray[np.float64], target_size: geometry.Size, size: tuple[int, ...]
) -> tuple[Image, Plane]:
    """Return the rectified view of the target's place in a photo, gray or BGR, and 1 where that is inside."""
    width, height = size
    fine = (width * OPTIONS.oversampled, height * OPTIONS.oversampled)
    step = np.array(target_size) / fine
    to_target = np.array([[step[0], 0, step[0] / 2 - 0.5], [0, step[1], step[1] / 2 - 0.5], [0, 0, 1]])
    to_photo = homography @ to_target
    view, mask = warped(photo, to_photo, fine)
    small, inside = (
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in (view, mask)
    )
    return np.asarray(small, np.uint8), covered(np.asarray(inside, np.uint8))


def warped(image: Image, to_image: npt.NDArray[np.float64], size: tuple[int, ...]) -> tuple[Image, Image]:
    """Return the part of `image` that a picture of `size` (w, h) maps to, and a mask: 255 inside it."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = np.asarray(cv2.warpPerspective(image, to_image, size, flags=flags), np.uint8)
    if holds(geometry.pixel_size(image), to_image, size):
        return view, np.full(view.shape[:2], 255, np.uint8)
    whole = np.full(image.shape[:2], 255, np.uint8)
    return view, np.asarray(cv2.warpPerspective(whole, to_image, size, flags=flags), np.uint8)


def holds(image: geometry.Size, to_image: npt.NDArray[np.float64], size: tuple[int, ...]) -> bool:
    """Say whether a picture of `size` (w, h) maps to the inside of an image of size (w, h)."""
    right, bottom = size[0] - 1, size[1] - 1
    quad, weight = geometry.project(to_image, ((0, 0), (right, 0), (right, bottom), (0, bottom)))
    return bool((weight > 0).all() and (quad >= 0).all() and (quad <= np.array(image) - 1).all())


def covered(mask: Image) -> Plane:
    """Return 1 where a mask is whole, else 0."""
    return np.asarray(mask > OPTIONS.whole, np.float32)


def detail(pixels: Image, inside: Plane) -> Plane:
    """Return the (h, w) gray detail of gray or BGR pixels between two blurs, each of the inside alone."""
    gray = in_gray(pixels).astype(np.float32)
    return blurred(gray, inside, OPTIONS.fine) - blurred(gray, inside, OPTIONS.coarse)


def blurred(plane: Plane, inside: Plane, sigma: float) -> Plane:
    """Return the (h, w) plane blurred by a Gaussian of sigma px, of the inside alone."""
    summed = np.asarray(cv2.GaussianBlur(plane * inside, (0, 0), sigma), np.float32)
    if inside.all():
        return summed
    share = np.maximum(cv2.GaussianBlur(inside, (0, 0), sigma), 1e-3)
    return np.asarray(summed / share, np.float32)


def _block_correlations(target: Plane, seen: Plane, inside: Plane) -> tuple[Plane, npt.NDArray[np.bool_]]:
    """Return correlation and validity of the blocks that begin at every half block."""
    block = OPTIONS.block

    def mean(plane: Plane) -> Plane:
        return np.asarray(cv2.boxFilter(plane * inside, -1, (block, block)), np.float32)

    share = np.maximum(cv2.boxFilter(inside, -1, (block, block)), 1e-3)
    mean_target, mean_seen = mean(target) / share, mean(seen) / share
    variance = mean(target * target) / share - mean_target**2
    variance_seen = mean(seen * seen) / share - mean_seen**2
    covariance = mean(target * seen) / share - mean_target * mean_seen
    found = covariance / np.sqrt(
        np.maximum(variance, OPTIONS.texture) * np.maximum(variance_seen, OPTIONS.dim)
    )
    centres = slice(block // 2, None, block // 2)
    valid = (share > OPTIONS.seen) & (variance > OPTIONS.texture)
    return np.asarray(found[centres, centres]), np.asarray(valid[centres, centres])
