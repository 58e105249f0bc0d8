"""What can be tuned in extraction and verification, with ranges and where each number was measured."""

from __future__ import annotations

from dataclasses import dataclass

from arcli.models import Effort


@dataclass(frozen=True, slots=True, kw_only=True)
class SiftOptions:
    """What a preset's keypoints are (docs/appendix/recognition.md, step 2).

    target_contrast: SIFT drops keypoints of a target below it (.005 to .04); OpenCV's default of .04 loses
    dim pictures. photo_contrast: the same for photos: where they are blurred or dim, weak keypoints are
    better than none. edge: OpenCV's default (5 to 20). smallest: px, the smallest picture in which SIFT finds
    anything stable. even: px, the side of a square of one gray that counts as evenly coloured (9 to 21).
    grain: px (64 to 1024), after which the grain of such areas repeats.
    """

    target_contrast: float = 0.02
    photo_contrast: float = 0.01
    edge: float = 10.0
    smallest: int = 12
    even: int = 15
    grain: int = 256


SIFT = SiftOptions()
CONTRAST, FAINT = SIFT.target_contrast, SIFT.photo_contrast


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractOptions:
    """max_side: long side in px that SIFT sees (64 to 1023; a smaller picture is not enlarged).
    max_keypoints: the strongest by response that are kept (50 to 4000). voters: how many of them, the
    strongest, search the index (100 to max_keypoints; None: all). contrast: SIFT drops keypoints below it
    (.005 to .04); makes no difference where there are more than `max_keypoints`.
    """

    max_side: int
    max_keypoints: int
    voters: int | None = None
    contrast: float = CONTRAST


ENROLL = ExtractOptions(max_side=400, max_keypoints=400)
"""A gallery picture: 320 to 400 px measured best (docs/appendix/recognition.md). 400 keypoints instead of
300 find two more of 85 worn banknotes and lose nothing elsewhere."""


def _photo(max_side: int, max_keypoints: int, voters: int | None = None) -> ExtractOptions:
    return ExtractOptions(max_side=max_side, max_keypoints=max_keypoints, voters=voters, contrast=FAINT)


_FAST = (_photo(400, 500, voters=250),)
_NORMAL = (*_FAST, _photo(800, 800))
_THOROUGH = (*_NORMAL, _photo(1200, 1500))

CASCADE = {Effort.FAST: _FAST, Effort.NORMAL: _NORMAL, Effort.THOROUGH: _THOROUGH}
"""Query extractions by effort, tried in order until something is accepted (docs/appendix/recognition.md,
step 8).

At 400 px, 250 voters put the right one of 3,274 targets among the first 15 as often as 500 do (98.8 % of 407
photos) in half the time; at 800 px, 500 instead of 800 would lose 7 in 1,000 from the first 30."""

CASCADE_MANY = {
    Effort.FAST: (_photo(640, 1000),),
    Effort.NORMAL: (_photo(800, 1500),),
    Effort.THOROUGH: (_photo(1200, 3000),),
}
"""Several targets in a photo share its keypoints, so more are extracted (docs/appendix/recognition.md,
step 11)."""


CROWD = {Effort.FAST: None, Effort.NORMAL: _photo(1024, 4000), Effort.THOROUGH: _photo(1200, 5000)}
"""For a photo in which several targets were found, as on a wall: they are small, and each has few of the
keypoints (docs/appendix/recognition.md, step 11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TiltOptions:
    """A view of a photo from the side. max_side: long side in px before squeezing (400 to 800). factor: of
    squeezing (1.4 to 3; 2 corresponds to 60 degrees). direction: degrees (0 to 180). max_keypoints, voters:
    as above. blur: px per factor of squeezing, in quadrature: the averaging over an area of that size."""

    max_side: int
    factor: float
    direction: float
    max_keypoints: int
    voters: int | None
    blur: float = 0.8


def _sides(
    max_side: int, factor: float, max_keypoints: int, *directions: int, voters: int | None = None
) -> tuple[TiltOptions, ...]:
    return tuple(
        TiltOptions(
            max_side=max_side,
            factor=factor,
            direction=direction,
            max_keypoints=max_keypoints,
            voters=voters,
        )
        for direction in directions
    )


TILTS = {
    Effort.FAST: (),
    Effort.NORMAL: _sides(560, 2.4, 200, 0, 90, voters=150),
    Effort.THOROUGH: _sides(560, 2.4, 400, 0, 90, voters=200),
}
"""Views for a photo in which nothing was found so far. Cameras tip and turn more than they roll, so those two
directions come first; four cover the full circle. 150 voters find as many of 404 photos as 300, and 200
keypoints as many of 396 simulated ones as 300. A factor of 2.4 at 560 px finds ten times as many squeezed
photos as 2.0 at 400 px in the same time (docs/appendix/recognition.md)."""

TILTS_MANY = {
    Effort.FAST: (),
    Effort.NORMAL: _sides(560, 2.4, 300, 0, 90, 45, 135),
    Effort.THOROUGH: _sides(560, 2.4, 600, 0, 90, 45, 135),
}

NEGATIVE = {Effort.FAST: None, Effort.NORMAL: None, Effort.THOROUGH: _photo(800, 800)}
"""The negative of a photo in which nothing was found so far: a logo printed light on dark, registered dark on
light. The gradients of a negative point the other way, so that its keypoints have other codes."""
