"""How an evaluation is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from arcli.console.items import Record

if TYPE_CHECKING:
    from arcli.evaluation.measure import Conditions, Report


def report_record(report: Report, conditions: Conditions) -> Record:
    """Return the JSON object of an evaluation; its keys are an API (docs/reference/json.md)."""
    return {**asdict(conditions), **asdict(report)}


def report_lines(report: Report, conditions: Conditions) -> Iterator[tuple[str, object]]:
    """Yield the lines for people."""
    from arcli.evaluation.html import conditions_shown

    yield from ((label, text) for label, text in conditions_shown(conditions).items() if text is not None)
    yield "photos", f"{report.queries:,}"
    if report.with_targets:
        yield (
            "recall@1",
            f"{_percent(report.recall_at_1)} ({report.right:,} of {report.with_targets:,} photos)",
        )
        yield "recall", f"{_percent(report.recall)} ({report.found:,} of {report.shown:,} targets)"
        yield "wrong answers", report.wrong
        yield "not in the photo, but reported", report.extra
    if report.without_targets:
        accepts = f"{report.false_accepts:,} of {report.without_targets:,} photos"
        bound = f"95 % upper bound {_percent(report.false_accept_bound)}"
        yield "false accept rate", f"{_percent(report.false_accept_rate)} ({accepts}; {bound})"
    if report.failed:
        yield "photos that could not be looked up", report.failed
    if report.latency_ms is not None:
        yield "latency", f"median {report.latency_ms.median:.0f} ms, p95 {report.latency_ms.p95:.0f} ms"
    reasons = Counter(miss.reason for miss in report.misses)
    for reason, count in reasons.most_common():
        yield f"missed: {reason}", count
    for miss in report.misses:
        yield "", f"{miss.image}: {miss.identifier} ({miss.reason})"


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.2f} %"
