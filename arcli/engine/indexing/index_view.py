"""What one search of a channel runs over: opened segments, the delta, and the rows to leave out."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from arcli.engine.indexing.coverage import codes_of, gaps
from arcli.engine.indexing.segment_opener import SegmentOpener
from arcli.errors import Busy, ShellHint
from arcli.features import INDEX_DIM
from arcli.index.files import is_trusted
from arcli.index.flat import ExactIndex
from arcli.index.seam import Codes, DescriptorIndex, Neighbours, Rows
from arcli.index.votes import merged, without
from arcli.store import segments
from arcli.store.segments import SegmentRecord
from arcli.store.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewLimits:
    """uncovered_rows (1000 to 100,000): with more targets without a segment a channel is busy: 500 MB of
    features to read, and some 3 s a photo. catch_up_rows (100 to 5000): how many of them are searched as
    delta while a merged segment is loaded, some .2 s. widest (2 to 64): times k, up to which a list of
    neighbours is widened where dead rows fill it. dead (.5 to .95): the greatest share of them for which it
    is requested longer at once.
    """

    uncovered_rows: int = 20_000
    catch_up_rows: int = 1000
    widest: int = 16
    dead: float = 0.9


VIEW = ViewLimits()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """A segment and the index in its file."""

    record: SegmentRecord
    index: DescriptorIndex

    @property
    def rows(self) -> tuple[int, int]:
        """The first and the last row that it covers."""
        return self.record.first_row, self.record.last_row

    def search(self, queries: Codes, k: int, dead: Rows) -> Neighbours:
        """Return the nearest descriptors of targets that exist, k for each query where there are so many.

        Lists are requested longer by the share of dead rows; queries whose list is still too short are
        repeated.
        """
        here = np.searchsorted(dead, (self.record.first_row, self.record.last_row + 1))
        share = min((here[1] - here[0]) / self.record.rows, VIEW.dead)
        width = math.ceil(k / (1 - share))
        found = without(self.index.search(queries, width), dead)
        while share and width < min(VIEW.widest * k, self.index.descriptors):
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
class IndexView:
    """Immutable: any number of threads may search it. `identity` and `changes` say which state it shows."""

    identity: tuple[str, ...]
    changes: int
    dead_changes: int
    opened: tuple[OpenSegment, ...]
    dead: Rows
    hidden: Rows  # of segments: what is dead, and what came back and is searched in the delta
    delta: dict[int, Codes]
    delta_index: ExactIndex

    def search(self, queries: Codes, k: int) -> Neighbours:
        """Return the k nearest descriptors of existing targets for each of the (Q, INDEX_DIM) queries."""
        lists = [segment.search(queries, k, self.hidden) for segment in self.opened]
        if not lists:
            return self.delta_index.search(queries, k)
        found = merged(lists, k) if len(lists) > 1 or len(self.hidden) else lists[0]
        if not self.delta:
            return found
        recent = self.delta_index.search(queries, k, found.distances[:, -1])
        return merged([found, recent], k)

    @property
    def descriptors(self) -> int:
        """How many descriptors its segments have."""
        return sum(segment.index.descriptors for segment in self.opened)

    @property
    def memory(self) -> int:
        """Bytes that the view keeps in memory; a file that is mapped does not count."""
        delta = sum(codes.nbytes for codes in self.delta.values()) + self.delta_index.memory
        hidden = self.dead.nbytes + self.hidden.nbytes
        return sum(segment.index.memory for segment in self.opened) + hidden + delta

    def less(self, rows: Collection[int]) -> IndexView:
        """Return the view in which some rows count as removed."""
        hidden = np.union1d(self.hidden, np.array([*rows], np.int64))
        delta = {row: codes for row, codes in self.delta.items() if row not in rows}
        index = self.delta_index if len(delta) == len(self.delta) else exact_index(delta)
        return replace(self, hidden=hidden, delta=delta, delta_index=index)


class IndexViewBuilder:
    """Makes the view of a snapshot, reusing what has not changed from the previous view."""

    def __init__(self, folder: Path, *, background: bool) -> None:
        self._folder = folder
        self._opener = SegmentOpener(folder, background=background)

    def outdated(self) -> bool:
        """Say whether a segment has been loaded by a thread since the last view was made."""
        return self._opener.arrived()

    def close(self) -> None:
        self._opener.close()

    def build(self, snapshot: Snapshot, before: IndexView | None, *, last_try: bool) -> IndexView:
        """Open and read what `before`, the previous view, does not have.

        With a background opener a merged segment is loaded by a thread while the segments that it merges are
        still searched. Raises Busy above VIEW.uncovered_rows, and FileGone for a missing segment file, unless
        this is the `last_try`, which does without it.
        """
        identity = identity_of(snapshot)
        if before is not None and before.identity != identity:
            before = None
        opened = tuple(self._open(snapshot, before, last_try=last_try))
        dead = self._dead(snapshot, before, opened)
        strays = segments.strays(snapshot, [segment.record for segment in opened])
        delta = self._delta(snapshot, before, opened, dead, strays)
        return IndexView(
            identity=identity,
            changes=snapshot.changes(),
            dead_changes=snapshot.dead_changes(),
            opened=opened,
            dead=dead,
            hidden=np.union1d(dead, np.array(strays, np.int64)) if strays else dead,
            delta=delta,
            delta_index=exact_index(delta),
        )

    def _open(self, snapshot: Snapshot, before: IndexView | None, *, last_try: bool) -> Iterator[OpenSegment]:
        records = segments.live(snapshot)
        if records and not is_trusted(self._folder):
            _log.warning(
                "%s: others own it, or may write to it or a folder above, so its index files are not loaded"
                " (its owner runs: arcli doctor --repair)",
                self._folder,
            )
            self._opener.forget_all_but(())
            return
        self._opener.forget_all_but({record.file.name for record in records})
        known = {segment.record.file: segment for segment in before.opened} if before else {}
        for record in records:
            merged = [segment for segment in known.values() if _within(segment.record, record)]
            if record.file not in known and _nearly_all(record, merged) and self._opener.begin(record.file):
                yield from merged
                continue
            segment = known.get(record.file) or self._one(record, last_try=last_try)
            if segment is not None:
                yield segment
                continue
            for older in segments.replaced(snapshot):
                if _within(older, record):
                    segment = known.get(older.file) or self._one(older, last_try=True)
                    if segment is not None:
                        yield segment

    def _one(self, record: SegmentRecord, *, last_try: bool) -> OpenSegment | None:
        index = self._opener.open(record.file, last_try=last_try)
        return OpenSegment(record, index) if index is not None else None

    def _dead(self, snapshot: Snapshot, before: IndexView | None, opened: Sequence[OpenSegment]) -> Rows:
        if before is not None and before.dead_changes == snapshot.dead_changes():
            return before.dead
        published = segments.names(snapshot)
        forgotten = [
            np.setdiff1d(np.arange(s.record.first_row, s.record.last_row + 1), snapshot.live_rows(*s.rows))
            for s in opened
            if s.record.file.name not in published
        ]
        return np.unique(np.concatenate([np.array(snapshot.dead_rows(), np.int64), *forgotten]))

    def _delta(
        self,
        snapshot: Snapshot,
        before: IndexView | None,
        opened: Sequence[OpenSegment],
        dead: Rows,
        strays: Sequence[int],
    ) -> dict[int, Codes]:
        rows = [
            row
            for first, last in gaps((segment.record for segment in opened), snapshot.last_row())
            for row in snapshot.live_rows(first, last)
        ] + [*strays]
        if len(rows) > VIEW.uncovered_rows:
            raise Busy(
                f"the index of channel {snapshot.info().name!r} does not cover {len(rows):,} targets",
                hint=ShellHint("rebuild it: arcli doctor --repair"),
            )
        known = before.delta if before else {}
        gone = {*dead[np.isin(dead, rows)].tolist()}
        fresh = dict(codes_of(snapshot, [row for row in rows if row not in known and row not in gone]))
        both = {row: known.get(row, fresh.get(row)) for row in rows if row not in gone}
        return {row: codes for row, codes in both.items() if codes is not None}


def _within(inner: SegmentRecord, outer: SegmentRecord) -> bool:
    return outer.first_row <= inner.first_row and inner.last_row <= outer.last_row


def _nearly_all(record: SegmentRecord, parts: Sequence[OpenSegment]) -> bool:
    """Say whether `parts` cover so much of a segment that the rest may be searched as part of the delta."""
    return bool(parts) and record.rows - sum(part.record.rows for part in parts) <= VIEW.catch_up_rows


def identity_of(snapshot: Snapshot) -> tuple[str, ...]:
    """Return what distinguishes this store from every other, and from itself before a copy or restore."""
    info = snapshot.info()
    return info.store_id, info.epoch, info.home


def exact_index(delta: dict[int, Codes]) -> ExactIndex:
    """Return the index of codes by row id."""
    if not delta:
        return ExactIndex(np.zeros((0, INDEX_DIM), np.int8), np.zeros(0, np.int64))
    counts = [len(codes) for codes in delta.values()]
    return ExactIndex(np.concatenate([*delta.values()]), np.repeat(np.array([*delta], np.int64), counts))
