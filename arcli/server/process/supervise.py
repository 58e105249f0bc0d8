"""`--workers N`: processes that share a listening socket; one that dies is started again."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from arcli.errors import ArcliError
from arcli.parallel import SPAWNED
from arcli.server.metrics import forget_process
from arcli.server.options import ServeOptions
from arcli.server.process.worker import run_worker


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartTuning:
    """hasty (1 to 30): seconds; a process that ends sooner has failed to start. most_hasty (1 to 10): after
    so many in a row `serve` gives up. A start takes 1 to 3 s here. killed (1 to 30): seconds after the grace
    period until one that has not ended is killed (chosen).
    """

    hasty: float = 5.0
    most_hasty: int = 3
    killed: float = 5.0


RESTARTS = RestartTuning()


_log = logging.getLogger(__name__)


class Supervisor:
    """The parent of the worker processes. They are spawned: a forked child would share SQLite's files."""

    def __init__(self, options: ServeOptions, listener: socket.socket) -> None:
        self._options, self._listener = options, listener
        self._workers: dict[BaseProcess, float] = {}
        self._stopping = threading.Event()
        self._hasty = 0

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises ArcliError when the workers cannot start."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        for _ in range(self._options.workers):
            self._start()
        try:
            while not self._stopping.is_set():
                wait([woken, *(worker.sentinel for worker in self._workers)])
                self._replace_dead()
        finally:
            signal.set_wakeup_fd(-1)
            self._end()

    def _start(self) -> None:
        worker = SPAWNED.Process(target=run_worker, args=(self._options, self._listener))
        worker.start()
        self._workers[worker] = time.monotonic()

    def _replace_dead(self) -> None:
        dead = [worker for worker in self._workers if not worker.is_alive()]
        if self._stopping.is_set():
            return
        for worker in dead:
            hasty = time.monotonic() - self._workers.pop(worker) < RESTARTS.hasty
            self._hasty = self._hasty + 1 if hasty else 0
            forget_process(worker.pid)
            _log.error("worker %s ended with status %s", worker.pid, worker.exitcode)
            if self._hasty >= RESTARTS.most_hasty:
                raise ArcliError("the worker processes end as soon as they are started")
            self._start()

    def _end(self) -> None:
        """Ask all workers to stop, and end those that do not within the grace period."""
        for worker in self._workers:
            worker.terminate()
        deadline = time.monotonic() + self._options.grace_seconds + RESTARTS.killed
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()
