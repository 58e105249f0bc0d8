"""What one search of a channel runs over: opened segments, the delta, and the rows that may not answer."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arcli.engine.coverage import codes_of, gaps
from arcli.errors import Busy, DataDamaged
from arcli.features import INDEX_DIM
from arcli.index.exact import ExactIndex
from arcli.index.files import FileGone, is_ours
from arcli.index.seam import Codes, DescriptorIndex, Neighbours, Rows
from arcli.index.segment import open_segment
from arcli.index.votes import merged, without
from arcli.store import segments
from arcli.store.segments import SegmentRecord
from arcli.store.snapshot import Snapshot

UNCOVERED_LIMIT = 20_000  # rows: 500 MB of features to read and some 3 s a photo; beyond it, busy
_WIDEST = 16  # times k that a list is widened where the dead crowd the living out

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """A segment and the index that its file holds."""

    record: SegmentRecord
    index: DescriptorIndex

    def search(self, queries: Codes, k: int, dead: Rows) -> Neighbours:
        """Return the nearest living descriptors, k of each query where there are so many.

        The list asked for is longer by the dead share; queries whose list is still short ask again.
        """
        here = np.searchsorted(dead, (self.record.first_row, self.record.last_row + 1))
        share = min((here[1] - here[0]) / self.record.rows, 0.9)
        width = math.ceil(k / (1 - share))
        found = without(self.index.search(queries, width), dead)
        while share and width < min(_WIDEST * k, self.index.descriptors):
            short = np.flatnonzero(np.isfinite(found.distances).sum(axis=1) < k)
            if not len(short):
                break
            width *= 4
            again = without(self.index.search(queries[short], width), dead)
            found = _replaced(found, short, again)
        return found


def _replaced(found: Neighbours, which: Rows, again: Neighbours) -> Neighbours:
    """Return `found` with the lists of the queries `which` taken from the wider `again`."""
    wider = Neighbours.none(len(found.rows), again.rows.shape[1])
    wider.rows[:, : found.rows.shape[1]] = found.rows
    wider.distances[:, : found.rows.shape[1]] = found.distances
    wider.rows[which], wider.distances[which] = again.rows, again.distances
    return wider


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Immutable: any number of threads may search it. `identity` and `changes` say what it shows."""

    identity: tuple[str, ...]
    changes: int
    dead_changes: int
    opened: tuple[OpenSegment, ...]
    dead: Rows
    delta: dict[int, Codes]
    delta_index: ExactIndex

    def search(self, queries: Codes, k: int) -> Neighbours:
        """Return the k nearest living descriptors of each of the (Q, INDEX_DIM) queries."""
        lists = [segment.search(queries, k, self.dead) for segment in self.opened]
        if not lists:
            return self.delta_index.search(queries, k)
        found = merged(lists, k) if len(lists) > 1 or len(self.dead) else lists[0]
        if not self.delta:
            return found
        recent = self.delta_index.search(queries, k, found.distances[:, -1])
        return merged([found, recent], k)


class ViewBuilder:
    """Makes the view of a snapshot, taking over from the view before what has not changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bad: set[str] = set()

    def build(self, snapshot: Snapshot, before: View | None, *, last_try: bool) -> View:
        """Open and read what `before` does not have.

        Raises Busy above UNCOVERED_LIMIT, and FileGone for a segment whose file is not there unless this is
        the `last_try`, which does without it.
        """
        identity = identity_of(snapshot)
        if before is not None and before.identity != identity:
            before = None
        opened = tuple(self._open(snapshot, before, last_try=last_try))
        dead = self._dead(snapshot, before)
        delta = self._delta(snapshot, before, opened, dead)
        return View(
            identity=identity,
            changes=snapshot.changes(),
            dead_changes=snapshot.dead_changes(),
            opened=opened,
            dead=dead,
            delta=delta,
            delta_index=_exact(delta),
        )

    def _open(self, snapshot: Snapshot, before: View | None, *, last_try: bool) -> Iterator[OpenSegment]:
        records = segments.live(snapshot)
        if records and not is_ours(self._folder):
            _log.warning("%s belongs to somebody else: its index files are not loaded", self._folder)
            return
        known = {segment.record.file: segment for segment in before.opened} if before else {}
        for record in records:
            segment = known.get(record.file) or self._try(record, last_try=last_try)
            if segment is not None:
                yield segment
                continue
            for older in segments.replaced(snapshot):
                if record.first_row <= older.first_row and older.last_row <= record.last_row:
                    segment = known.get(older.file) or self._try(older, last_try=True)
                    if segment is not None:
                        yield segment

    def _try(self, record: SegmentRecord, *, last_try: bool) -> OpenSegment | None:
        """Open a segment; None when it is damaged, or gone at the last try."""
        if record.file.name in self._bad:
            return None
        try:
            return OpenSegment(record, open_segment(self._folder, record.file))
        except FileGone:
            if not last_try:
                raise
            _log.warning("index file %s is missing: arcli doctor --repair rebuilds it", record.file.name)
        except DataDamaged as error:
            _log.warning("an index file is damaged (%s): arcli doctor --repair rebuilds it", error)
            self._bad.add(record.file.name)
        except OSError as error:  # perhaps another time: too many open files, say
            _log.warning("an index file cannot be read (%s): searching without it", error)
        return None

    def _dead(self, snapshot: Snapshot, before: View | None) -> Rows:
        if before is not None and before.dead_changes == snapshot.dead_changes():
            return before.dead
        return np.unique(np.array(snapshot.dead_rows(), np.int64))

    def _delta(
        self, snapshot: Snapshot, before: View | None, opened: Sequence[OpenSegment], dead: Rows
    ) -> dict[int, Codes]:
        rows = [
            row
            for first, last in gaps((segment.record for segment in opened), snapshot.last_row())
            for row in snapshot.live_rows(first, last)
        ]
        if len(rows) > UNCOVERED_LIMIT:
            raise Busy(
                f"the index of channel {snapshot.info().name!r} does not cover {len(rows):,} targets",
                hint="rebuild it: arcli doctor --repair",
            )
        known = before.delta if before else {}
        gone = {*dead[np.isin(dead, rows)].tolist()}
        fresh = dict(codes_of(snapshot, [row for row in rows if row not in known and row not in gone]))
        both = {row: known.get(row, fresh.get(row)) for row in rows if row not in gone}
        return {row: codes for row, codes in both.items() if codes is not None}


def identity_of(snapshot: Snapshot) -> tuple[str, ...]:
    """Return what tells this store from every other, and from itself before it was copied or restored."""
    info = snapshot.info()
    return info.store_id, info.epoch, info.home


def _exact(delta: dict[int, Codes]) -> ExactIndex:
    if not delta:
        return ExactIndex(np.zeros((0, INDEX_DIM), np.int8), np.zeros(0, np.int64))
    counts = [len(codes) for codes in delta.values()]
    return ExactIndex(np.concatenate([*delta.values()]), np.repeat(np.array([*delta], np.int64), counts))
