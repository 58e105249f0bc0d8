"""The shortlist of a channel: one search over segments and delta without removed rows, then the vote."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from arcli.engine.indexing.coverage import INDEXING
from arcli.engine.indexing.index_view import IndexView, IndexViewBuilder, identity_of
from arcli.features import INDEX_DIM
from arcli.index.files import FileGone
from arcli.index.seam import Codes, Neighbours
from arcli.index.votes import ShortlistEntry, shortlist, stacked
from arcli.store.channel import ChannelStore
from arcli.store.snapshot import Snapshot
from arcli.timings import phase

INDEX_FOLDER = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyOptions:
    """When the strongest keypoints of a photo decide, and the others do not search a large index.

    descriptors (200,000 to 10 M): from so many on, 1,000 targets; below, a search takes 5 ms. voters (50 to
    200): that search first. votes (2 to 8), lead (2 to 5): what the first target must have of them, and how
    many times the second's. In 10,000 targets that was so for 61 of 100 photos of the sets, and each time it
    was the right one; with 64 voters one of 68 was not. In 3,274 targets 407 photos and 300 negatives get the
    same answers, to the last digit, as with all voters.
    """

    descriptors: int = 200_000
    voters: int = 100
    votes: float = 4.0
    lead: float = 3.0


EARLY = EarlyOptions()


class Shortlister:
    """Searches one channel and keeps the opened index. Threads may share it; close it when done.

    background: a search does not wait for a merged segment to be loaded (a server).
    """

    def __init__(self, store: ChannelStore, *, background: bool = False) -> None:
        self._store = store
        self._builder = IndexViewBuilder(store.folder / INDEX_FOLDER, background=background)
        self._lock = threading.Lock()
        self._view: IndexView | None = None

    def search(
        self,
        snapshot: Snapshot,
        codes: Codes,
        *,
        limit: int,
        alike: float,
        neighbours: int = INDEXING.neighbours,
        left_out: Collection[int] = (),
        early: bool = False,
    ) -> list[ShortlistEntry]:
        """Return the `limit` targets with the most votes of the (Q, CODE_DIM) `codes`, most first.

        alike: squared distance within which the preset takes keypoints to be the same. neighbours: how many
        vote for each query keypoint. left_out: row ids that are not searched, as if their targets were
        removed. early: `codes` are ordered by strength, and one target is looked for: where the strongest
        leave no doubt in a large index, the others do not vote.

        What has not changed since the last search is not read again. Raises Busy when so much of the index is
        damaged that a search would take seconds.
        """
        view = self._current(snapshot)
        if left_out:
            view = view.less(left_out)
        early = early and view.descriptors >= EARLY.descriptors
        return elected(view.search, codes[:, :INDEX_DIM], limit, neighbours, alike=alike, early=early)

    @property
    def memory(self) -> int:
        """Bytes of memory that the opened index takes, as far as the last search opened it."""
        view = self._view
        return 0 if view is None else view.memory

    def close(self) -> None:
        with self._lock:
            self._view = None
            self._builder.close()

    def _current(self, snapshot: Snapshot) -> IndexView:
        with self._alone():
            view, now = self._view, (snapshot.changes(), identity_of(snapshot))
            if view is None or (view.changes, view.identity) != now or self._builder.outdated():
                view = self._view = self._build(snapshot)
            return view

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads from opening the same index; time that passes until they have is waited for."""
        if not self._lock.acquire(blocking=False):
            with phase("wait"):
                self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    def _build(self, snapshot: Snapshot) -> IndexView:
        """Make the view of `snapshot`; if a file was removed since it began, the view of the present store.

        A row that `snapshot` does not have yet then drops out when its features are loaded from there.
        """
        try:
            return self._builder.build(snapshot, self._view, last_try=False)
        except FileGone:
            with self._store.read() as later:
                return self._builder.build(later, self._view, last_try=True)


def elected(
    search: Callable[[Codes, int], Neighbours],
    queries: Codes,
    limit: int,
    neighbours: int,
    *,
    alike: float,
    early: bool,
) -> list[ShortlistEntry]:
    """Return the targets with the most votes of the (Q, INDEX_DIM) `queries`, which `search` finds the
    neighbours of; `limit` and the others as in `Shortlister.search`."""
    if not early or len(queries) <= EARLY.voters:
        return shortlist(search(queries, neighbours), limit, alike=alike)
    strongest = search(queries[: EARLY.voters], neighbours)
    first = shortlist(strongest, limit, alike=alike)
    if _is_clear(first):
        return first
    others = search(queries[EARLY.voters :], neighbours)
    return shortlist(stacked([strongest, others]), limit, alike=alike)


def _is_clear(found: Sequence[ShortlistEntry]) -> bool:
    """Say whether the first target has so many more votes than the second that more would not change it."""
    votes = [entry.votes for entry in found[:2]]
    return bool(votes) and votes[0] >= max(EARLY.votes, EARLY.lead * votes[-1] if len(votes) > 1 else 0)
