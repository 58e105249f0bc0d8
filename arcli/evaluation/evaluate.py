"""Looking labelled photos up in a gallery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from arcli.errors import ArcliError
from arcli.evaluation.judge import Judged, Outcome, judge
from arcli.evaluation.photos import LabelledPhoto
from arcli.gallery import Gallery
from arcli.models import FindOptions, FindResult

CANDIDATES = 30  # as many as the shortlist: tells a miss that was considered from one that was not


def evaluate(
    gallery: Gallery, photos: Sequence[LabelledPhoto], channels: Sequence[str] | None, options: FindOptions
) -> Iterator[Judged]:
    """Look every photo up and judge it, in order; nothing is counted in the statistics.

    A photo that was not answered rightly is looked up once more with its candidates, to say why; its
    time is that of the first lookup, which users would have waited for. A service that has no options for
    a lookup counts it, and is not asked again.
    """
    able = has_options(gallery)
    plain = replace(options, candidates=0, count=not able)
    results = gallery.find_many(
        pictures=(photo.picture for photo in photos), channels=channels, options=plain
    )
    for photo, result in zip(photos, results, strict=True):
        judged = judge(photo, result)
        if able and result.error is None and (judged.misses or judged.outcome is Outcome.REJECTED):
            judged = _explained(gallery, photo, result, channels, plain)
        yield judged


def has_options(gallery: Gallery) -> bool:
    """Say whether lookups can be kept out of the statistics, and name candidates and several targets."""
    return "find_options" in gallery.capabilities().features


def _explained(
    gallery: Gallery,
    photo: LabelledPhoto,
    result: FindResult,
    channels: Sequence[str] | None,
    options: FindOptions,
) -> Judged:
    """Judge the result with its candidates."""
    asked = replace(options, candidates=CANDIDATES)
    try:
        again = gallery.find(picture=photo.picture, channels=channels, options=asked)
    except ArcliError:
        return judge(photo, result)
    return judge(photo, replace(result, candidates=again.candidates), explained=True)


def best_limit(gallery: Gallery, photos: Sequence[LabelledPhoto]) -> int | None:
    """Return 1 where no photo shows several targets or the gallery answers one only, else None (all)."""
    one = all(len(photo.expected) <= 1 for photo in photos) or not has_options(gallery)
    return 1 if one else None
