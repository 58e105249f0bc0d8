"""Steps over a gallery: what must be sent goes out in one batch, and every result comes in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from arcli.bulk.add_plan import PlanEntry, located
from arcli.bulk.channel_state import SIZES
from arcli.errors import ArcliError, NotSupported, Unreachable
from arcli.gallery import Gallery
from arcli.models import WOULD, AddOptions, AddResult, AddStatus, Hint, TargetChanges


@dataclass(frozen=True, slots=True)
class Send:
    """The gallery gets the picture."""

    entry: PlanEntry


@dataclass(frozen=True, slots=True)
class Settled:
    """The picture needs no sending.

    `look`: the gallery's hints on it are wanted. `mend`: matchratio or state are not yet as in the entry.
    """

    entry: PlanEntry
    status: AddStatus
    level: int | None = None
    look: bool = False
    mend: bool = False


@dataclass(frozen=True, slots=True)
class Reword:
    """The picture is already stored; its metadata, matchratio or active state differ."""

    entry: PlanEntry
    level: int | None


Step = Send | Settled | Reword


def run_steps(
    gallery: Gallery, channel: str, options: AddOptions, steps: Iterator[Step]
) -> Iterator[AddResult]:
    """Yield the result of each step, in order. Raises what stops the whole batch, Unreachable among it."""
    runner = _Runner(gallery, channel, options)
    for step in steps:
        if isinstance(step, Send):
            yield from runner.batch(step, steps)
        else:
            yield runner.finish(step)


@dataclass(frozen=True, slots=True)
class _Runner:
    gallery: Gallery
    channel: str
    options: AddOptions

    def batch(self, first: Send, steps: Iterator[Step]) -> Iterator[AddResult]:
        """Send `first` and what follows; steps that need no sending keep their place among the results."""
        queue: deque[Step] = deque()

        def items() -> Iterator[PlanEntry]:
            idle = 0
            for step in chain([first], steps):
                queue.append(step)
                idle = 0 if isinstance(step, Send) else idle + 1
                if isinstance(step, Send):
                    yield step.entry
                elif idle == SIZES.idle:
                    return

        sent = (entry.item() for entry in items())
        results = self.gallery.add_many(channel=self.channel, items=sent, options=self.options)
        for result in results:
            while isinstance(step := queue.popleft(), Settled | Reword):
                yield self.finish(step)
            yield self._sent(step.entry, result)
        for step in queue:
            assert isinstance(step, Settled | Reword), "a gallery yields one result per item"
            yield self.finish(step)

    def _sent(self, entry: PlanEntry, result: AddResult) -> AddResult:
        """Complete the gallery's result of an item. Raises Unreachable: the rest is then not tried."""
        if isinstance(result.error, Unreachable):
            raise result.error
        if result.error is not None:
            return replace(result, error=located(result.error, entry))
        done = result.status in (AddStatus.ADDED, AddStatus.REPLACED)
        if done and entry.active is not None and (not entry.active or result.status is AddStatus.REPLACED):
            return self._with_state(entry, result)
        return result

    def _with_state(self, entry: PlanEntry, result: AddResult) -> AddResult:
        """Make a target that was just stored active or inactive."""
        return self._completed(entry, result, TargetChanges(active=entry.active))

    def _completed(self, entry: PlanEntry, result: AddResult, changes: TargetChanges) -> AddResult:
        """Change what a stored target does not have yet; if that fails, the item has failed."""
        try:
            self._update(entry, changes)
        except Unreachable:
            raise
        except ArcliError as error:
            partly = error.reworded(f"{result.status.value}, but not all of it: {error.message}")
            return replace(result, status=AddStatus.FAILED, error=located(partly, entry))
        return result

    def finish(self, step: Settled | Reword) -> AddResult:
        entry = step.entry
        if isinstance(step, Reword):
            return self._reworded(step)
        status = WOULD[step.status] if self.options.dry_run else step.status
        hints = self._hints(entry) if step.look else ()
        result = AddResult(
            image=entry.image,
            identifier=entry.identifier,
            status=status,
            level=step.level,
            hints=hints,
            error=entry.error,
        )
        if not step.mend:
            return result
        return self._completed(entry, result, TargetChanges(matchratio=entry.matchratio, active=entry.active))

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
            return replace(result, status=AddStatus.FAILED, error=located(error, entry))
        return result

    def _update(self, entry: PlanEntry, changes: TargetChanges) -> None:
        self.gallery.update(channel=self.channel, identifier=entry.identifier, changes=changes)

    def _hints(self, entry: PlanEntry) -> tuple[Hint, ...]:
        """Ask the gallery again for hints on a picture whose line could not be written."""
        try:
            results = self.gallery.check(pictures=[entry.picture()], channel=self.channel)
            return next(iter(results)).hints
        except NotSupported:
            return ()
