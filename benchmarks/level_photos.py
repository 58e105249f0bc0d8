"""Photographing a picture by the simulated camera, and looking for it with the engine's recipe.

The shortlist is the picture itself, so that a photo costs no index; `make bench-level ARGS="--gallery 8"`
compares with the answers of a gallery with distractors.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from arcli.engine.recognition.recognize import Shelf, Sighting, recognize
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


@dataclass(frozen=True, slots=True)
class _Vote:
    row_id: int = 1
    votes: float = 1.0


class OneTarget:
    """A channel of one target (the `Shelf` of the recipe)."""

    channel = "default"

    def __init__(self, features: Features, small: bytes) -> None:
        self._features, self._small = features, small

    def shortlist(self, query: Features, limit: int) -> Sequence[_Vote]:
        return [_Vote()]

    def relatives(self, target: Features, limit: int) -> Sequence[_Vote]:
        return []

    def features(self, row_ids: Sequence[int]) -> dict[int, Features]:
        return {1: self._features}

    def thumbnails(self, row_ids: Sequence[int]) -> dict[int, bytes]:
        return {1: self._small}

    def threshold(self, row_id: int, asked: float | None) -> float:
        return default_threshold()


def enrolled(pixels: Image) -> tuple[Features, Decoded]:
    """Return what enrolment has in hand when it rates a picture."""
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
    shelf: Shelf = OneTarget(features, thumbnail(decoded))
    options = FindOptions(effort=effort, count=False)
    return [view for view in views if _found(photo_of(subject, view), shelf, options)]


def _found(photo: Image, shelf: Shelf, options: FindOptions) -> bool:
    decoded = Decoded(photo, (photo.shape[1], photo.shape[0]), "jpeg")
    try:
        sightings: list[Sighting] = recognize(decoded, [shelf], options)
    except TooFewFeatures:
        return False
    return any(sighting.reason is None for sighting in sightings)
