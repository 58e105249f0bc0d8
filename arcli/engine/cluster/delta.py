"""The shortlist of a channel in a cluster: what Milvus has, and, searched exactly, what is on its way there.

Which rows are on their way is read in the transaction of the lookup, together with the timestamp up to which
Milvus must have gone when it is asked after that. A row leaves the pending ones only when it was read back
from Milvus, in the transaction that sets this timestamp, so whichever moment the lookup's transaction shows,
each target is in one of the two; one that is in both counts once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from arcli.engine.indexing.coverage import INDEXING, codes_of
from arcli.engine.indexing.index_view import VIEW, exact_index
from arcli.engine.indexing.shortlist import EARLY, elected
from arcli.errors import ArcliError, Busy, ShellHint, Unreachable
from arcli.features import INDEX_DIM
from arcli.index.flat import ExactIndex
from arcli.index.milvus import MilvusCollection, MilvusService, NoCollection
from arcli.index.seam import Codes, Neighbours, Rows
from arcli.index.votes import ShortlistEntry, merged, without
from arcli.store.postgres.targets import PostgresSnapshot
from arcli.store.postgres.transit import active_rows, pending_rows, place_in

_log = logging.getLogger(__name__)
Search = Callable[[Codes, int], Neighbours]
"""Returns the k nearest descriptors, of targets that the transaction sees, for each of the (Q, INDEX_DIM)."""


class ClusterShortlister:
    """Searches one channel. It keeps the codes of rows that it searched exactly; threads may share it."""

    def __init__(self, service: MilvusService) -> None:
        self._service = service
        self._guard = threading.Lock()
        self._codes: dict[int, Codes] = {}
        self._index = exact_index({})
        self._warned = False

    def search(
        self,
        snapshot: PostgresSnapshot,
        codes: Codes,
        *,
        limit: int,
        alike: float,
        neighbours: int = INDEXING.neighbours,
        left_out: Collection[int] = (),
        early: bool = False,
    ) -> list[ShortlistEntry]:
        """Do what `Shortlister.search` does. Where Milvus cannot answer, a small channel is searched exactly.

        Raises Busy, or why Milvus cannot answer, for a larger one.
        """
        queries = codes[:, :INDEX_DIM]
        try:
            search = self._of_milvus(snapshot, left_out)
            early = early and snapshot.count() * INDEXING.keypoints >= EARLY.descriptors
            found = elected(search, queries, limit, neighbours, alike=alike, early=early)
        except (Unreachable, NoCollection) as error:
            alone = self._of_all(snapshot, error, left_out)
            return elected(alone, queries, limit, neighbours, alike=alike, early=False)
        self._warned = False
        return found

    @property
    def memory(self) -> int:
        """Bytes of memory that the codes searched exactly take."""
        return self._index.memory * 2

    def close(self) -> None:
        with self._guard:
            self._codes, self._index = {}, exact_index({})

    def _of_milvus(self, snapshot: PostgresSnapshot, left_out: Collection[int]) -> Search:
        """Return the search of what Milvus has and of what is on its way there."""
        place = place_in(snapshot.connection)
        refill = place.former is None or not self._there(place.former)
        recent = pending_rows(snapshot, VIEW.uncovered_rows + 1, refill=refill)
        if len(recent) > VIEW.uncovered_rows:
            raise _too_many(snapshot, "are still on their way into Milvus")
        delta = self._exact(snapshot, recent, left_out)
        names = [place.collection] if refill or place.former is None else [place.former, place.collection]
        collections = [MilvusCollection(self._service, name) for name in names]
        skipped = np.array(sorted({*recent, *left_out}), np.int64)

        def search(queries: Codes, k: int) -> Neighbours:
            lists = [_living(one, snapshot, queries, k, skipped, place.guarantee) for one in collections]
            found = merged(lists, k) if len(lists) > 1 else lists[0]
            if not delta.descriptors:
                return found
            return merged([found, delta.search(queries, k, found.distances[:, -1])], k)

        return search

    def _there(self, name: str) -> bool:
        return MilvusCollection(self._service, name).exists()

    def _of_all(self, snapshot: PostgresSnapshot, error: ArcliError, left_out: Collection[int]) -> Search:
        """Return the search of all of a small channel without Milvus; warn once."""
        rows = active_rows(snapshot, VIEW.uncovered_rows + 1)
        if len(rows) > VIEW.uncovered_rows:
            if isinstance(error, NoCollection):
                raise _too_many(snapshot, "are not in Milvus") from error
            raise error
        if not self._warned and len(pending_rows(snapshot, len(rows) + 1, refill=False)) < len(rows):
            self._warned = True
            _log.warning("searching without Milvus, which is slower: %s", error.message)
        return self._exact(snapshot, rows, left_out).search

    def _exact(
        self, snapshot: PostgresSnapshot, rows: Sequence[int], left_out: Collection[int]
    ) -> ExactIndex:
        """Return the codes of those of `rows` that are not left out; what was searched the last time is not
        read again."""
        apart = frozenset(left_out)
        rows = [row for row in rows if row not in apart]
        with self._guard:
            known = self._codes
        if known.keys() == {*rows}:
            return self._index
        fresh: Any = dict(codes_of(snapshot, [row for row in rows if row not in known]))
        both = {row: known.get(row, fresh.get(row)) for row in rows}
        codes = {row: found for row, found in both.items() if found is not None}
        index = exact_index(codes)
        with self._guard:
            self._codes, self._index = codes, index
        return index


def _living(
    collection: MilvusCollection,
    snapshot: PostgresSnapshot,
    queries: Codes,
    k: int,
    skipped: Rows,
    guarantee: int,
) -> Neighbours:
    """Return the k nearest descriptors, for each query, of targets that the transaction sees.

    guarantee: up to which timestamp of Milvus. Queries whose list is too short without the others are asked
    again, for a longer one.
    """
    found = Neighbours.none(len(queries), k)
    asked, width = np.arange(len(queries)), k
    while True:
        raw = collection.search(snapshot.number, queries[asked], width, guarantee=guarantee)
        rows = np.unique(raw.rows)
        living = np.array(snapshot.living(rows[rows >= 0].tolist()), np.int64)
        kept = without(raw, np.union1d(np.setdiff1d(rows[rows >= 0], living), skipped))
        best = merged([kept], k)
        found.rows[asked, : best.rows.shape[1]] = best.rows
        found.distances[asked, : best.rows.shape[1]] = best.distances
        lost = np.isfinite(raw.distances).sum(axis=1) >= width  # Milvus has more than it was asked for
        short = np.isfinite(best.distances).sum(axis=1) < k
        asked, width = asked[lost & short], width * 4
        if not len(asked) or width > VIEW.widest * k:
            return found


def _too_many(snapshot: PostgresSnapshot, what: str) -> Busy:
    return Busy(
        f"more than {VIEW.uncovered_rows:,} targets of channel {snapshot.info().name!r} {what}",
        hint=ShellHint("arcli doctor --repair brings them there"),
    )
