"""Bare decode + SIFT, which recognition cannot do without: the baseline of speed."""

from __future__ import annotations

import logging
import multiprocessing
import resource
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

ENROLL_SIDE, ENROLL_KEYPOINTS = 400, 400  # what the engine registers
QUERY_SIDE, QUERY_KEYPOINTS = 640, 800  # what a lookup is compared with
_INDEXING = logging.getLogger("arcli.engine.indexing")


@dataclass(frozen=True)
class Cost:
    """seconds: by the clock. cpu: seconds of all processes. items: how many were processed."""

    seconds: float
    cpu: float
    items: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.seconds + other.seconds, self.cpu + other.cpu, self.items + other.items)

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu / self.items

    @property
    def rate(self) -> float:
        return self.items / self.seconds


class Stopwatch:
    """Measures this process and the children that it has waited for, from entry to exit."""

    def __enter__(self) -> Stopwatch:
        self._began, self._cpu = perf_counter(), cpu_seconds()
        return self

    def __exit__(self, *exc: object) -> None:
        self.seconds, self.cpu = perf_counter() - self._began, cpu_seconds() - self._cpu

    def cost(self, items: int) -> Cost:
        return Cost(self.seconds, self.cpu, items)


class IndexWork(logging.Handler):
    """Sums what building the index costs in this process, and what is waited for: from the engine's log.

    seconds: by the clock; cpu: of all processes that were waited for; own_cpu: of this process.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seconds = self.cpu = self.own_cpu = 0.0
        self._began = (0.0, 0.0, 0.0)

    def __enter__(self) -> IndexWork:
        _INDEXING.setLevel(logging.DEBUG)
        _INDEXING.addHandler(self)
        return self

    def __exit__(self, *exc: object) -> None:
        _INDEXING.removeHandler(self)
        _INDEXING.setLevel(logging.NOTSET)

    def emit(self, record: logging.LogRecord) -> None:
        """Take the time at the beginning and the end of each piece of work."""
        step = getattr(record, "index_work", None)
        now = perf_counter(), cpu_seconds(), process_time()
        if step == "begins":
            self._began = now
        elif step == "ends":
            self.seconds += now[0] - self._began[0]
            self.cpu += now[1] - self._began[1]
            self.own_cpu += now[2] - self._began[2]


def cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def decode_and_sift(path: Path, side: int, keypoints: int) -> int:
    """Read a picture as gray, shrink it to `side` (nothing is enlarged), return its number of keypoints."""
    import cv2

    gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert gray is not None
    factor = side / max(gray.shape)
    if factor < 1:
        gray = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    sift = cv2.SIFT.create(nfeatures=keypoints, contrastThreshold=0.02, edgeThreshold=10)
    return len(sift.detectAndCompute(gray, None)[0])


def register_bare(paths: Sequence[Path], processes: int) -> Cost:
    """Decode and extract pictures in that many processes, each with one thread; discard the results."""
    with Stopwatch() as watch:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_one_thread) as pool:
            done = sum(count >= 0 for count in pool.map(_enroll_one, paths, chunksize=8))
    return watch.cost(done)


def _enroll_one(path: Path) -> int:
    return decode_and_sift(path, ENROLL_SIDE, ENROLL_KEYPOINTS)


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)
