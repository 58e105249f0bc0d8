"""Locks between processes on a file of their own, which the system releases when their holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arcli.errors import Locked
from arcli.store.faults import of_os


class FolderGone(Exception):
    """The folder of a lock file was removed."""


_FIRST_PAUSE = 0.0005  # seconds; doubles up to _LONGEST_PAUSE while somebody else holds the lock
_LONGEST_PAUSE = 0.02


@contextmanager
def file_lock(path: Path, *, timeout: float) -> Iterator[None]:
    """Hold the exclusive lock of the file `path` (made when absent), waiting at most `timeout` seconds.

    The same holds between threads, since each call opens the file anew. Raises Locked,
    StorageNotWritable, DiskFull, FolderGone.
    """
    handle = _acquire(path, timeout)
    try:
        yield
    finally:
        os.close(handle)


def _acquire(path: Path, timeout: float) -> int:
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        handle = _try(path)
        if handle is not None:
            return handle
        if time.monotonic() >= deadline:
            raise Locked(f"{path.parent} is being written by another process", item=str(path))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _try(path: Path) -> int | None:
    """Return a handle that holds the lock, or None when somebody else has it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except FileNotFoundError as error:
        raise FolderGone(path) from error
    except OSError as error:
        raise of_os(path, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError as error:
        os.close(handle)
        raise of_os(path, error) from error
    return handle
