"""What many judged photos say together: recall, false accepts with their bound, the threshold sweep."""

from __future__ import annotations

import math
import statistics as stats
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arcli.evaluation.judge import Judged, Miss, Outcome, answer_at

SWEEP = tuple(step / 50 for step in range(51))  # thresholds 0.00, 0.02 … 1.00


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdPoint:
    """What a threshold would have answered, from the scores of matches and candidates.

    precision: right answers among all answers (None: no answers). recall: photos that show a target and
    whose best answer is one of theirs. false_accept_rate: photos that show none and would be answered.
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
    """What was measured: the channel (None: all, or a folder of `targets`), when (UTC), by which arcli.

    threshold: the score from which a target counts as found where it has none of its own; None: that of each
    channel, or the service's.
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
    """An evaluation. Rates are None where no photo counts for them.

    recall_at_1: photos that show a target whose first match is one of them. recall: targets found of all
    that the photos show. wrong: photos with targets answered first by another. extra: reported targets
    that a photo does not show. without_targets: photos that show none and could be read; failed: those that
    could not be looked up. false_accept_bound: upper end of the one-sided 95 % interval (Clopper and
    Pearson 1934) of the false accept rate.
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


def summarize(judged: Sequence[Judged]) -> Report:
    """Sum up judged photos."""
    outcomes = Counter(each.outcome for each in judged)
    showing = [each for each in judged if each.photo.expected]
    without = _without_targets(judged)
    shown = sum(len(each.photo.expected) for each in showing)
    found = sum(len(each.found) for each in showing)
    accepts = outcomes[Outcome.FALSE_ACCEPT]
    return Report(
        queries=len(judged),
        with_targets=len(showing),
        without_targets=without,
        right=outcomes[Outcome.RIGHT],
        wrong=outcomes[Outcome.WRONG],
        missed=outcomes[Outcome.MISSED],
        failed=outcomes[Outcome.FAILED],
        shown=shown,
        found=found,
        extra=sum(len(each.extra) for each in judged),
        false_accepts=accepts,
        recall_at_1=share(outcomes[Outcome.RIGHT], len(showing)),
        recall=share(found, shown),
        false_accept_rate=share(accepts, without),
        false_accept_bound=upper_bound(accepts, without) if without else None,
        thresholds=tuple(_point(judged, threshold) for threshold in SWEEP),
        latency_ms=_latency(each.result.elapsed_ms for each in judged if each.result.error is None),
        misses=tuple(miss for each in judged for miss in each.misses),
    )


def share(part: int, whole: int) -> float | None:
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


def _point(judged: Sequence[Judged], threshold: float) -> ThresholdPoint:
    right = answered = accepted = showing = 0
    for each in judged:
        answer = answer_at(each.result, threshold)
        showing += bool(each.photo.expected)
        answered += answer is not None
        accepted += answer is not None and not each.photo.expected
        right += answer in each.photo.expected
    return ThresholdPoint(
        threshold=threshold,
        precision=share(right, answered),
        recall=share(right, showing),
        false_accept_rate=share(accepted, _without_targets(judged)),
    )


def _without_targets(judged: Sequence[Judged]) -> int:
    """Return how many photos that show no target were looked at: one that cannot be read proves nothing."""
    return sum(not each.photo.expected and each.outcome is not Outcome.FAILED for each in judged)


def _latency(milliseconds: Iterable[float]) -> Latency | None:
    values = sorted(milliseconds)
    if not values:
        return None
    p95 = values[min(len(values) - 1, math.ceil(0.95 * len(values)) - 1)]
    return Latency(median=stats.median(values), p95=p95, mean=stats.fmean(values))
