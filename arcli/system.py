"""What the operating system offers, and what is done where it does not: the one home of POSIX.

Nothing else for the commands asks for locks, owners, signals or limits by itself (a test lists what `serve`
and the separate decoding processes still do). Windows and macOS: tested with all of this hidden, never run.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

fcntl: ModuleType | None
msvcrt: Any
try:
    import fcntl
except ImportError:
    fcntl = None
    try:
        import msvcrt
    except ImportError:
        msvcrt = None
resource: Any
try:
    import resource
except ImportError:
    resource = None

PRIVATE = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Flags of files of our own: not for children, no symbolic link, bytes as they are."""

_LOCKED_BYTE = 1 << 30  # beyond all content: Windows keeps others from reading what is locked


def lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file; return False if another has it. It ends with the descriptor.

    Raises OSError where the file system has no locks. Where the system has none, nobody is kept out.
    """
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            at = os.lseek(descriptor, 0, os.SEEK_CUR)
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(descriptor, at, os.SEEK_SET)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextmanager
def locked_range(descriptor: int) -> Iterator[None]:
    """Keep other processes that do the same out of a file; threads of this process are not kept out."""
    if fcntl is not None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX)  # released with its process, however that ends
    try:
        yield
    finally:
        if fcntl is not None:
            fcntl.lockf(descriptor, fcntl.LOCK_UN)


def open_to_lock(folder: Path) -> int:
    """Return a descriptor for `lock` that stands for a folder; leaves nothing in it."""
    if hasattr(os, "O_DIRECTORY"):
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    import hashlib
    import tempfile

    digest = hashlib.blake2b(str(folder.resolve()).encode(errors="replace"), digest_size=16).hexdigest()
    return os.open(Path(tempfile.gettempdir()) / f"arcli-{digest}.lock", os.O_RDWR | os.O_CREAT, 0o600)


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, durable; Windows cannot open a folder."""
    writable = os.O_RDONLY if fcntl is not None or path.is_dir() else os.O_RDWR
    try:
        descriptor = os.open(path, writable | getattr(os, "O_BINARY", 0))
    except PermissionError:
        if fcntl is None and path.is_dir():
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_content(descriptor: int) -> None:
    """Make the content of an open file durable, without its times where the system can."""
    getattr(os, "fdatasync", os.fsync)(descriptor)


def write_at_start(descriptor: int, data: bytes) -> None:
    """Overwrite the beginning of an open file in one call."""
    if hasattr(os, "pwrite"):
        os.pwrite(descriptor, data, 0)
        return
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, data)


def rename_over(aside: Path, path: Path) -> None:
    """Give a file the name of another in one step; Windows refuses while that is open: try for 1.5 s."""
    for again in range(5):
        try:
            aside.replace(path)
            return
        except PermissionError:
            if fcntl is not None:
                raise
            time.sleep(0.05 * 2**again)
    aside.replace(path)


def shares_listeners() -> bool:
    """Say whether several processes can accept from one socket and be waited for together; not on Windows."""
    return os.name == "posix"


def set_mode(descriptor: int, mode: int) -> None:
    """Set the permissions of an open file, where files have them."""
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)


def owned_by_us(status: os.stat_result) -> bool:
    """Say whether a file belongs to this user; without owners all of the user's folder does."""
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def trusted_owner(status: os.stat_result) -> bool:
    """Say whether a file belongs to this user or to root."""
    return owned_by_us(status) or status.st_uid == 0


def running_as_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def give(path: Path, like: os.stat_result) -> None:
    """Give a file to the owner of another."""
    if hasattr(os, "chown"):
        os.chown(path, like.st_uid, like.st_gid)


def free_bytes(folder: Path) -> int:
    """Return the bytes that this user may still write on the disk of `folder`."""
    import shutil

    return shutil.disk_usage(folder).free


def open_files() -> int | None:
    """Return how many files this process may open; None: no limit that is known."""
    if resource is None:
        return None
    soft: int = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def can_open(files: int) -> bool:
    """Say whether this process may open that many further files now."""
    opened: list[int] = []
    try:
        for _ in range(files):
            opened.append(os.open(os.devnull, os.O_RDONLY | PRIVATE))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return True


def want_open_files(wanted: int) -> int | None:
    """Raise the limit of open files to `wanted` as far as this is allowed; return it as `open_files` does."""
    soft = open_files()
    if soft is None or soft >= wanted:
        return soft
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    return raised


def can_isolate() -> bool:
    """Say whether pictures can be decoded in processes with limits; elsewhere it is done here."""
    return resource is not None and hasattr(select, "poll") and Path("/proc/self/statm").exists()


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_room(size: int) -> bool:
    """Say whether this process could take so many bytes of address space now."""
    import mmap

    try:
        mmap.mmap(-1, size).close()
    except OSError:
        return False
    return True


def pages(which: str) -> int | None:
    """Return bytes of memory by sysconf (SC_PHYS_PAGES, SC_AVPHYS_PAGES), None if the system does not say."""
    try:
        return os.sysconf(which) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows; macOS has no SC_AVPHYS_PAGES
        return None


def uptime() -> float:
    """Return the seconds since the machine started, including sleep where the system counts it."""
    if hasattr(time, "clock_gettime"):
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
    return time.monotonic()


@contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """Have Ctrl-C wait until the block has ended; processes started in it ignore it. Not on Windows."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
