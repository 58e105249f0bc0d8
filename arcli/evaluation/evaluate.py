"""Looking labelled photos up in a gallery."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from arcli.errors import ArcliError
from arcli.evaluation.judge import Judged, Outcome, judge
from arcli.evaluation.photos import LabelledPhoto, PhotoList, Registered
from arcli.gallery import Gallery
from arcli.models import FindOptions, FindResult, Picture

CANDIDATES = 30  # as many as the shortlist: so a miss was considered, or it was not


def evaluate(
    gallery: Gallery,
    photos: PhotoList,
    channels: Sequence[str] | None,
    options: FindOptions,
    registered: Registered = Registered(),
) -> Iterator[Judged]:
    """Look every photo up and judge it, in order; nothing is counted in the statistics.

    A photo that was not answered rightly is looked up once more with its candidates, to say why; its
    time is that of the first lookup, which users would have waited for. A service that has no options for
    a lookup counts it, and is not asked again.
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
    """Say whether lookups can be kept out of the statistics, and name candidates and several targets."""
    return "find_options" in gallery.capabilities().features


def _with_candidates(
    gallery: Gallery,
    photo: LabelledPhoto,
    result: FindResult,
    channels: Sequence[str] | None,
    options: FindOptions,
) -> FindResult:
    """Return the result with its candidates, or as it is where the second lookup fails."""
    asked = replace(options, candidates=CANDIDATES)
    try:
        again = gallery.find(picture=photo.picture, channels=channels, options=asked)
    except ArcliError:
        return result
    return replace(result, candidates=again.candidates)


def best_limit(gallery: Gallery, photos: PhotoList) -> int | None:
    """Return 1 where no photo shows several targets or the gallery answers one only, else None (all)."""
    return None if photos.several and has_options(gallery) else 1
