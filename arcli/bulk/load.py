"""Run an add plan over a gallery: in order, with bounded memory, continued after whatever stopped it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from arcli.bulk.decide import Decider, Reword, Send, Settled, Step
from arcli.bulk.plan import Entry, Plan
from arcli.bulk.report import ReportFile, start_path
from arcli.bulk.state import Known, known_of, read_start, save_start
from arcli.errors import ArcliError, Conflict, NotSupported, Unreachable
from arcli.gallery import Gallery
from arcli.models import AddOptions, AddResult, AddStatus, Hint, OnExists, TargetChanges

_PATIENCE = 64  # entries in a row that need no sending before a batch ends, so that they are told of
_WOULD = {
    AddStatus.ADDED: AddStatus.WOULD_ADD,
    AddStatus.REPLACED: AddStatus.WOULD_REPLACE,
    AddStatus.SKIPPED: AddStatus.WOULD_SKIP,
    AddStatus.FAILED: AddStatus.WOULD_FAIL,
}


def load(
    gallery: Gallery, *, channel: str, plan: Plan, options: AddOptions, report: ReportFile | None = None
) -> Iterator[AddResult]:
    """Yield one result for each entry of `plan`, in order, those that `report` has already first.

    What is unchanged is not sent again. A result is in the report before it is yielded. Raises what
    stops the whole load (unreachable, disk full, channel unknown): then run it again with the report.
    """
    yield from _Load(gallery, channel, plan, options, report).run()


class _Load:
    """One run of a plan."""

    def __init__(
        self, gallery: Gallery, channel: str, plan: Plan, options: AddOptions, report: ReportFile | None
    ) -> None:
        self.gallery, self.channel, self.plan = gallery, channel, plan
        self.options, self.report = options, report

    def run(self) -> Iterator[AddResult]:
        done: Counter[tuple[str, str]] = Counter()
        if self.report is not None and self.report.begun:
            yield from self._reported(done)
        decider = self._decider()
        steps = (decider.step(entry) for entry in self._left(done))
        for step in steps:
            for result in self._batch(step, steps) if isinstance(step, Send) else [self._finish(step)]:
                if self.report is not None:
                    self.report.write(result)
                yield result
        if self.report is not None:
            start_path(self.report.path).unlink(missing_ok=True)

    def _reported(self, done: Counter[tuple[str, str]]) -> Iterator[AddResult]:
        assert self.report is not None
        dry = frozenset(_WOULD.values())
        for result in self.report.results():
            if (result.status in dry) != self.options.dry_run:
                what = "a dry run" if result.status in dry else "a load that was none"
                raise Conflict(f"{self.report.path} is the report of {what}", hint="name another --report")
            done[result.image, result.identifier] += 1
            yield result

    def _left(self, done: Counter[tuple[str, str]]) -> Iterator[Entry]:
        """Yield the entries that no line reports."""
        for entry in self.plan.entries():
            if done[entry.image, entry.identifier] > 0:
                done[entry.image, entry.identifier] -= 1
            else:
                yield entry

    def _decider(self) -> Decider:
        """Look at the channel where the decision needs it; note its state before a reported load."""
        on_exists = self.options.on_exists
        if on_exists is OnExists.FAIL and (self.report is None or self.options.dry_run):
            return Decider(on_exists, {}, {})
        now = known_of(self.gallery, self.channel, self.plan.identifiers)
        if self.report is None or self.options.dry_run:
            return Decider(on_exists, now, now)
        return Decider(on_exists, self._start(self.report, now), now)

    def _start(self, report: ReportFile, now: dict[str, Known]) -> dict[str, Known] | None:
        """Return the channel as it was at the start; None when lines tell of a load that noted nothing."""
        path = start_path(report.path)
        start = read_start(path, self.channel)
        if start is not None or report.begun:
            return start
        save_start(path, self.channel, now)
        return now

    def _batch(self, first: Send, steps: Iterator[Step]) -> Iterator[AddResult]:
        """Send `first` and what follows; steps that need no sending keep their place among the results."""
        queue: deque[Step] = deque()

        def items() -> Iterator[Entry]:
            idle = 0
            for step in chain([first], steps):
                queue.append(step)
                idle = 0 if isinstance(step, Send) else idle + 1
                if isinstance(step, Send):
                    yield step.entry
                elif idle == _PATIENCE:
                    return

        sent = (entry.item() for entry in items())
        results = self.gallery.add_many(channel=self.channel, items=sent, options=self.options)
        for result in results:
            while isinstance(step := queue.popleft(), Settled | Reword):
                yield self._finish(step)
            yield self._sent(step.entry, result)
        for step in queue:
            assert isinstance(step, Settled | Reword), "a gallery yields one result an item"
            yield self._finish(step)

    def _sent(self, entry: Entry, result: AddResult) -> AddResult:
        """Complete what the gallery says of an item. Raises Unreachable: then the rest is not tried."""
        if isinstance(result.error, Unreachable):
            raise result.error
        if result.error is not None:
            return replace(result, error=_located(result.error, entry))
        done = result.status in (AddStatus.ADDED, AddStatus.REPLACED)
        if done and (entry.active is False or (entry.active and result.status is AddStatus.REPLACED)):
            self._update(entry, TargetChanges(active=entry.active))
        return result

    def _finish(self, step: Settled | Reword) -> AddResult:
        entry = step.entry
        if isinstance(step, Reword):
            return self._reworded(step)
        status = _WOULD[step.status] if self.options.dry_run else step.status
        error = _located(entry.error, entry) if entry.error is not None else None
        hints = self._hints(entry) if step.look else ()
        return AddResult(
            image=entry.image,
            identifier=entry.identifier,
            status=status,
            level=step.level,
            hints=hints,
            error=error,
        )

    def _reworded(self, step: Reword) -> AddResult:
        entry = step.entry
        result = AddResult(
            image=entry.image, identifier=entry.identifier, status=AddStatus.REPLACED, level=step.level
        )
        if self.options.dry_run:
            return replace(result, status=AddStatus.WOULD_REPLACE)
        changes = TargetChanges(metadata=entry.metadata, matchratio=entry.matchratio, active=entry.active)
        try:
            self._update(entry, changes)
        except Unreachable:
            raise
        except ArcliError as error:
            return replace(result, status=AddStatus.FAILED, error=_located(error, entry))
        return result

    def _update(self, entry: Entry, changes: TargetChanges) -> None:
        self.gallery.update(channel=self.channel, identifier=entry.identifier, changes=changes)

    def _hints(self, entry: Entry) -> tuple[Hint, ...]:
        """Ask again what the gallery had said of a picture before its line could be written."""
        try:
            return next(iter(self.gallery.check(pictures=[entry.picture()], channel=None))).hints
        except NotSupported:
            return ()


def _located(error: ArcliError, entry: Entry) -> ArcliError:
    """Say which picture it is, and where in a manifest it stands."""
    named = entry.image in error.message or entry.image == entry.where
    about = error.message if named else f"{entry.image}: {error.message}"
    error.message = about if entry.where is None else f"{entry.where}: {about}"
    error.args = (error.message,)
    error.item = error.item or entry.image
    return error
