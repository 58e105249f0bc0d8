"""Looking labelled photos up in a gallery."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from arcli.errors import ArcliError
from arcli.evaluation.judge import Judged, Outcome, judge
from arcli.evaluation.photos import LabelledPhoto, PhotoList, Registered
from arcli.gallery import Gallery
from arcli.models import FindOptions, FindResult, Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """candidates (10 to 100): asked for where an answer was wrong; as many as the shortlist, so that one sees
    whether a missed target was considered.
    """

    candidates: int = 30


EVALUATION = EvaluationOptions()


def evaluate(
    gallery: Gallery,
    photos: PhotoList,
    channels: Sequence[str] | None,
    options: FindOptions,
    registered: Registered = Registered(),
) -> Iterator[Judged]:
    """Look every photo up and judge it, in order; nothing is counted in the statistics.

    A photo with a wrong answer is looked up once more with its candidates, to explain why; its time is that
    of the first lookup, for which users would have waited. A service without options for lookups counts them,
    and is not asked again.
    """
    able = has_options(gallery)
    plain = replace(options, candidates=0, count=not able)
    asked: deque[LabelledPhoto] = deque()

    def pictures() -> Iterator[Picture]:
        for photo in photos.read():
            asked.append(photo)
            yield photo.picture

    for result in gallery.find_many(pictures=pictures(), channels=channels, options=plain):
        photo = asked.popleft()
        judged = judge(photo, result, registered=registered)
        if able and result.error is None and (judged.misses or judged.outcome is Outcome.REJECTED):
            again = _with_candidates(gallery, photo, result, channels, plain)
            judged = judge(photo, again, explained=again is not result, registered=registered)
        yield judged


def has_options(gallery: Gallery) -> bool:
    """Say whether lookups can be left uncounted, and can return candidates and several targets."""
    return "find_options" in gallery.capabilities().features


def _with_candidates(
    gallery: Gallery,
    photo: LabelledPhoto,
    result: FindResult,
    channels: Sequence[str] | None,
    options: FindOptions,
) -> FindResult:
    """Return the result with its candidates, or unchanged if the second lookup fails."""
    asked = replace(options, candidates=EVALUATION.candidates)
    try:
        again = gallery.find(picture=photo.picture, channels=channels, options=asked)
    except ArcliError:
        return result
    return replace(result, candidates=again.candidates)


def best_limit(gallery: Gallery, photos: PhotoList) -> int | None:
    """Return 1 if no photo shows several targets or the gallery answers only one, else None (all)."""
    return None if photos.several and has_options(gallery) else 1
