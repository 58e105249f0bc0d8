"""Which of two look-alikes is in the photo, decided by what differs between them and by nothing else.

Look-alikes (editions, flavours, denominations) share most keypoints, so counts of inliers say little, and
likeness says as much about how well each was aligned as about which it is. Here the second thumbnail and the
photo are laid upon the first, and the photo is asked how much of the difference it has, in detail and in
colour, that neither light nor camera explain (`tones.py`, `difference.py`). Only a copy of the picture itself
can tell tones and the colour of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.vision.drawing.thumbnail import encode_thumbnail, thumbnail_pixels
from arcli.vision.features.extract import shrink
from arcli.vision.geometry import Size, area, corners, pixel_size, project, scaling
from arcli.vision.matching.verify import verify
from arcli.vision.opencv import cv2
from arcli.vision.scoring.appearance import Image, Plane, covered, rectified, warped
from arcli.vision.scoring.difference import Share, share_of
from arcli.vision.scoring.registration import BETWEEN_TARGETS, OF_A_PHOTO, Layer, laid_upon, zero_to_one
from arcli.vision.scoring.tones import Laid, compared_by_colour, compared_by_detail


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAlikeOptions:
    """How a photo votes between two look-alikes (docs/appendix/recognition.md, "Look-alikes, and many
    targets").

    clear: log-odds from which a choice is sure: 95 of 100 (2 to 5). Below it the pictures that are kept are
    compared too, at finer_sides (px, 160 to 320), where detail may tell: the noise of its share is
    finer_noise at most (.3 to 1). weight: of what a photo shows of the difference (.3 to 1). hidden: share of
    the difference, up or down, that says nothing (0 to .25: .5 is expected); neither: one that is neither's
    (.9 to 1.5); neither_colour: the same of colour (1.2 to 2), which looks stronger under glare: the photo's
    contrast is known by detail, which glare takes. unsure: standard deviation that a share has anyway (.05 to
    .2); scatter: weight of the blocks' disagreement (1 to 3). laid_by_photo: worth where only the photo says
    how one lies on the other (0 to 1). min_alike: inliers from which the targets themselves say it (8 to 30).
    inliers: weight of the logarithm of their ratio (0 to 5); most_by_inliers: what they count for at most
    where the pictures can be compared (0 to 1): a stronger print has more of them, whichever is seen. finer:
    px of the photo for one of the thumbnail, above which the photo is shrunk first (2 to 3). min_pixels: of a
    thumbnail that have to be visible (50 to 1000). copy: levels (RMS) that a copy of a picture is off its
    thumbnail at most (3 to 8; photos are off by 14 and more); copy_noise: that a copy is off anyway (.2 to
    2); by_copy: weight of the logarithm of the ratio of squares (2 to 6), and copy_most: the greatest that
    counts (3 to 8). rounded: px by which the shape of a shrunken photo may be off a thumbnail's (1 to 2).
    rim: px beside what is hidden that do not count either (3 to 7).
    """

    clear: float = math.log(19)
    finer_sides: tuple[int, ...] = (256, 192)
    finer_noise: float = 0.6
    weight: float = 0.8
    hidden: float = 0.2
    neither: float = 1.2
    neither_colour: float = 1.6
    unsure: float = 0.1
    scatter: float = 2.0
    laid_by_photo: float = 0.5
    min_alike: int = 12
    inliers: float = 3.0
    most_by_inliers: float = 0.5
    finer: float = 2.4
    min_pixels: int = 200
    copy: float = 7.0
    copy_noise: float = 0.5
    by_copy: float = 3.5
    copy_most: float = 5.0
    rounded: float = 1.5
    rim: int = 5


OPTIONS = LookAlikeOptions()

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PlacedTarget:
    """A target and its place in a photo. homography: (3, 3), from its extraction size to the photo's
    pixels. thumbnail: (h, w, 3) BGR, None if there is none. kept: returns a larger picture of it, (H, W, 3)
    BGR, None if there is none."""

    features: Features
    thumbnail: Image | None
    homography: Matrix
    inliers: int
    kept: Callable[[], Image | None]


def log_odds(photo: Image, one: PlacedTarget, other: PlacedTarget, between: Matrix | None = None) -> float:
    """Return the log-odds that `photo` shows `one`, given that it shows `one` or `other`.

    photo: (H, W, 3) BGR. between: what `homography_between` says of the two, where it was asked already.
    About 0 if they are the same, or if what differs is hidden.
    """
    found = OPTIONS.inliers * math.log(max(one.inliers, 1) / max(other.inliers, 1))
    if one.thumbnail is not None and other.thumbnail is not None:
        found = float(np.clip(found, -OPTIONS.most_by_inliers, OPTIONS.most_by_inliers))
    if found < 0:
        return -log_odds(photo, other, one)
    if one.thumbnail is None or other.thumbnail is None or np.array_equal(one.thumbnail, other.thumbnail):
        return found
    if between is None:
        between = homography_between(one.features, other.features)
    trust = 1.0 if between is not None else OPTIONS.laid_by_photo
    if between is None:
        between = np.linalg.inv(other.homography) @ one.homography
    laid = _laid(photo, (one, one.thumbnail), (other, other.thumbnail), between)
    if laid.visible.sum() < OPTIONS.min_pixels:
        return found
    detail, colour = share_of(compared_by_detail(laid)), share_of(compared_by_colour(laid))
    by_colour = found + trust * OPTIONS.weight * _vote(colour, OPTIONS.neither_colour)
    by_both = by_colour + trust * OPTIONS.weight * _vote(detail, OPTIONS.neither)
    if abs(by_both) >= OPTIONS.clear or detail.noise > OPTIONS.finer_noise:
        return by_both
    by_finer = _vote_by_kept(photo, one, other, between)
    return by_both if by_finer is None else by_colour + trust * OPTIONS.weight * by_finer


def _vote_by_kept(photo: Image, one: PlacedTarget, other: PlacedTarget, between: Matrix) -> float | None:
    """Return the vote by detail of the pictures that are kept, the weakest of a few sizes and none where they
    disagree: by one size alone, versions that differ in tones were told apart wrongly. None: not kept.

    Colour is seen in thumbnails as well: what light and tones do to it is no noise that more pixels lessen.
    """
    first, second = one.kept(), other.kept()
    if first is None or second is None:
        return None
    votes = []
    for side in OPTIONS.finer_sides:
        laid = _laid(photo, (one, shrink(first, side)), (other, shrink(second, side)), between)
        if laid.visible.sum() < OPTIONS.min_pixels:
            return 0.0  # it was laid elsewhere
        votes.append(_vote(share_of(compared_by_detail(laid)), OPTIONS.neither))
        if votes[-1] * votes[0] <= 0:
            return 0.0
    return min(votes, key=abs)


def copy_log_odds(photo: Image, one: PlacedTarget, other: PlacedTarget) -> float | None:
    """Return the log-odds that `photo` is a copy of `one`'s picture and not of `other`'s; None: of neither.

    photo: (H, W, 3) BGR, the whole of it. A copy has exactly the tones of its picture, which no photo has.
    """
    apart = [_apart(photo, target.thumbnail) for target in (one, other)]
    if min(apart) > OPTIONS.copy:
        return None
    first, second = (miss**2 + OPTIONS.copy_noise**2 for miss in apart)
    ratio, most = math.log(second / first), OPTIONS.copy_most
    return OPTIONS.by_copy * min(most, max(-most, ratio))


def _apart(photo: Image, thumbnail: Image | None) -> float:
    """Return how many levels (RMS) a shrunken photo is from a thumbnail; infinity for other shapes."""
    if thumbnail is None:
        return math.inf
    size, whole = pixel_size(thumbnail), pixel_size(photo)
    smaller = max(size) / max(*whole, *size)
    if np.abs(np.multiply(whole, smaller) - size).max() > OPTIONS.rounded:
        return math.inf
    again = thumbnail_pixels(
        encode_thumbnail(np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8))
    )
    assert again is not None, "it was just encoded"
    return float(np.sqrt(np.square(again.astype(np.float32) - thumbnail).mean()))


def homography_between(one: Features, other: Features) -> Matrix | None:
    """Return the homography from `one` to `other`, pixels of their features, by their keypoints; None if too
    few are alike."""
    found = verify(other, one)
    if found.refusal is not None or found.num_inliers < OPTIONS.min_alike:
        return None
    return found.homography


def _laid(
    photo: Image, first: tuple[PlacedTarget, Image], second: tuple[PlacedTarget, Image], between: Matrix
) -> Laid:
    """Return the photo and the second thumbnail as they lie upon the first.

    between: (3, 3), from pixels of the features of the first target to those of the second.
    """
    (one, thumbnail), (other, laid) = first, second
    size = pixel_size(thumbnail)
    upon = Layer(zero_to_one(thumbnail), np.ones(thumbnail.shape[:2], np.float32))
    to_laid = scaling(other.features.image_size, pixel_size(laid)) @ between
    pixels, mask = warped(laid, to_laid @ scaling(size, one.features.image_size), size)
    beside = laid_upon(Layer(zero_to_one(pixels), covered(mask)), upon.gray, upon.inside, BETWEEN_TARGETS)
    both = np.where(beside.inside > 0, (upon.gray + beside.gray) / 2, upon.gray)
    pixels, inside = _seen(photo, one, size)
    seen = laid_upon(Layer(zero_to_one(pixels), inside), both, upon.inside, OF_A_PHOTO)
    together = np.asarray(seen.inside * beside.inside, np.float32)
    rim = np.ones((OPTIONS.rim, OPTIONS.rim), np.uint8)
    visible = cv2.erode(together, rim, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return Laid(seen, upon, beside, together, np.asarray(visible, np.float32))


def _seen(photo: Image, target: PlacedTarget, size: Size) -> tuple[Image, Plane]:
    """Return the target's place in the photo at the size of its thumbnail, and 1 where that is inside."""
    quad, _ = project(target.homography, corners(target.features.image_size))
    finer = math.sqrt(max(area(quad), 1.0) / (size[0] * size[1])) / OPTIONS.finer
    homography = target.homography
    if finer > 1:  # warping would leave pixels out
        whole = pixel_size(photo)
        smaller = max(1, round(whole[0] / finer)), max(1, round(whole[1] / finer))
        photo = np.asarray(cv2.resize(photo, smaller, interpolation=cv2.INTER_AREA), np.uint8)
        homography = scaling(whole, smaller) @ homography
    return rectified(photo, homography, target.features.image_size, size)


def _vote(share: Share, neither: float) -> float:
    """Return what a share says for the first target: the likelihood ratio of two normal distributions.

    neither: a share from which on it is neither's.
    """
    size = abs(share.value)
    told = max(0.0, min(0.5, size, neither - size) - OPTIONS.hidden)
    variance = share.noise**2 + (OPTIONS.scatter * share.scatter) ** 2 + OPTIONS.unsure**2
    return math.copysign(told / variance, share.value)
