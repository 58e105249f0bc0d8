"""Photographs a picture with the simulated camera, and searches it with the engine's recipe.

The shortlist is just the picture itself, so that no index is needed; `make bench-level ARGS="--gallery 8"`
compares with the answers of a gallery with distractors.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

from arcli.engine.recognition.candidates import Codes
from arcli.engine.recognition.recognize import SearchedChannel, recognize
from arcli.errors import TooFewFeatures
from arcli.features import Features
from arcli.models import Effort, FindOptions
from arcli.vision.decoding.decode import Decoded
from arcli.vision.drawing.thumbnail import thumbnail
from arcli.vision.features.extract import extract
from arcli.vision.features.options import ENROLL
from arcli.vision.scoring.score import default_threshold
from benchmarks.camera import VIEWS, photograph
from benchmarks.level_pictures import Image, Subject


class OneTarget:
    """A channel of one target (a `SearchedChannel` of the recipe)."""

    name = "default"

    def __init__(self, features: Features, small: bytes) -> None:
        self._features, self._small = features, small

    def shortlist(self, query: Features, limit: int) -> Sequence[tuple[int, float]]:
        return [(1, 1.0)]

    def relatives(self, voters: Features, most: int) -> Sequence[tuple[int, float]]:
        return [(1, 1.0)]

    def load(
        self, row_ids: Sequence[int], asked: float | None
    ) -> dict[int, tuple[Features, float, bytes | None]]:
        return {1: (self._features, default_threshold(), self._small)}

    def picture(self, row_id: int) -> bytes | None:
        return None

    def codes(self, row_id: int, search: Callable[[], Codes]) -> Codes:
        return search()


def enrolled(pixels: Image) -> tuple[Features, Decoded]:
    """Return the input of enrolment's rating of a picture."""
    decoded = Decoded(pixels, (pixels.shape[1], pixels.shape[0]), "png")
    return extract(pixels, max_side=ENROLL.max_side, max_keypoints=ENROLL.max_keypoints), decoded


def photo_of(subject: Subject, view: str) -> Image:
    """Photograph a picture; the same photo each time."""
    return photograph(subject.pixels, VIEWS[view], seed=zlib.crc32(f"{subject.name} {view}".encode()))[0]


def seen_in(
    subject: Subject, effort: Effort = Effort.NORMAL, views: Sequence[str] = tuple(VIEWS)
) -> list[str]:
    """Return the names of those views in which a picture is found."""
    features, decoded = enrolled(subject.pixels)
    channel = OneTarget(features, thumbnail(decoded))
    options = FindOptions(effort=effort, count=False)
    return [view for view in views if found_in(photo_of(subject, view), channel, options)]


def found_in(photo: Image, channel: SearchedChannel, options: FindOptions) -> bool:
    decoded = Decoded(photo, (photo.shape[1], photo.shape[0]), "jpeg")
    try:
        found = recognize(decoded, [channel], options)
    except TooFewFeatures:
        return False
    return any(candidate.reason is None for candidate in found)
