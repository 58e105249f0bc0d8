"""Brings pending rows from PostgreSQL into Milvus, and deletes there what was removed."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from arcli.engine.indexing.coverage import index_codes
from arcli.errors import ArcliError, Locked, Unreachable
from arcli.index.milvus import MilvusCollection, MilvusService
from arcli.index.seam import Codes
from arcli.store.postgres.transit import Transit

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierOptions:
    """delta_rows (20 to 500): pending targets from which on an add carries them, background_rows (1 to 50): a
    server's thread, which no add waits for; 200 cost a search 20 ms of CPU (benchmarks.cluster). batch_rows
    (10 to 400), removed_rows (10 to 1,000): rows carried and read back, or deleted, at a time.
    removed_seconds (0 to 3600): after which the descriptors of removed targets are deleted; longer than any
    lookup takes. Chosen, not measured, but for the first two.
    """

    delta_rows: int = 40
    background_rows: int = 10
    batch_rows: int = 200
    removed_rows: int = 200
    removed_seconds: float = 60.0


CARRIER = CarrierOptions()


@dataclass(frozen=True, slots=True)
class _Written:
    """Rows of a channel that were given to Milvus. counts: the descriptors of those that have any.
    guarantee: Milvus' timestamp after that, None if it was given nothing."""

    channel: int
    rows: list[int]
    counts: dict[int, int]
    guarantee: int | None


class Carrier:
    """Of all processes of a cluster one carries at a time. background: a thread does, and no call waits."""

    def __init__(self, transit: Transit, service: MilvusService, *, background: bool = False) -> None:
        self._transit, self._service = transit, service
        self._thread = ThreadPoolExecutor(1, "carrier") if background else None
        self._queued: Future[None] | None = None
        self._failed: str | None = None
        self._guard = threading.Lock()

    @property
    def background(self) -> bool:
        """Whether no call waits for it."""
        return self._thread is not None

    @property
    def least(self) -> int:
        """How many pending rows are worth carrying."""
        return CARRIER.background_rows if self.background else CARRIER.delta_rows

    def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=True, cancel_futures=True)

    def nudge(self, *, least: int = 1) -> None:
        """Carry if at least `least` rows are pending. A failure is logged, once: what was added is safe."""
        if self._thread is None:
            self._try(least)
        elif self._queued is None or self._queued.done():
            self._queued = self._thread.submit(self._try, least)

    def _try(self, least: int) -> None:
        try:
            if self._transit.waiting() >= least or self._transit.moved():
                self.carry()
            self._failed = None
        except Locked:  # somebody else does it
            return
        except ArcliError as error:
            if self._failed != error.message:
                _log.warning("what was added is safe, but not yet in Milvus: %s", error.message)
            self._failed = error.message

    def carry(self, *, removed_seconds: float = CARRIER.removed_seconds) -> int:
        """Carry all that is pending, then delete what was removed; return how many rows were carried.

        Waits while another thread of this carrier does. Raises Locked while another process carries,
        Unreachable.
        """
        with self._guard, self._transit.carrying():
            place = self._transit.begin_again() if self._transit.moved() else self._transit.place()
            collection = MilvusCollection(self._service, place.collection)
            collection.make()
            again = self._transit.begin_carrying()
            carried = self._carry_all(collection, again=again)
            self._transit.end_carrying()
            self._clean(collection, removed_seconds)
            if place.former is not None:
                MilvusCollection(self._service, place.former).drop()
                self._transit.former_is_gone()
            return carried

    def _carry_all(self, collection: MilvusCollection, *, again: bool) -> int:
        """Carry until nothing is pending; return how many rows were.

        While some rows are read back, which waits for Milvus' next time tick, the next are being written.
        again: another carrier may have written some of them.
        """
        carried = 0
        with ThreadPoolExecutor(1, "read back") as reader:
            behind: tuple[list[int], Future[None]] | None = None
            while True:
                batch = self._transit.pending(CARRIER.batch_rows, besides=behind[0] if behind else ())
                written = [
                    self._written(
                        collection, channel, [(row, index_codes(data)) for _, row, data in rows], again
                    )
                    for channel, rows in groupby(batch, key=lambda entry: entry[0])
                ]
                if behind:
                    behind[1].result()
                if not batch and not behind:
                    return carried
                behind = None
                if written:
                    rows = [row for part in written for row in part.rows]
                    behind = rows, reader.submit(self._read_back, collection, written)
                    carried += len(rows)

    def _written(
        self, collection: MilvusCollection, channel: int, rows: list[tuple[int, Codes]], again: bool
    ) -> _Written:
        full = [(row, codes) for row, codes in rows if len(codes)]
        guarantee = None
        if full:
            collection.write(channel, full, again=again)
            guarantee = collection.now()
        counts = {row: len(codes) for row, codes in full}
        return _Written(channel, [row for row, _ in rows], counts, guarantee)

    def _read_back(self, collection: MilvusCollection, written: list[_Written]) -> None:
        """Read rows back, and only then let them leave the pending ones. Readers get Milvus' timestamp of a
        moment after they were written together with their leaving. Raises Unreachable."""
        for part in written:
            wanted = sum(part.counts.values())
            found = collection.present(part.channel, list(part.counts)) if wanted else 0
            if found != wanted:
                raise Unreachable(f"Milvus has {found:,} of {wanted:,} descriptors that it had accepted")
            self._transit.settle(part.channel, part.rows, part.guarantee)

    def _clean(self, collection: MilvusCollection, seconds: float) -> None:
        while removed := self._transit.gone(CARRIER.removed_rows, seconds=seconds):
            for channel, rows in removed:
                collection.delete_rows(channel, rows)
                self._transit.forget(channel, rows)
        for channel in self._transit.leaving():
            collection.delete_channel(channel)
            self._transit.left(channel)
        self._transit.gather_tallies()
