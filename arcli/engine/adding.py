"""Adding many pictures: plan each item, extract in worker processes, store in batches, report.

A result is yielded when its batch is committed, so that what was reported is durable. An item's failure
is a result; what stops the batch (disk full, data damaged) is raised and leaves what was reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arcli.engine.enroll import EnrollTask, Enrolment, Unchanged, enroll, new_target
from arcli.errors import ArcliError, Deadlock, DuplicatePicture, ShellHint, TargetExists, TargetNotFound
from arcli.models import (
    WOULD,
    AddItem,
    AddOptions,
    AddResult,
    AddStatus,
    Duplicate,
    Hint,
    OnExists,
    TargetChanges,
    level_too_low,
    valid_identifier,
    valid_metadata,
)
from arcli.parallel import OrderedWork
from arcli.vision.decoding.limits import LOCAL, DecodeLimits

if TYPE_CHECKING:
    from arcli.engine.channels import OpenChannel
    from arcli.store.protocols import TargetWriter
    from arcli.store.rows import TargetRow


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadingOptions:
    """batch (1 to 256): pictures stored in one transaction. deadlocks (0 to 10): how often a batch is written
    again after one. Chosen.
    """

    batch: int = 64
    deadlocks: int = 3


LOADING = LoadingOptions()
Outcome = Enrolment | Unchanged | None
DuplicateSearch = Callable[[str, Enrolment], list[Duplicate]]


@dataclass(frozen=True, slots=True)
class Step:
    """One item of the batch: its result is already known, or it has a picture to enroll."""

    item: AddItem
    decided: AddResult | None = None
    task: EnrollTask | None = None


def run_step(step: Step) -> Outcome:
    """Do the part of a step that runs in a worker."""
    return enroll(step.task) if step.task is not None else None


class Loader:
    """One `add_many` into one channel; `channel` is None in a dry run into a channel that does not exist."""

    def __init__(
        self,
        channel: OpenChannel | None,
        options: AddOptions,
        *,
        preset: int,
        duplicates: DuplicateSearch | None,
        limits: DecodeLimits = LOCAL,
    ) -> None:
        self._channel, self._options = channel, options
        self._preset, self._limits = preset, limits
        self._duplicates = duplicates
        self._foretold = 0  # targets that the dry run would have added so far

    def run(self, items: Iterable[AddItem]) -> Iterator[AddResult]:
        """Yield one result per item, in order."""
        batch_size = (
            1 if self._duplicates else LOADING.batch
        )  # a duplicate inside the batch must be in the store
        work = OrderedWork(run_step, jobs=self._options.jobs, batch_size=batch_size)
        for batch in work.run(self._plan(item) for item in items):
            yield from self._dry(batch) if self._options.dry_run else self._store(batch)
            if self._channel is not None and not self._options.dry_run:
                self._channel.fold()

    def _plan(self, item: AddItem) -> Step:
        try:
            valid_identifier(item.identifier)
            if item.metadata is not None:
                valid_metadata(item.metadata)
        except ArcliError as error:
            return Step(item, decided=self._failed(item, error))
        present = self._present(item.identifier)
        if present is not None and self._options.on_exists is not OnExists.REPLACE:
            return Step(item, decided=self._taken(item, present))
        return Step(
            item,
            task=EnrollTask(
                picture=item.picture,
                preset=self._preset,
                limits=self._limits,
                keep_picture=self._channel is None or self._channel.settings.keep_pictures,
                known_hash=present.picture_hash if present else None,
            ),
        )

    def _present(self, identifier: str) -> TargetRow | None:
        if self._channel is None:
            return None
        with self._channel.store.read() as snapshot:
            return snapshot.target(identifier)

    def _store(self, batch: list[tuple[Step, Outcome | Exception]]) -> list[AddResult]:
        """Commit what the batch adds in one transaction and return the results."""
        assert self._channel is not None
        if all(step.decided for step, _ in batch):
            return [step.decided for step, _ in batch if step.decided]
        for _ in range(LOADING.deadlocks):
            with suppress(Deadlock):
                return self._written(batch, self._channel)
        return self._written(batch, self._channel)

    def _written(
        self, batch: list[tuple[Step, Outcome | Exception]], channel: OpenChannel
    ) -> list[AddResult]:
        """Write in the order of identifiers, so that loaders of the same targets wait but do not deadlock."""
        order = sorted(range(len(batch)), key=lambda number: batch[number][0].item.identifier)
        with channel.store.write() as writer:
            settled = {number: self._settle(*batch[number], writer) for number in order}
        return [settled[number] for number in range(len(batch))]

    def _dry(self, batch: list[tuple[Step, Outcome | Exception]]) -> list[AddResult]:
        return [self._settle(step, outcome, None) for step, outcome in batch]

    def _settle(self, step: Step, outcome: Outcome | Exception, writer: TargetWriter | None) -> AddResult:
        if step.decided is not None:
            return step.decided
        try:
            if isinstance(outcome, Exception):
                raise outcome
            if isinstance(outcome, Unchanged):
                return self._unchanged(step.item, writer)
            assert outcome is not None
            return self._enrolled(step.item, outcome, writer)
        except ArcliError as error:
            return self._failed(step.item, error)

    def _enrolled(self, item: AddItem, enrolment: Enrolment, writer: TargetWriter | None) -> AddResult:
        """Check level and duplicates, then store. Raises the error that refuses the item."""
        least = self._options.min_level
        if least is not None and enrolment.level < least:
            raise level_too_low(item.picture.name, enrolment.level, least, enrolment.hints)
        if self._duplicates is not None:
            refuse_duplicates(item, self._duplicates(item.picture.name, enrolment))
        present = writer.target(item.identifier) if writer else self._present(item.identifier)
        if present is not None and self._options.on_exists is not OnExists.REPLACE:
            return self._taken(item, present)
        if writer is not None and present is None:
            try:
                writer.insert(new_target(item, enrolment, None))
            except TargetExists:  # in a cluster others write at the same time
                present = writer.target(item.identifier)
                if present is None or self._options.on_exists is not OnExists.REPLACE:
                    raise
        if writer is not None and present is not None:
            writer.replace(new_target(item, enrolment, present))
        elif writer is None and present is None:
            self._foretell(item.identifier)
        status = AddStatus.REPLACED if present else AddStatus.ADDED
        return self._result(item, status, level=enrolment.level, hints=enrolment.hints)

    def _foretell(self, identifier: str) -> None:
        """Count a target that the dry run would add. Raises QuotaExceeded as the store would."""
        if self._channel is not None:
            with self._channel.store.read() as snapshot:
                snapshot.refuse_if_full(identifier, more=self._foretold)
        self._foretold += 1

    def _unchanged(self, item: AddItem, writer: TargetWriter | None) -> AddResult:
        """Handle a picture that the target already has: only metadata and matchratio may differ."""
        present = writer.target(item.identifier) if writer else self._present(item.identifier)
        if present is None:
            raise TargetNotFound(f"{item.identifier} was removed in the meantime", item=item.picture.name)
        same = item.metadata in (None, present.metadata) and item.matchratio in (None, present.matchratio)
        if not same and writer is not None:
            changes = TargetChanges(metadata=item.metadata, matchratio=item.matchratio)
            writer.update(item.identifier, changes)
        return self._result(item, AddStatus.SKIPPED if same else AddStatus.REPLACED, level=present.level)

    def _taken(self, item: AddItem, present: TargetRow) -> AddResult:
        if self._options.on_exists is OnExists.SKIP:
            return self._result(item, AddStatus.SKIPPED, level=present.level)
        error = TargetExists(
            f"{item.identifier} exists already",
            hint=ShellHint("use --on-exists replace or skip"),
            item=item.picture.name,
        )
        return self._failed(item, error)

    def _failed(self, item: AddItem, error: ArcliError) -> AddResult:
        return self._result(item, AddStatus.FAILED, error=error.about(item.picture.name))

    def _result(
        self,
        item: AddItem,
        status: AddStatus,
        *,
        level: int | None = None,
        hints: tuple[Hint, ...] = (),
        error: ArcliError | None = None,
    ) -> AddResult:
        return AddResult(
            image=item.picture.name,
            identifier=item.identifier,
            status=WOULD[status] if self._options.dry_run else status,
            level=level,
            hints=hints,
            error=error,
        )


def refuse_duplicates(item: AddItem, duplicates: list[Duplicate]) -> None:
    """Raise DuplicatePicture if the channel holds this picture under another identifier."""
    for duplicate in duplicates:
        if duplicate.kind == "duplicate" and duplicate.identifier != item.identifier:
            raise DuplicatePicture(
                f"shows the same picture as {duplicate.identifier or duplicate.image}",
                hint=ShellHint("leave it out, or add it without --no-duplicates"),
                item=item.picture.name,
            )
