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
    time is that of the first lookup, which users would have waited for.
    """
    plain = replace(options, candidates=0, count=False)
    results = gallery.find_many(
        pictures=(photo.picture for photo in photos), channels=channels, options=plain
    )
    for photo, result in zip(photos, results, strict=True):
        judged = judge(photo, result)
        if judged.misses or judged.outcome is Outcome.REJECTED:
            judged = judge(photo, _explained(gallery, photo, result, channels, plain))
        yield judged


def _explained(
    gallery: Gallery,
    photo: LabelledPhoto,
    result: FindResult,
    channels: Sequence[str] | None,
    options: FindOptions,
) -> FindResult:
    """Return the result with its candidates, where the gallery can tell them."""
    if result.error is not None:
        return result
    asked = replace(options, candidates=CANDIDATES)
    try:
        again = gallery.find(picture=photo.picture, channels=channels, options=asked)
    except ArcliError:
        return result
    return replace(result, candidates=again.candidates)


def best_limit(photos: Sequence[LabelledPhoto]) -> int | None:
    """Return 1 where no photo shows several targets, else None (all)."""
    return 1 if all(len(photo.expected) <= 1 for photo in photos) else None
