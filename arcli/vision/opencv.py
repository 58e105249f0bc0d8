"""OpenCV as arcli uses it: silent, one thread a call beside other calls, more for one that is alone."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from arcli.system import has_room, processors


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOptions:
    """kept (64 MiB to 1 GiB): bytes that are kept for the next picture. mapped (8 to 32 MiB, glibc's most): a
    larger block is given back at once. arenas (1 to 8): for all threads; the fewer, the less memory. blas (33
    to 64 MiB): what OpenBLAS works in, 32 MiB, and some room. multiplied (101 to 256): rows and columns of a
    product for which it fetches that; smaller ones do without.
    """

    kept: int = 256 << 20
    mapped: int = 32 << 20
    arenas: int = 1
    blas: int = 36 << 20
    multiplied: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadOptions:
    """most (1 to 8): threads of a lookup that is alone. With two it takes .82 of the time and 1.13 times the
    processor's (docs/appendix/recognition.md, "Time"): they help who waits, and would hurt beside others.
    """

    most: int = 4


MEMORY = MemoryOptions()
THREADS = ThreadOptions()


__all__ = ["cv2", "many_threads", "prepare"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # glibc's malloc.h


@cache
def prepare() -> None:
    """Set OpenCV up for this process, once. `decode` calls it: no pixels come from anywhere else."""
    # A damaged picture is reported by our own error, not by a line on stderr.
    if hasattr(cv2, "setLogLevel"):
        cv2.setLogLevel(0)
    else:  # OpenCV 5 has moved it
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    cv2.setNumThreads(1)
    _keep_memory()
    _fetch_blas_buffer()


class _Calls:
    """The calls of this process that would use more threads. OpenCV has one number of threads for all, which
    a program that uses arcli as a library may have set; it is as before when no call is left."""

    def __init__(self) -> None:
        self._guard, self._running, self._usual = threading.Lock(), 0, 1

    def begin(self, most: int) -> None:
        with self._guard:
            self._running += 1
            if self._running == 1:
                self._usual = cv2.getNumThreads()
            cv2.setNumThreads(most if self._running == 1 else 1)

    def end(self) -> None:
        with self._guard:
            self._running -= 1
            cv2.setNumThreads(1 if self._running else self._usual)


_CALLS = _Calls()


@contextmanager
def many_threads(most: int | None) -> Iterator[None]:
    """Have OpenCV use up to `most` threads within, as many as there are processors if None, until another
    call begins: beside others each has one. The results do not depend on it.
    """
    prepare()
    _CALLS.begin(min(processors() if most is None else most, THREADS.most))
    try:
        yield
    finally:
        _CALLS.end()


def _fetch_blas_buffer() -> None:
    """Have OpenBLAS fetch what it works in while there is room: later, when pictures have taken the memory,
    it would end the process with status 1. Raises MemoryError.
    """
    if not has_room(MEMORY.blas):
        raise MemoryError("no room to multiply matrices")
    square = np.ones((MEMORY.multiplied, MEMORY.multiplied), np.float32)
    np.matmul(square, square)


def _keep_memory() -> None:
    """Have glibc keep freed memory for the next picture, in one arena for all threads.

    By default it gives SIFT's pyramids back after each picture: fetching 12 MiB of zeroed pages again took
    6 ms of 31 for a picture of 300 px. Malloc that was tuned by the environment keeps what that says.
    """
    tuned = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if tuned or not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has no mallopt
    if mallopt is not None:
        for parameter, value in (
            (_TRIM_THRESHOLD, MEMORY.kept),
            (_MMAP_THRESHOLD, MEMORY.mapped),
            (_ARENA_MAX, MEMORY.arenas),
        ):
            mallopt(parameter, value)
