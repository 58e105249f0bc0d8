"""What to do about one entry of a plan, given the channel at the start and now."""

from __future__ import annotations

from dataclasses import dataclass

from arcli.bulk.add_plan import PlanEntry
from arcli.bulk.channel_state import Known
from arcli.bulk.run_steps import Reword, Send, Settled, Step
from arcli.errors import PictureRefused
from arcli.models import AddStatus, OnExists


@dataclass(frozen=True, slots=True)
class Decider:
    """`start` None: the load that is continued did not record its start."""

    on_exists: OnExists
    start: dict[str, Known] | None
    now: dict[str, Known]

    def step(self, entry: PlanEntry) -> Step:
        """Decide about one entry."""
        if entry.error is not None:
            return Settled(entry, AddStatus.FAILED)
        now = self.now.get(entry.identifier)
        before = now if self.start is None else self.start.get(entry.identifier)
        if now is None:
            return Send(entry)
        try:
            return self._there(entry, before, now)
        except PictureRefused:
            return Send(entry)  # the gallery will report what is wrong with it

    def _there(self, entry: PlanEntry, before: Known | None, now: Known) -> Step:
        if self.start is None and now.same_words(entry) and now.same_picture(entry) is not False:
            return Settled(entry, AddStatus.ADDED, now.level, look=True)
        if before is None and _begun(entry, now):
            return _taken_up(entry, AddStatus.ADDED, now)
        if before is None or self.on_exists is OnExists.FAIL:
            return Send(entry)
        if self.on_exists is OnExists.SKIP:
            return Settled(entry, AddStatus.SKIPPED, before.level)
        if before.same_picture(entry):
            if before.same_words(entry):
                return Settled(entry, AddStatus.SKIPPED, before.level)
            return Reword(entry, before.level)
        if before != now and _begun(entry, now):
            return _taken_up(entry, AddStatus.REPLACED, now)
        return Send(entry)


def _begun(entry: PlanEntry, now: Known) -> bool:
    """Say whether the target was made from this entry: only then may its matchratio and state be set.

    A gallery without hashes is taken at its word.
    """
    metadata = entry.metadata is None or now.digest(entry.metadata) == now.metadata
    return metadata and now.same_picture(entry) is not False


def _taken_up(entry: PlanEntry, status: AddStatus, now: Known) -> Settled:
    return Settled(entry, status, now.level, look=True, mend=not now.same_words(entry))
