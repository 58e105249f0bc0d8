"""The shortlist of a channel: one search over segments and delta without removed rows, then the vote."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from arcli.engine.indexing.coverage import INDEXING
from arcli.engine.indexing.index_view import IndexView, IndexViewBuilder, identity_of
from arcli.features import INDEX_DIM
from arcli.index.files import FileGone
from arcli.index.seam import Codes
from arcli.index.votes import ShortlistEntry, shortlist
from arcli.store.channel import ChannelStore
from arcli.store.snapshot import Snapshot
from arcli.timings import phase

INDEX_FOLDER = "index"


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
    ) -> list[ShortlistEntry]:
        """Return the `limit` targets with the most votes of the (Q, CODE_DIM) `codes`, most first.

        alike: squared distance within which the preset takes keypoints to be the same. neighbours: how many
        vote for each query keypoint. left_out: row ids that are not searched, as if their targets were
        removed.

        What has not changed since the last search is not read again. Raises Busy when so much of the index is
        damaged that a search would take seconds.
        """
        view = self._current(snapshot)
        if left_out:
            view = view.less(left_out)
        return shortlist(view.search(codes[:, :INDEX_DIM], neighbours), limit, alike=alike)

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
