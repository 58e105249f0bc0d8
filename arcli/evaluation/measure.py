"""The sum of many judged photos: recall, false accepts with their bound, the threshold sweep."""

from __future__ import annotations

import math
import statistics as stats
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from arcli.evaluation.judge import Judged, Miss, Outcome, answer_at

SWEEP = tuple(step / 50 for step in range(51))  # thresholds 0.00, 0.02 … 1.00


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdPoint:
    """What a threshold would have answered, from the scores of matches and candidates.

    precision: right answers among all answers (None: no answers). recall: photos that show a target and whose
    best answer is one of theirs. false_accept_rate: photos that show none and would get an answer.
    """

    threshold: float
    precision: float | None
    recall: float | None
    false_accept_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of a lookup."""

    median: float
    p95: float
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What was measured: the channel (None: all, or a folder of `targets`), when (UTC), with which arcli.

    threshold: the score from which a target counts as found if it has no match ratio of its own; None: each
    channel's, or the service's.
    """

    channel: str | None
    targets: str | None
    date: str
    version: str
    threshold: float | None
    effort: str
    limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An evaluation. Rates are None if no photo counts towards them.

    recall_at_1: photos that show a target whose first match is one of them. recall: targets found of all that
    the photos show. wrong: photos that show targets, but whose first match is another one. extra: reported
    targets that a photo does not show. without_targets: photos that show none and could be read; failed:
    those that could not be looked up. false_accept_bound: upper end of the one-sided 95 % interval (Clopper
    and Pearson 1934) of the false accept rate.
    """

    queries: int
    with_targets: int
    without_targets: int
    right: int
    wrong: int
    missed: int
    failed: int
    shown: int
    found: int
    extra: int
    false_accepts: int
    recall_at_1: float | None
    recall: float | None
    false_accept_rate: float | None
    false_accept_bound: float | None
    thresholds: tuple[ThresholdPoint, ...]
    latency_ms: Latency | None
    misses: tuple[Miss, ...]


class Measurement:
    """Sums up judged photos one by one; only their misses and times are kept."""

    def __init__(self) -> None:
        self._outcomes: Counter[Outcome] = Counter()
        self._showing = self._without = self._shown = self._found = self._extra = 0
        self._answered, self._accepted, self._right = ([0] * len(SWEEP) for _ in range(3))
        self._misses: list[Miss] = []
        self._times = array("d")

    def add(self, each: Judged) -> None:
        """Count one photo. A photo that cannot be read proves nothing about false accepts."""
        self._outcomes[each.outcome] += 1
        self._showing += bool(each.photo.expected)
        self._without += not each.photo.expected and each.outcome is not Outcome.FAILED
        self._shown += len(each.photo.expected)
        self._found += len(each.found)
        self._extra += len(each.extra)
        self._misses += each.misses
        if each.result.error is None:
            self._times.append(each.result.elapsed_ms)
        for step, threshold in enumerate(SWEEP):
            answer = answer_at(each.result, threshold)
            self._answered[step] += answer is not None
            self._accepted[step] += answer is not None and not each.photo.expected
            self._right[step] += answer in each.photo.expected

    def report(self) -> Report:
        """Sum up."""
        outcomes = self._outcomes
        accepts, without = outcomes[Outcome.FALSE_ACCEPT], self._without
        return Report(
            queries=outcomes.total(),
            with_targets=self._showing,
            without_targets=without,
            right=outcomes[Outcome.RIGHT],
            wrong=outcomes[Outcome.WRONG],
            missed=outcomes[Outcome.MISSED],
            failed=outcomes[Outcome.FAILED],
            shown=self._shown,
            found=self._found,
            extra=self._extra,
            false_accepts=accepts,
            recall_at_1=share(outcomes[Outcome.RIGHT], self._showing),
            recall=share(self._found, self._shown),
            false_accept_rate=share(accepts, without),
            false_accept_bound=upper_bound(accepts, without) if without else None,
            thresholds=tuple(self._point(step) for step in range(len(SWEEP))),
            latency_ms=_latency(self._times),
            misses=tuple(self._misses),
        )

    def _point(self, step: int) -> ThresholdPoint:
        return ThresholdPoint(
            threshold=SWEEP[step],
            precision=share(self._right[step], self._answered[step]),
            recall=share(self._right[step], self._showing),
            false_accept_rate=share(self._accepted[step], self._without),
        )


def share(part: float, whole: float) -> float | None:
    """Return part / whole, or None where there is no whole."""
    return part / whole if whole else None


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """Return the rate at which at most `events` in `trials` have a chance of 1 - confidence.

    One-sided Clopper-Pearson bound, by bisection of the binomial distribution function.
    """
    if events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(events, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(events: int, trials: int, rate: float) -> float:
    """Return the chance of at most `events` in `trials` at `rate` (0 < rate < 1)."""
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(rate)
        + (trials - k) * math.log1p(-rate)
        for k in range(events + 1)
        if 0 < rate < 1
    ]
    return math.fsum(math.exp(value) for value in logs)


def _latency(milliseconds: Iterable[float]) -> Latency | None:
    values = sorted(milliseconds)
    if not values:
        return None
    p95 = values[min(len(values) - 1, math.ceil(0.95 * len(values)) - 1)]
    return Latency(median=stats.median(values), p95=p95, mean=stats.fmean(values))
