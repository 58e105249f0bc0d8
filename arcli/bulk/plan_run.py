"""Run an add plan over a gallery: in order, with bounded memory, resumable after any interruption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from arcli.bulk.add_plan import Plan, PlanEntry
from arcli.bulk.channel_state import Known, known_of, read_start, save_start
from arcli.bulk.entry_decisions import Decider
from arcli.bulk.report import ReportFile, start_path
from arcli.bulk.run_steps import run_steps
from arcli.errors import Busy, Conflict, LimitExceeded, Unreachable
from arcli.gallery import Gallery
from arcli.models import WOULD, AddOptions, AddResult, OnExists


def load(
    gallery: Gallery,
    *,
    channel: str,
    plan: Plan,
    options: AddOptions,
    report: ReportFile[AddResult] | None = None,
) -> Iterator[AddResult]:
    """Yield one result for each entry of `plan`, in order, first those that `report` already has.

    Unchanged items are not sent again. A result is in the report before it is yielded. Raises what stops the
    whole load (unreachable, disk full, channel unknown): run it again with the report.
    """
    try:
        yield from _Load(gallery, channel, plan, options, report).run()
    except (Unreachable, Busy, LimitExceeded) as error:
        if report is None:
            raise
        raise error.hinting("the same command with --resume continues") from error.__cause__


class _Load:
    """One run of a plan."""

    def __init__(
        self,
        gallery: Gallery,
        channel: str,
        plan: Plan,
        options: AddOptions,
        report: ReportFile[AddResult] | None,
    ) -> None:
        self.gallery, self.channel, self.plan = gallery, channel, plan
        self.options, self.report = options, report

    def run(self) -> Iterator[AddResult]:
        done: Counter[tuple[str, str]] = Counter()
        if self.report is not None and self.report.begun:
            yield from self._reported(done)
        decider = self._decider()
        steps = (decider.step(entry) for entry in self._left(done))
        for result in run_steps(self.gallery, self.channel, self.options, steps):
            if self.report is not None:
                self.report.write(result)
            yield result
        if self.report is not None:
            start_path(self.report.path).unlink(missing_ok=True)

    def _reported(self, done: Counter[tuple[str, str]]) -> Iterator[AddResult]:
        assert self.report is not None
        for result in self.report.results():
            dry = result.status in WOULD.values()
            if dry != self.options.dry_run:
                what = "a dry run" if dry else "a load, not of a dry run"
                raise Conflict(f"{self.report.path} is the report of {what}", hint="name another --report")
            done[result.image, result.identifier] += 1
            yield result

    def _left(self, done: Counter[tuple[str, str]]) -> Iterator[PlanEntry]:
        """Yield the entries that no line of the report mentions."""
        for entry in self.plan.entries():
            if done[entry.image, entry.identifier] > 0:
                done[entry.image, entry.identifier] -= 1
            else:
                yield entry

    def _decider(self) -> Decider:
        """Read the channel if the decision needs it; record its state before a load with a report."""
        on_exists = self.options.on_exists
        if on_exists is OnExists.FAIL and (self.report is None or self.options.dry_run):
            return Decider(on_exists, {}, {})
        now = known_of(self.gallery, self.channel, self.plan.identifiers)
        if self.report is None or self.options.dry_run:
            return Decider(on_exists, now, now)
        return Decider(on_exists, self._start(self.report, now), now)

    def _start(self, report: ReportFile[AddResult], now: dict[str, Known]) -> dict[str, Known] | None:
        """Return the channel as it was at the start; None when the report's load recorded nothing."""
        path = start_path(report.path)
        start = read_start(path, self.channel)
        if start is not None or report.begun:
            return start
        save_start(path, self.channel, now)
        return now
