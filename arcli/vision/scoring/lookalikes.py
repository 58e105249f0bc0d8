"""Which of two look-alikes is in the photo, decided by what differs between them and by nothing else.

Look-alikes (editions, flavours, denominations) share most keypoints, so counts of inliers say little, and
likeness says as much about how well each was aligned as about which one it is. Here both thumbnails are laid
over each other and over the photo, and the photo votes, by detail and by colour, only where they differ.
Tones and overall colour, which light and cameras change too, are no difference that a photo can show; only a
copy of the picture itself can.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.vision.drawing.thumbnail import encode_thumbnail, thumbnail_pixels
from arcli.vision.features.extract import shrink
from arcli.vision.geometry import Size, pixel_size, scaling
from arcli.vision.matching.verify import verify
from arcli.vision.opencv import cv2
from arcli.vision.scoring.appearance import Image, Plane, blurred, covered, detail, rectified, warped
from arcli.vision.scoring.tones import in_tones_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAlikeOptions:
    """How a photo votes between two look-alikes (docs/recognition.md, "Look-alikes, and many targets").

    detail, colour, inliers: weights of the log-odds (0 to 30), by logistic regression on 1,550 pairs of look-
    alikes on real photos, one half of the photos predicting the other. noise_detail, noise_colour: squared
    levels by which a photo differs even from the thumbnail of what it shows (5 to 60). strange_detail,
    strange_colour: levels at which a place that is unlike both counts for half (3 to 20). laid_by_photo:
    weight of detail where only the photo tells how one lies on the other (0 to 1). min_alike: with so many
    inliers the targets themselves tell it (8 to 30). gain: the least and the greatest contrast of a photo
    relative to the thumbnail's. cast: levels of colour that two pictures may differ by where they reveal the
    photo's colour cast (1 to 10). cast_unknown: share of the visible pixels assumed to have no cast (0 to 1).
    colour_blur: px (1 to 4). min_pixels: how many of a thumbnail must be visible (50 to 1000).
    most_by_inliers: the most that inliers count for where the pictures can be compared (0 to 2.5): a stronger
    print has more of them, whichever is seen. copy: levels (RMS) by which a copy of a picture differs from
    its thumbnail at most (3 to 8; photos differ by 14 and more); copy_noise: by which any copy differs (.2 to
    2); by_copy: weight of the logarithm of the ratio of squares (2 to 6).
    """

    detail: float = 12.0
    colour: float = 3.4
    inliers: float = 3.0
    most_by_inliers: float = 2.0
    noise_detail: float = 26.0
    noise_colour: float = 20.0
    strange_detail: float = 10.0
    strange_colour: float = 5.0
    laid_by_photo: float = 0.5
    min_alike: int = 12
    gain: tuple[float, float] = (0.2, 1.5)
    cast: float = 3.0
    cast_unknown: float = 0.1
    colour_blur: float = 2.0
    min_pixels: int = 200
    copy: float = 5.0
    copy_noise: float = 0.5
    by_copy: float = 3.5


OPTIONS = LookAlikeOptions()

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PlacedTarget:
    """A target and its place in a photo. homography: (3, 3), from its extraction size to the photo's
    pixels. thumbnail: (h, w, 3) BGR, None if there is none."""

    features: Features
    thumbnail: Image | None
    homography: Matrix
    inliers: int


def log_odds(photo: Image, one: PlacedTarget, other: PlacedTarget) -> float:
    """Return the log-odds that `photo` shows `one`, given that it shows `one` or `other`.

    photo: (H, W, 3) BGR. About 0 if they are the same, or if what differs is hidden.
    """
    found = OPTIONS.inliers * math.log(max(one.inliers, 1) / max(other.inliers, 1))
    if one.thumbnail is not None and other.thumbnail is not None:
        found = float(np.clip(found, -OPTIONS.most_by_inliers, OPTIONS.most_by_inliers))
    if found < 0:
        return -log_odds(photo, other, one)
    if one.thumbnail is None or other.thumbnail is None or np.array_equal(one.thumbnail, other.thumbnail):
        return found
    between = _between(one.features, other.features)
    trust = 1.0 if between is not None else OPTIONS.laid_by_photo
    if between is None:
        between = np.linalg.inv(other.homography) @ one.homography
    size = pixel_size(one.thumbnail)
    seen, inside = rectified(photo, one.homography, one.features.image_size, size)
    laid, there = _laid(
        other.thumbnail, other.features.image_size, between @ scaling(size, one.features.image_size), size
    )
    visible = cv2.erode(inside * there, np.ones((3, 3), np.uint8)).astype(np.float32)
    if visible.sum() < OPTIONS.min_pixels:
        return found
    toned = in_tones_of(one.thumbnail, laid, visible)
    layers = (seen, inside), (one.thumbnail, np.ones_like(inside)), (toned, there)
    colours = [_colour(*layer) for layer in layers]
    casts = [_uncast([colour[k] for colour in colours], visible) for k in (0, 1)]
    details = [detail(*layer) for layer in layers]
    by_detail = _vote([details], visible, OPTIONS.noise_detail, OPTIONS.strange_detail)
    by_colour = _vote(casts, visible, OPTIONS.noise_colour, OPTIONS.strange_colour)
    return found + trust * OPTIONS.detail * by_detail + OPTIONS.colour * by_colour


def copy_log_odds(photo: Image, one: PlacedTarget, other: PlacedTarget) -> float | None:
    """Return the log-odds that `photo` is a copy of `one`'s picture and not of `other`'s; None: of neither.

    photo: (H, W, 3) BGR, the whole of it. A copy has exactly the tones of its picture, which no photo has.
    """
    apart = [_apart(photo, target.thumbnail) for target in (one, other)]
    if min(apart) > OPTIONS.copy:
        return None
    first, second = (miss**2 + OPTIONS.copy_noise**2 for miss in apart)
    return OPTIONS.by_copy * min(5.0, max(-5.0, math.log(second / first)))


def _apart(photo: Image, thumbnail: Image | None) -> float:
    """Return how many levels (RMS) a shrunken photo is from a thumbnail; infinity for other shapes."""
    if thumbnail is None:
        return math.inf
    small = shrink(photo, max(thumbnail.shape[:2]))
    if np.abs(np.subtract(small.shape, thumbnail.shape)).max() > 1:
        return math.inf
    size = pixel_size(thumbnail)
    again = thumbnail_pixels(
        encode_thumbnail(np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8))
    )
    assert again is not None, "it was just encoded"
    return float(np.sqrt(np.square(again.astype(np.float32) - thumbnail).mean()))


def _between(one: Features, other: Features) -> Matrix | None:
    """Return the homography from `one` to `other` by their keypoints, None if there are too few."""
    found = verify(other, one)
    if found.refusal is not None or found.num_inliers < OPTIONS.min_alike:
        return None
    return found.homography


def _laid(thumbnail: Image, extracted: Size, between: Matrix, size: Size) -> tuple[Image, Plane]:
    """Return a thumbnail laid over another of `size`, and 1 where it covers that one.

    between: (3, 3), from there to the pixels of the thumbnail's target, whose size was `extracted`.
    """
    to_thumbnail = scaling(extracted, pixel_size(thumbnail)) @ between
    laid, mask = warped(thumbnail, to_thumbnail, size)
    return laid, covered(mask)


def _colour(pixels: Image, inside: Plane) -> tuple[Plane, Plane]:
    """Return the blurred a and b of CIE Lab, 0 for gray."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB).astype(np.float32) - 128
    a, b = (blurred(np.ascontiguousarray(lab[..., k]), inside, OPTIONS.colour_blur) for k in (1, 2))
    return a, b


def _uncast(planes: list[Plane], visible: Plane) -> list[Plane]:
    """Remove the colour cast from the photo's plane: its excess where both targets are alike."""
    photo, one, other = planes
    alike = visible / (1 + ((other - one) / OPTIONS.cast) ** 2)
    cast = (alike * (photo - (one + other) / 2)).sum() / (alike.sum() + OPTIONS.cast_unknown * visible.sum())
    return [photo - np.float32(cast), one, other]


def _vote(groups: list[list[Plane]], visible: Plane, noise: float, strange: float) -> float:
    """Return how much closer the photo is to the first than to the second, in units of the noise.

    groups: planes of photo, first and second. strange: levels at which a place that is unlike both counts for
    half: glare, and things lying on the target, say nothing.
    """
    misses = [_misses(photo, one, other, visible) for photo, one, other in groups]
    first, second = (np.sum(which, axis=0) for which in zip(*misses, strict=True))
    weight = visible / (1 + np.minimum(first, second) / strange**2)
    by_first, by_second = float((weight * first).sum()), float((weight * second).sum())
    apart = sum(float((weight * (one - other) ** 2).sum()) for _, one, other in groups)
    excess = abs(by_second - by_first)
    worth = math.sqrt(excess / (min(by_first, by_second) + noise * float(weight.sum())))
    # a photo of one is as far from the other as the two are apart; what hides both is far from both
    return math.copysign(worth * min(1.0, excess / max(apart, 1e-6)), by_second - by_first)


def _misses(photo: Plane, one: Plane, other: Plane, visible: Plane) -> tuple[Plane, Plane]:
    """Return the squared differences of the photo from both, after matching its contrast to theirs."""
    gains = [
        float((visible * photo * plane).sum() / max(float((visible * plane * plane).sum()), 1e-6))
        for plane in (one, other)
    ]
    even = photo / np.float32(np.clip(max(gains), *OPTIONS.gain))
    return (even - one) ** 2, (even - other) ** 2
