"""One candidate of a shortlist, verified and scored against a photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.models import Quad
from arcli.vision.decoding.decode import Decoded
from arcli.vision.drawing.thumbnail import thumbnail_pixels
from arcli.vision.features.extract import extract, shrink
from arcli.vision.features.options import ExtractOptions, TiltOptions
from arcli.vision.features.tilt import squeezed
from arcli.vision.geometry import pixel_size, project, scale_points, scaling
from arcli.vision.matching.rectified_view import deserves_it, from_the_front, inliers_from_the_front
from arcli.vision.matching.refine import moved, refine
from arcli.vision.matching.verify import Verification, verify
from arcli.vision.scoring.appearance import Appearance, appearance
from arcli.vision.scoring.lookalikes import Claim, log_odds
from arcli.vision.scoring.score import doubtful, score

Points = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]


class Vote(Protocol):
    """One entry of a shortlist."""

    @property
    def row_id(self) -> int: ...
    @property
    def votes(self) -> float: ...


class Shelf(Protocol):
    """One channel as one read transaction sees it."""

    @property
    def channel(self) -> str: ...

    def shortlist(self, query: Features, limit: int) -> Sequence[Vote]:
        """Return the targets with the most votes, best first."""
        ...

    def relatives(self, target: Features, limit: int) -> Sequence[Vote]:
        """Return the targets with the most votes of a target's keypoints. As many neighbours vote as `limit`,
        so that a large family finds room."""
        ...

    def features(self, row_ids: Sequence[int]) -> dict[int, Features]: ...
    def thumbnails(self, row_ids: Sequence[int]) -> dict[int, bytes]: ...

    def threshold(self, row_id: int, asked: float | None) -> float:
        """Return the lowest score that counts: the target's matchratio, else `asked`, else the channel's."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A candidate after verification. `quad` in pixels of the displayed photo; `reason` None: accepted.

    likeness: mean correlation with the target's thumbnail, -1 to 1; None where it was not compared.
    """

    shelf: Shelf
    row_id: int
    votes: float
    score: float
    inliers: int
    quad: Quad | None
    threshold: float
    reason: str | None
    likeness: float | None = None
    ambiguous: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """A candidate and what speaks for it. quad: (4, 2) in pixels of the view. doubtful: a look from the front
    could decide, and has not been taken."""

    sighting: Sighting
    entry: Entry
    quad: Points | None
    verification: Verification
    looks: Appearance | None
    doubtful: bool

    @property
    def evidence(self) -> npt.NDArray[np.intp]:
        """The keypoints of the query that are its inliers, as indices."""
        return self.verification.matches.query[self.verification.inliers]


@dataclass(frozen=True, slots=True)
class Entry:
    """A shortlisted target with its features."""

    shelf: Shelf
    row_id: int
    votes: float
    features: Features
    threshold: float


class PhotoView:
    """A photo as one attempt sees it: at one resolution, straight or from the side.

    query: its features; the strongest `voters` of them search the index (None: all). pixels: called for the
    (H, W, 3) BGR that they are of. to_photo: (3, 3), from there to the pixels of `photo`.
    """

    def __init__(
        self,
        photo: Decoded,
        query: Features,
        pixels: Callable[[], Pixels],
        to_photo: Points,
        voters: int | None = None,
    ) -> None:
        self.query, self.voters = query, query if voters is None else query.head(voters)
        self._photo, self._lazy_pixels, self._to_photo = photo, pixels, to_photo

    @cached_property
    def _pixels(self) -> Pixels:
        return self._lazy_pixels()

    def examine(self, query: Features, entry: Entry) -> Examined:
        """Verify `entry` against keypoints of this view."""
        verification = verify(query, entry.features)
        looks = self._compare(verification, entry)
        preset = entry.features.preset
        value = score(verification, preset, appearance=looks)
        sighting = Sighting(
            shelf=entry.shelf,
            row_id=entry.row_id,
            votes=entry.votes,
            score=value,
            inliers=verification.num_inliers,
            quad=self._displayed(verification.quad),
            threshold=entry.threshold,
            reason=verification.refusal.value if verification.refusal else _reason(value, entry),
            likeness=looks.correlation if looks else None,
        )
        doubts = doubtful(verification, preset, appearance=looks)
        return Examined(sighting, entry, verification.quad, verification, looks, doubts)

    def look_again(self, one: Examined) -> Examined:
        """Return a doubtful candidate with the score that it deserves seen from the front."""
        homography, target = one.verification.homography, one.entry.features
        assert homography is not None, "doubtful candidates have one"
        front = inliers_from_the_front(self._photo.pixels, self._to_photo @ homography, target)
        value = score(one.verification, target.preset, appearance=one.looks, front=front)
        sighting = replace(one.sighting, score=value, reason=_reason(value, one.entry))
        return replace(one, sighting=sighting, doubtful=False)

    def log_odds(self, one: Examined, other: Examined) -> float:
        """Return the log-odds that `one` is seen, given that one of two accepted candidates is."""
        return log_odds(self._pixels, _claim(one), _claim(other))

    def exact(self, query: Features, one: Examined) -> tuple[Quad, Points] | None:
        """Return where an accepted candidate is, to the pixel: in the displayed photo, and in the view.

        query: the keypoints that it was verified against.
        """
        target = one.entry.features
        found = refine(query, target, one.verification)
        if found.homography is not None and deserves_it(found.homography, target, found.num_inliers):
            exact = from_the_front(self._photo.pixels, self._to_photo @ found.homography, target)
            if exact is not None:
                found = moved(found, np.asarray(np.linalg.inv(self._to_photo) @ exact), query, target)
        displayed = self._displayed(found.quad)
        return None if found.quad is None or displayed is None else (displayed, found.quad)

    def _compare(self, verification: Verification, entry: Entry) -> Appearance | None:
        """Compare with the stored thumbnail; None where there is none, or the geometry was refused."""
        if verification.refusal is not None or verification.homography is None:
            return None
        pixels = _thumbnail(entry)
        if pixels is None:
            return None
        return appearance(self._pixels, verification.homography, entry.features.image_size, pixels)

    def _displayed(self, quad: Points | None) -> Quad | None:
        """Move a quad from pixels of the view to pixels of the displayed photo."""
        if quad is None:
            return None
        in_photo, _ = project(self._to_photo, quad)
        moved_there = scale_points(in_photo, pixel_size(self._photo.pixels), self._photo.size)
        a, b, c, d = ((float(x), float(y)) for x, y in moved_there)
        return a, b, c, d


def _reason(value: float, entry: Entry) -> str | None:
    return "below_threshold" if value < entry.threshold else None


def _claim(one: Examined) -> Claim:
    homography = one.verification.homography
    assert homography is not None, "accepted candidates have one"
    return Claim(one.entry.features, _thumbnail(one.entry), homography, one.sighting.inliers)


def _thumbnail(entry: Entry) -> Pixels | None:
    """Return a target's stored small picture; None where there is none, or it is damaged."""
    stored = entry.shelf.thumbnails([entry.row_id]).get(entry.row_id)
    return thumbnail_pixels(stored) if stored else None


def straight(photo: Decoded, stage: ExtractOptions) -> PhotoView:
    """Return the photo at one resolution of the cascade."""
    query = extract(
        photo.pixels,
        max_side=stage.max_side,
        max_keypoints=stage.max_keypoints,
        contrast=stage.contrast,
    )
    to_photo = scaling(query.image_size, pixel_size(photo.pixels))
    return PhotoView(photo, query, lambda: shrink(photo.pixels, stage.max_side), to_photo, stage.voters)


def from_the_side(photo: Decoded, options: TiltOptions) -> PhotoView:
    """Return the photo as if the camera stood further to one side."""
    small = shrink(photo.pixels, options.max_side)
    pixels, back = squeezed(small, options)
    query = extract(pixels, max_side=max(pixels.shape), max_keypoints=options.max_keypoints)
    to_photo = scaling(pixel_size(small), pixel_size(photo.pixels)) @ back
    return PhotoView(photo, query, lambda: pixels, to_photo, options.voters)
