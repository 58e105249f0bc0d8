"""Upkeep of a channel's index: the delta is folded into segments, segments are merged, old files collected.

The adder folds after it has acknowledged, a server in the background; a lookup never does. A channel has one
compactor at a time: a second one returns at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arcli.engine.indexing.coverage import INDEXING, RowReader, gaps
from arcli.engine.indexing.fold_plan import Job, Piece, UpkeepOptions, check_memory, due, survey, whole
from arcli.engine.indexing.shortlist import INDEX_FOLDER
from arcli.errors import ArcliError, ChannelNotFound, Conflict, DataDamaged, Locked, StorageNotWritable
from arcli.features import INDEX_DIM
from arcli.files import FaultPoint, FolderGone, file_lock, of_os, reached
from arcli.index.files import (
    FileGone,
    checked_path,
    collect,
    hand_over,
    reclaim,
    verify_content,
    verify_digest,
)
from arcli.index.segment import KINDS, write_segment
from arcli.models import IndexKind, SegmentFile
from arcli.store import segments
from arcli.store.channel import ChannelStore
from arcli.store.connections import PATIENCE
from arcli.store.segments import SegmentRecord
from arcli.store.snapshot import Snapshot

LOCK_FILE = "index.lock"
Check = Callable[[Path, SegmentFile], object]
"""Raises FileGone or DataDamaged when a published file is missing or has changed."""

_log = logging.getLogger(__name__)


def maybe_fold(store: ChannelStore, options: UpkeepOptions = UpkeepOptions()) -> bool:
    """Fold the delta if it has grown, merge, and rewrite what is mostly dead.

    Returns whether it did anything. What was added is safe and found without this, so failures are logged,
    not raised.
    """
    if work_due(store, options) is None:
        return False
    try:
        with compacting(store):
            return _Compactor(store).fold(options)
    except (Locked, Conflict, ChannelNotFound):  # somebody else is doing it, or has removed the channel
        return False
    except ArcliError as error:
        advice = f" ({error.hint})" if error.hint else ""
        _log.warning("the index was not brought up to date: %s%s", error.message, advice)
        return False


@dataclass(frozen=True, slots=True)
class Work:
    """The work that is due, in targets: to code or link, in the largest segment and graph, uncovered."""

    inserted: int
    largest: int
    graph: int
    uncovered: int


def work_due(store: ChannelStore, options: UpkeepOptions = UpkeepOptions()) -> Work | None:
    """Return how much `maybe_fold` would do, or None."""
    if store.readonly:
        return None
    with store.read() as snapshot:
        strangers = segments.foreign(snapshot)
        pieces = survey(snapshot, store.folder / INDEX_FOLDER)
        setting = snapshot.info().settings.index
    jobs = due(pieces, options, setting)
    if not jobs and not strangers:
        return None
    return Work(
        inserted=sum(job.inserted(setting) for job in jobs),
        largest=max((job.rows for job in jobs), default=0),
        graph=max((job.rows for job in jobs if KINDS[job.kind(setting)].grows), default=0),
        uncovered=sum(piece.rows for piece in pieces if piece.segment is None),
    )


def compact(store: ChannelStore) -> None:
    """Leave one segment without dead rows.

    Raises Locked while somebody else compacts, MemoryLimit, DiskFull, StorageNotWritable, DataDamaged.
    """
    if store.readonly:
        raise StorageNotWritable(f"{store.folder} was opened for reading only", item=str(store.folder))
    with compacting(store):
        _Compactor(store).compact()


def repair(store: ChannelStore) -> list[str]:
    """Rebuild missing or damaged files from the store, and return their names.

    Raises what `compact` raises.
    """
    with compacting(store, timeout=PATIENCE.writer):
        return _Compactor(store).repair()


@contextmanager
def compacting(store: ChannelStore, *, timeout: float = 0) -> Iterator[None]:
    """Hold the lock of the channel's one compactor.

    Raises Locked after `timeout` seconds, ChannelNotFound.
    """
    try:
        with file_lock(store.folder / LOCK_FILE, timeout=timeout):
            yield
    except FolderGone as error:
        raise ChannelNotFound(f"the channel in {store.folder} is gone", item=str(store.folder)) from error


class _Compactor:
    """Works on a channel's index; the caller holds the lock of LOCK_FILE."""

    def __init__(self, store: ChannelStore) -> None:
        self._store = store
        self._folder = store.folder / INDEX_FOLDER

    def fold(self, options: UpkeepOptions) -> bool:
        self._adopt()
        pieces, setting = self._survey(frozenset())
        jobs = due(pieces, options, setting)
        self._run(pieces, jobs, setting)
        return bool(jobs)

    def compact(self) -> None:
        self._adopt()
        bad = frozenset(self._damaged(verify_before_joining))
        pieces, setting = self._survey(bad)
        self._run(pieces, whole(pieces, setting), setting)
        self._retire(bad)

    def repair(self) -> list[str]:
        self._reclaim()
        self._adopt()
        bad = frozenset(self._damaged(verify_digest))
        pieces, setting = self._survey(bad)
        options = UpkeepOptions(delta_rows=1) if bad else UpkeepOptions()
        self._run(pieces, due(pieces, options, setting), setting)
        self._retire(bad)
        hand_over(self._folder)
        return sorted(bad)

    def _reclaim(self) -> None:
        """Drop files that may not be loaded; they are built again."""
        try:
            reclaim(self._folder)
        except OSError as error:
            raise of_os(self._folder, error) from error

    def _survey(self, bad: frozenset[str]) -> tuple[list[Piece], IndexKind]:
        with self._store.read() as snapshot:
            return survey(snapshot, self._folder, bad), snapshot.info().settings.index

    def _run(self, pieces: Sequence[Piece], jobs: Sequence[Job], setting: IndexKind) -> None:
        check_memory(pieces, jobs, setting)
        for job in jobs:
            reached(FaultPoint.PLANNED)
            self._rewrite(job, setting)
        with self._store.read() as snapshot:
            kept = segments.names(snapshot)
        try:
            collect(self._folder, kept)
        except OSError as error:
            raise of_os(self._folder, error) from error

    def _retire(self, bad: Collection[str]) -> None:
        """Publish without the damaged files that no job replaced: they have few rows left, or none."""
        with self._store.read() as snapshot:
            left = [record.file.name for record in segments.live(snapshot) if record.file.name in bad]
        if left:
            with self._store.write() as transaction:
                segments.publish(transaction, [], left)

    def _rewrite(self, job: Job, setting: IndexKind) -> None:
        """Build the job's segment aside, make it durable, and publish it in the store.

        A graph without dead rows is reused and added to, and inverted lists are joined: that costs less than
        building them again. Lists are compared with their checksums while they are joined; where one is
        damaged, all are compared first, and only sound files taken.
        """
        kind = job.kind(setting)
        try:
            self._rebuild(job, kind, verify_before_joining)
        except (DataDamaged, FileGone):
            if not KINDS[kind].joins:
                raise
            self._rebuild(job, kind, verify_content)

    def _rebuild(self, job: Job, kind: IndexKind, check: Check) -> None:
        with self._store.read() as snapshot:
            info, built_at = snapshot.info(), snapshot.changes()
            old = [s for s in segments.live(snapshot) if job.first <= s.first_row <= job.last]
            bases = [base for base in job.bases(kind) if self._usable(base, snapshot, check)]
            dead = np.array(snapshot.removed_rows(), np.int64)
            taken = [base.segment for base in bases if base.segment is not None]
            strays = [(row, row) for row in segments.strays(snapshot, taken)]
        source = RowReader(self._store, [*gaps(taken, job.last, job.first), *strays])
        try:
            file = write_segment(
                self._folder,
                (job.first, job.last),
                source,
                kind=kind,
                dim=INDEX_DIM,
                capacity=job.rows * INDEXING.keypoints,
                bases=[base.file for base in taken],
                dead=dead,
            )
        except OSError as error:
            raise of_os(self._folder, error) from error
        record = file and SegmentRecord(
            file=file,
            first_row=job.first,
            last_row=job.last,
            rows=source.rows + sum(base.rows - base.strays for base in bases),
            built_at=built_at,
            store_id=info.store_id,
            epoch=info.epoch,
        )
        with self._store.write() as transaction:
            segments.publish(transaction, [record] if record else [], [s.file.name for s in old])
            reached(FaultPoint.PUBLISHING)
        reached(FaultPoint.PUBLISHED)

    def _adopt(self) -> None:
        """After a copy or restore, take over the segments whose files came along unchanged."""
        with self._store.read() as snapshot:
            moved, strangers = snapshot.info().moved, segments.foreign(snapshot)
        if moved:
            with self._store.write() as transaction:  # the first write draws the new epoch
                strangers = segments.foreign(transaction)
        if not strangers:
            return
        sound = [record.file.name for record in strangers if self._is_sound(record, verify_digest)]
        with self._store.write() as transaction:
            segments.adopt(transaction, sound)

    def _damaged(self, check: Check) -> list[str]:
        with self._store.read() as snapshot:
            records = segments.live(snapshot)
        return [record.file.name for record in records if not self._is_sound(record, check)]

    def _is_sound(self, record: SegmentRecord, check: Check) -> bool:
        try:
            check(self._folder, record.file)
        except (FileGone, DataDamaged, OSError):
            return False
        return True

    def _usable(self, base: Piece, snapshot: Snapshot, check: Check) -> bool:
        """Say whether a segment's file is sound, and its rows are still those of the plan."""
        record = base.segment
        if record is None or segments.dead_in(snapshot, record) != base.dead:
            return False
        if len(segments.strays(snapshot, [record])) != base.strays:
            return False
        return self._is_sound(record, check)


def verify_before_joining(folder: Path, file: SegmentFile) -> None:
    """Compare a base that is not compared while it is joined, as lists are. Raises FileGone, DataDamaged."""
    if file.kind in KINDS and KINDS[file.kind].joins:
        checked_path(folder, file)
    else:
        verify_content(folder, file)
