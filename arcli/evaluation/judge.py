"""One photo's answer against its ground truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from arcli.evaluation.photos import LabelledPhoto
from arcli.models import Candidate, FindResult, Match


class Outcome(StrEnum):
    """What came of a photo. `right`: its first match is a target that it shows."""

    RIGHT = "right"
    WRONG = "wrong"
    MISSED = "missed"
    FALSE_ACCEPT = "false_accept"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A target that a photo shows and that was not found. `reason`: a candidate's, or one of ours.

    `not_in_shortlist`: nothing voted for it enough. `sister_chosen`: it was considered, and another
    target was accepted in its stead. `photo_failed`: the photo could not be looked up.
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


def judge(photo: LabelledPhoto, result: FindResult) -> Judged:
    """Compare an answer with the truth."""
    reported = [match.identifier for match in result.matches]
    found = photo.expected & set(reported)
    return Judged(
        photo=photo,
        result=result,
        outcome=_outcome(photo, result),
        found=found,
        extra=tuple(identifier for identifier in reported if identifier not in photo.expected),
        misses=tuple(_misses(photo, result, photo.expected - found)),
    )


def _outcome(photo: LabelledPhoto, result: FindResult) -> Outcome:
    if result.error is not None:
        return Outcome.FAILED if photo.expected else Outcome.REJECTED
    if not photo.expected:
        return Outcome.FALSE_ACCEPT if result.matches else Outcome.REJECTED
    if not result.matches:
        return Outcome.MISSED
    return Outcome.RIGHT if result.matches[0].identifier in photo.expected else Outcome.WRONG


def _misses(photo: LabelledPhoto, result: FindResult, identifiers: Iterable[str]) -> Iterator[Miss]:
    considered = {candidate.identifier: candidate for candidate in reversed(result.candidates)}
    for identifier in sorted(identifiers):
        candidate = considered.get(identifier)
        yield Miss(
            image=photo.picture.name,
            identifier=identifier,
            reason=_reason(photo, result, candidate),
            score=candidate.score if candidate else None,
            inliers=candidate.inliers if candidate else None,
        )


def _reason(photo: LabelledPhoto, result: FindResult, candidate: Candidate | None) -> str:
    if result.error is not None:
        return "photo_failed"
    if candidate is None:
        return "not_in_shortlist"
    if any(match.identifier not in photo.expected for match in result.matches):
        return "sister_chosen"
    return candidate.reason


def scored(result: FindResult) -> list[tuple[float, str]]:
    """Return (score, identifier) of all that was verified, best first: what other thresholds would answer."""
    hits: list[Match | Candidate] = [*result.matches, *result.candidates]
    pairs = [(hit.score, hit.identifier) for hit in hits if hit.score is not None]
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1]))
