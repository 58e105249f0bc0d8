"""OpenCV as arcli uses it: silent, and one thread per call (callers run their own processes and threads)."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

import cv2

__all__ = ["cv2", "prepare"]

_MALLOPT = {"M_TRIM_THRESHOLD": (-1, 256 << 20), "M_MMAP_THRESHOLD": (-3, 32 << 20), "M_ARENA_MAX": (-8, 1)}
"""glibc's numbers (malloc.h), and bytes or a count."""


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
    """Have glibc keep up to 256 MiB of freed memory for the next picture, in one arena for all threads.

    By default it gives SIFT's pyramids back after each picture: fetching 12 MiB of zeroed pages again took
    6 ms of 31 for a picture of 300 px. Malloc that was tuned by the environment keeps what that says.
    """
    tuned = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if tuned or not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has no mallopt
    if mallopt is not None:
        for parameter, value in _MALLOPT.values():
            mallopt(parameter, value)
