"""Upkeep for a process that adds: small folds at once, large ones in a process with memory of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arcli.engine.indexing.coverage import INDEXING
from arcli.engine.indexing.fold_plan import AFTER_BULK, UpkeepOptions
from arcli.engine.indexing.upkeep import Work, compacting, maybe_fold, work_due
from arcli.errors import ArcliError, ChannelNotFound, Locked
from arcli.features import INDEX_DIM
from arcli.index.hnsw import graph_memory
from arcli.index.ivf import IVF
from arcli.parallel import SPAWNED, deaf_children, prepare_worker
from arcli.store.channel import ChannelStore

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderOptions:
    """When to index at once, and when in a separate process. Rows are targets.

    inline_rows (0 to 2000): up to so many are inserted while the caller waits, some 2.5 s; a process takes
    half a second to start. 0: no call waits. backlog_rows (100 to 20,000): when so many have no segment (.2 s
    a photo), adding waits for the process. bulk_rows (64 to 1000): when so many were added beyond the first
    batch, the last fold merges segments. rounds (1 to 100): folds in a row; what was added during one is
    folded by the next. process_bytes: memory of an interpreter with numpy and 400 targets at a time
    (measured: 77 MiB with 37 of graph, 231 with 183).
    """

    inline_rows: int = 500
    backlog_rows: int = 1000
    bulk_rows: int = 128
    rounds: int = 10
    process_bytes: int = 80 << 20


BUILDER = BuilderOptions()

_log = logging.getLogger(__name__)


def memory_estimate(work: Work) -> int:
    """Return the most bytes of memory that the builder takes for `work`."""
    lists = IVF.run_bytes if work.largest > work.graph else 0
    return BUILDER.process_bytes + lists + graph_memory(work.graph * INDEXING.keypoints, INDEX_DIM)


class IndexBuilder:
    """Keeps the index of one channel up to date. Threads may share it; `finish` before the process ends.

    inline_rows: how many targets may be inserted in this process, while the caller waits. 0: no caller waits,
    and `finish` ends the builder; the next one does its work.
    """

    def __init__(self, store: ChannelStore, *, inline_rows: int = BUILDER.inline_rows) -> None:
        self._store = store
        self._inline_rows = inline_rows
        self._process: SpawnProcess | None = None
        self._lock = threading.Lock()
        self._begun: int | None = None

    def nudge(self, *, closing: bool = False) -> None:
        """Do what is due, or have a process do it. What was added is safe and found without it."""
        if not self._lock.acquire(blocking=False):
            return  # another thread is doing it
        try:
            with _noted():
                self._nudge(self._options(closing))
        except ChannelNotFound:
            return
        except ArcliError as error:
            _log.warning("the index was not brought up to date: %s", error.message)
        finally:
            self._lock.release()

    def _nudge(self, options: UpkeepOptions) -> None:
        if self._process is not None and self._process.is_alive():
            work = work_due(self._store) if self._inline_rows else None
            if work is None or work.uncovered < BUILDER.backlog_rows:
                return
        self._join()
        work = work_due(self._store, options)
        if work is None:
            return
        if self._inline_rows and work.inserted <= self._inline_rows:
            maybe_fold(self._store, options)
        elif self._nobody_compacts():
            self._start(work, options)

    def finish(self) -> None:
        """Wait until what is due is done; where no call may wait, end it."""
        if self._inline_rows:
            with _noted():
                self._join()
            self.nudge(closing=True)
        elif self._process is not None:
            self._process.kill()
            self._process.join()
            return
        self._join()

    def abandon(self) -> None:
        """End the running work: the channel is being removed."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join()

    def _options(self, closing: bool) -> UpkeepOptions:
        with self._store.read() as snapshot:
            last = snapshot.last_row()
        self._begun = last if self._begun is None else self._begun
        return AFTER_BULK if closing and last - self._begun >= BUILDER.bulk_rows else UpkeepOptions()

    def _nobody_compacts(self) -> bool:
        with suppress(Locked), compacting(self._store):
            return True
        return False

    def _start(self, work: Work, options: UpkeepOptions) -> None:
        memory = memory_estimate(work)
        _log.info(
            "indexing %d targets in a separate process, which takes up to %d MiB",
            work.inserted,
            memory >> 20,
        )
        words = (self._store.folder, options, memory)
        self._process = SPAWNED.Process(target=_build, args=words, daemon=True)
        with deaf_children():
            self._process.start()

    def _join(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.join()
        except BaseException:
            process.kill()
            raise
        if process.exitcode:
            _log.warning("the index builder ended early (%s); the next add tries again", process.exitcode)


@contextmanager
def _noted() -> Iterator[None]:
    """Log when work on an index begins and ends, to who measures what it costs (attribute `index_work`)."""
    _log.debug("looking after the index", extra={"index_work": "begins"})
    try:
        yield
    finally:
        _log.debug("looked after the index", extra={"index_work": "ends"})


def _build(folder: Path, options: UpkeepOptions, memory: int) -> None:
    """Run in the builder process, which `ps` and /proc name arcli-index."""
    prepare_worker()
    with suppress(OSError):
        Path("/proc/self/comm").write_text("arcli-index", encoding="ascii")
    with ChannelStore.open(folder) as store:
        fold_within(store, options, memory)


def fold_within(store: ChannelStore, options: UpkeepOptions, memory: int) -> None:
    """Fold what is due, then what was added in the meantime, until that would take more than `memory` bytes:
    such work is left to the process that adds, which starts another builder for it."""
    for _ in range(BUILDER.rounds):
        if not maybe_fold(store, options):
            return
        work = work_due(store, options)
        if work is None or memory_estimate(work) > memory:
            return
