"""OpenCV as arcli uses it: silent, and one thread a call (callers run processes and threads of their own)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator

import cv2

# A damaged picture is reported by an error of ours, not by a line on stderr.
if hasattr(cv2, "setLogLevel"):
    cv2.setLogLevel(0)
else:  # OpenCV 5 has moved it
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
cv2.setNumThreads(1)

_MALLOPT = {"M_TRIM_THRESHOLD": (-1, 256 << 20), "M_MMAP_THRESHOLD": (-3, 32 << 20), "M_ARENA_MAX": (-8, 1)}
"""glibc's numbers (malloc.h), and bytes or a count."""


def _keep_memory() -> None:
    """Have glibc keep up to 256 MiB that a picture needed for the next one, in one place for all threads.

    By default it gives SIFT's pyramids back after each picture: fetching 12 MiB of zeroed pages again took
    6 ms of 31 for a picture of 300 px. Who has tuned malloc by the environment keeps what that says.
    """
    tuned = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if tuned or not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        for parameter, value in _MALLOPT.values():
            mallopt(parameter, value)


_keep_memory()

__all__ = ["cv2", "silenced", "use_threads"]


def use_threads(count: int) -> None:
    """Let OpenCV use `count` threads a call: for a process that looks up one photo at a time."""
    cv2.setNumThreads(count)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Keep what libjpeg and libpng print about damaged files from stderr.

    They write to the file descriptor, which belongs to the whole process: with other threads about
    (a server and its log) nothing is redirected.
    """
    with contextlib.ExitStack() as undo:
        if threading.active_count() == 1:
            with contextlib.suppress(OSError):
                kept = os.dup(2)
                undo.callback(os.close, kept)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                undo.callback(os.close, nowhere)
                os.dup2(nowhere, 2)
                undo.callback(os.dup2, kept, 2)
        yield
