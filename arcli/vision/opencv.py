"""OpenCV as arcli uses it: silent, and one thread per call (callers run their own processes and threads)."""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass
from functools import cache

import cv2


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOptions:
    """kept (64 MiB to 1 GiB): bytes that are kept for the next picture. mapped (8 to 32 MiB, glibc's most): a
    larger block is given back at once. arenas (1 to 8): for all threads; the fewer, the less memory.
    """

    kept: int = 256 << 20
    mapped: int = 32 << 20
    arenas: int = 1


MEMORY = MemoryOptions()


__all__ = ["cv2", "prepare"]

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
