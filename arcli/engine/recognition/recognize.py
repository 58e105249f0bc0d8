"""The recipe that decides which targets a photo shows: try a cascade of query resolutions, then views from
the side, finally the negative, until something is certain. What happens in each view is in view_search.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from arcli.engine.recognition.candidates import SearchedChannel, VerifiedCandidate
from arcli.engine.recognition.photo_view import PhotoView, negative_view, side_view, straight_view
from arcli.engine.recognition.view_search import RecognizeOptions, ViewSearch, is_certain
from arcli.errors import TooFewFeatures
from arcli.models import FindOptions
from arcli.timings import phase
from arcli.vision.decoding.decode import Decoded
from arcli.vision.features.options import (
    CASCADE,
    CASCADE_MANY,
    CROWD,
    NEGATIVE,
    TILTS,
    TILTS_MANY,
    ExtractOptions,
    TiltOptions,
)

__all__ = ["RecognizeOptions", "SearchedChannel", "VerifiedCandidate", "largest_side", "recognize"]

Outcome = tuple[list[VerifiedCandidate], ViewSearch]
"""What one view of a photo shows, accepted ones first, and the search that found it."""


def recognize(
    photo: Decoded,
    channels: Sequence[SearchedChannel],
    options: FindOptions,
    tuning: RecognizeOptions = RecognizeOptions(),
) -> list[VerifiedCandidate]:
    """Return every candidate that was verified, accepted ones first in the order they were accepted.

    Raises TooFewFeatures when the photo has hardly any keypoints at any resolution.
    """
    best, search = _best(photo, channels, options, tuning)
    if options.limit != 1 and not _accepted(best):
        # the resolutions for many targets leave out the smallest, which finds some single ones
        alone = _best(photo, channels, replace(options, limit=1), tuning)
        best, search = max((best, search), alone, key=lambda outcome: _worth(outcome[0]))
    # candidates to list are added after the decision: they never change the answer
    if not options.candidates:
        return best
    with phase("verify"):
        return best + search.others(best)


def _best(
    photo: Decoded, channels: Sequence[SearchedChannel], options: FindOptions, tuning: RecognizeOptions
) -> Outcome:
    """Search the photo until something is certain; return the outcome of the best view."""
    resolutions = _distinct(photo, stages(options), tuning)
    outcomes: list[Outcome] = []

    def look(view: PhotoView, most: int | None, tuning: RecognizeOptions = tuning) -> bool:
        search = ViewSearch(view, channels, options, tuning)
        with phase("verify"):
            outcomes.append((search.run(most), search))
        return any(is_certain(candidate, tuning) for candidate in best()[0])

    def best() -> Outcome:
        return max(outcomes, key=lambda outcome: _worth(outcome[0]))  # the earlier one if they are equal

    for stage in resolutions:
        if look(straight_view(photo, stage), None if stage is resolutions[-1] else tuning.first_candidates):
            break
    richest = max(search.num_keypoints for _, search in outcomes)
    crowd = crowded(options)
    if crowd is not None and tuning.crowd <= _accepted(best()[0]) != options.limit:
        look(straight_view(photo, crowd), None, replace(tuning, shortlist_many=tuning.shortlist_crowd))
    for tilt in () if _accepted(best()[0]) else sides(options):
        if look(side_view(photo, tilt), tuning.side_candidates):
            return best()
    negative = NEGATIVE[options.effort]
    if negative is not None and not _accepted(best()[0]):
        look(negative_view(photo, negative), tuning.first_candidates)
    if richest < tuning.min_keypoints:
        raise TooFewFeatures(
            f"the photo has too few features ({richest} keypoints)",
            hint="a sharper, brighter or closer photo has more",
        )
    return best()


def stages(options: FindOptions) -> Sequence[ExtractOptions]:
    """Return the query resolutions to try in turn; with several targets only the richest."""
    return CASCADE[options.effort] if options.limit == 1 else CASCADE_MANY[options.effort]


def crowded(options: FindOptions) -> ExtractOptions | None:
    """Return the query resolution for a photo that shows many targets; None if it is not tried."""
    return None if options.limit == 1 else CROWD[options.effort]


def largest_side(options: FindOptions) -> int:
    """Return the longest side in px at which a photo is searched."""
    crowd = crowded(options)
    return max(stage.max_side for stage in (*stages(options), *([crowd] if crowd else [])))


def sides(options: FindOptions) -> Sequence[TiltOptions]:
    """Return the views from the side to try in turn."""
    return TILTS[options.effort] if options.limit == 1 else TILTS_MANY[options.effort]


def _distinct(
    photo: Decoded, resolutions: Sequence[ExtractOptions], tuning: RecognizeOptions
) -> list[ExtractOptions]:
    """Leave out stages at which a small photo is as large as at the next, which takes more keypoints."""
    found: list[ExtractOptions] = []
    few = False
    for stage, after in zip_longest(resolutions, resolutions[1:]):
        if after is not None and max(photo.size) <= stage.max_side:
            few = few or stage.voters is not None
        else:
            found.append(replace(stage, voters=tuning.small_voters) if few else stage)
            few = False
    return found


def _accepted(candidates: list[VerifiedCandidate]) -> int:
    return sum(candidate.reason is None for candidate in candidates)


def _worth(candidates: list[VerifiedCandidate]) -> tuple[int, float, int, bool]:
    """Return the sort key of an outcome: how many are accepted, then how sure the first of them is."""
    first = candidates[0] if candidates else None
    return (
        _accepted(candidates),
        round(first.score, 3) if first else 0.0,
        first.inliers if first else 0,
        first is not None,
    )
