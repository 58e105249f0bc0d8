"""One photo's answer against its ground truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from arcli.errors import TooFewFeatures
from arcli.evaluation.photos import LabelledPhoto, Registered
from arcli.models import Candidate, FindResult, Match


class Outcome(StrEnum):
    """The result of a photo. `right`: its first match is a target that it shows."""

    RIGHT = "right"
    WRONG = "wrong"
    MISSED = "missed"
    FALSE_ACCEPT = "false_accept"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A target that a photo shows and that was not found. `reason`: a candidate's, or one of these.

    `not_in_shortlist`: it did not get enough votes. `other_target_chosen`: it was considered, and another
    target was accepted instead. `photo_failed`: the photo could not be looked up. `candidates_not_named`: the
    service names no candidates. `no_such_target`, `inactive`: the channel could not have answered it.
    """

    image: str
    identifier: str
    reason: str
    score: float | None = None
    inliers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A photo, its answer, and how the two compare."""

    photo: LabelledPhoto
    result: FindResult
    outcome: Outcome
    found: frozenset[str]
    extra: tuple[str, ...]
    misses: tuple[Miss, ...]


def judge(
    photo: LabelledPhoto,
    result: FindResult,
    *,
    explained: bool = False,
    registered: Registered = Registered(),
) -> Judged:
    """Compare an answer with the ground truth. explained: the result has all candidates considered."""
    reported = [match.identifier for match in result.matches]
    found = photo.expected & set(reported)
    return Judged(
        photo=photo,
        result=result,
        outcome=_outcome(photo, result),
        found=found,
        extra=tuple(identifier for identifier in reported if identifier not in photo.expected),
        misses=tuple(_misses(photo, result, photo.expected - found, registered, explained=explained)),
    )


def _outcome(photo: LabelledPhoto, result: FindResult) -> Outcome:
    if result.error is not None:
        poor = isinstance(result.error, TooFewFeatures)  # searched, and nothing was found
        return Outcome.REJECTED if poor and not photo.expected else Outcome.FAILED
    if not photo.expected:
        return Outcome.FALSE_ACCEPT if result.matches else Outcome.REJECTED
    if not result.matches:
        return Outcome.MISSED
    return Outcome.RIGHT if result.matches[0].identifier in photo.expected else Outcome.WRONG


def _misses(
    photo: LabelledPhoto,
    result: FindResult,
    identifiers: Iterable[str],
    registered: Registered,
    *,
    explained: bool,
) -> Iterator[Miss]:
    considered = {candidate.identifier: candidate for candidate in reversed(result.candidates)}
    for identifier in sorted(identifiers):
        candidate = considered.get(identifier)
        yield Miss(
            image=photo.picture.name,
            identifier=identifier,
            reason=_not_answerable(identifier, registered)
            or _reason(photo, result, candidate, explained=explained),
            score=candidate.score if candidate else None,
            inliers=candidate.inliers if candidate else None,
        )


def _not_answerable(identifier: str, registered: Registered) -> str | None:
    if identifier in registered.absent:
        return "no_such_target"
    return "inactive" if identifier in registered.inactive else None


def _reason(photo: LabelledPhoto, result: FindResult, candidate: Candidate | None, *, explained: bool) -> str:
    if result.error is not None:
        return "photo_failed"
    if candidate is None:
        return "not_in_shortlist" if explained else "candidates_not_named"
    mistaken = bool(result.matches) and result.matches[0].identifier not in photo.expected
    return "other_target_chosen" if mistaken or candidate.reason == "rival" else candidate.reason


def answer_at(result: FindResult, threshold: float) -> str | None:
    """Return the identifier that would have been the first answer at another threshold; None: nothing.

    Matches come before candidates, as they do in the answer: the look-alike that was chosen need not have the
    highest score.
    """
    hits: list[Match | Candidate] = [*result.matches, *result.candidates]
    enough = max(threshold, 1e-9)  # a refused candidate has a score of 0
    return next((hit.identifier for hit in hits if hit.score is not None and hit.score >= enough), None)
