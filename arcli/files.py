"""Files that survive a power loss (written aside, then renamed) and locks that processes share.

And lines that wait in a temporary file, so that no answer is limited by memory.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from arcli import system
from arcli.errors import (
    MORE_FILES,
    ArcliError,
    DataDamaged,
    DiskFull,
    Locked,
    MemoryLimit,
    ResourceLimit,
    StorageNotWritable,
    UsageError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWaits:
    """Seconds between two attempts at a lock that somebody else holds: first (.0001 to .01), then twice as
    long each time, up to longest (.005 to .1). A removal holds one for some 8 ms.
    """

    first: float = 0.0005
    longest: float = 0.02


WAITS = LockWaits()


ASIDE = ".aside"
"""The suffix of a file that is being written: such files are never read, and swept away later."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_ACCESS = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_HANDLES = {errno.EMFILE, errno.ENFILE}


class FaultPoint(StrEnum):
    """Steps at which tests kill a process, in the order in which folding or merging an index reaches them."""

    PLANNED = "planned"
    READ = "read"
    BUILT = "built"
    WRITTEN_ASIDE = "written-aside"
    FILE_SYNCED = "file-synced"
    RENAMED = "renamed"
    FOLDER_SYNCED = "folder-synced"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    COLLECTING = "collecting"
    COLLECTED = "collected"


_watchers: list[Callable[[FaultPoint], None]] = []


def reached(point: FaultPoint) -> None:
    """Do nothing, unless a test watches this process (`watch`)."""
    for watcher in _watchers:
        watcher(point)


def watch(watcher: Callable[[FaultPoint], None]) -> None:
    """Call `watcher` at every step from now on. Only tests do this, to kill their own processes."""
    _watchers.append(watcher)


def of_os(path: Path, error: OSError) -> ArcliError:
    """Return the ArcliError for an operating system's `error` on `path`."""
    if error.errno in _NO_SPACE:
        return DiskFull(f"no space left to write {path}", item=str(path))
    if error.errno in _NO_ACCESS:
        return StorageNotWritable(f"{path}: permission denied", item=str(path))
    if error.errno in _NO_HANDLES:
        return too_many_open(path)
    if error.errno == errno.ENOMEM:
        return MemoryLimit(f"not enough memory for {path}", item=str(path))
    return DataDamaged(f"{path}: {error.strerror or error}", item=str(path))


def too_many_open(path: Path) -> ArcliError:
    """Return the error of a process that may open no more files."""
    return ResourceLimit(f"too many open files to open {path}", hint=MORE_FILES, item=str(path))


def out_of_handles() -> bool:
    """Say whether this process, or the machine, may not open a database, which takes several files."""
    opened: list[int] = []
    try:
        while len(opened) < 4:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in _NO_HANDLES
    finally:
        for handle in opened:
            os.close(handle)
    return False


def write_atomically(path: Path, data: bytes, *, private: bool = False) -> None:
    """Put `data` at `path`. Raises what `replacing` raises; then `path` is as it was."""
    with replacing(path, private=private) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, *, exclusive: bool = False, private: bool = False) -> Iterator[IO[bytes]]:
    """Yield a file that replaces `path` if the block succeeds, and is deleted otherwise.

    An existing file keeps its mode, unless `private` (0600) is asked for; a symbolic link is followed. Raises
    UsageError if the folder does not exist, OSError, and with `exclusive` FileExistsError if there is a file
    by then.
    """
    path = path.resolve()
    folder_of(path)
    with built_aside(path, exclusive=exclusive) as aside:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | system.PRIVATE, 0o600)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            system.set_mode(file.fileno(), 0o600 if private else _mode(path))


def make_folder(path: Path) -> None:
    """Make a folder of this user's alone, and those above it that are missing; their names are durable.

    Raises OSError.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in reversed(missing):
        system.sync(folder.parent)


@contextmanager
def built_aside(path: Path, *, exclusive: bool = False) -> Iterator[Path]:
    """Yield a path at which to build what becomes `path` if the block succeeds, and is deleted otherwise.

    The content is on disk before it gets its name, and the name is on disk afterwards. Raises OSError that
    names the file, and with `exclusive` FileExistsError if there is a file by then.
    """
    aside = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}{ASIDE}")
    try:
        yield aside
        reached(FaultPoint.WRITTEN_ASIDE)
        system.sync(aside)
        reached(FaultPoint.FILE_SYNCED)
        _put(aside, path, exclusive)
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)  # the error of a full disk names no file
        raise
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    reached(FaultPoint.RENAMED)
    system.sync(path.parent)
    reached(FaultPoint.FOLDER_SYNCED)


def _put(aside: Path, path: Path, exclusive: bool) -> None:
    """Give the file at `aside` the name `path`."""
    if exclusive:
        try:
            path.hardlink_to(aside)
            return
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            pass
    system.rename_over(aside, path)


def folder_of(path: Path) -> Path:
    """Return the folder that `path` is in, or would be in. Raises UsageError if there is none."""
    folder = path.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}", item=str(path))
    return folder


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask


Waiting = Callable[[], AbstractContextManager[object]]


class FolderGone(Exception):
    """The folder of a lock file was removed."""


@contextmanager
def file_lock(path: Path, *, timeout: float, waiting: Waiting = nullcontext) -> Iterator[None]:
    """Hold the exclusive lock of the file `path` (made when absent), waiting at most `timeout` seconds.

    waiting: entered while somebody else holds it.

    The system releases it when its holder dies. Threads exclude each other too, since each call opens the
    file itself. Raises Locked, StorageNotWritable, DiskFull, FolderGone.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | system.PRIVATE, 0o666)
    except FileNotFoundError as error:
        raise FolderGone(path) from error
    except OSError as error:
        raise of_os(path, error) from error
    try:
        if not hold(handle, timeout=timeout, waiting=waiting):
            raise Locked(f"{path.parent} is being written by another process", item=str(path))
        yield
    finally:
        os.close(handle)


def hold(descriptor: int, *, timeout: float, waiting: Waiting = nullcontext) -> bool:
    """Take the exclusive lock of an open file or folder; return False if `timeout` seconds were not enough.

    The lock ends when the descriptor is closed. Raises StorageNotWritable if the file system has no locks.
    """
    deadline = time.monotonic() + timeout
    pause = WAITS.first
    if _held(descriptor):
        return True
    if timeout <= 0:
        return False
    with waiting():
        while time.monotonic() < deadline:
            time.sleep(pause)
            if _held(descriptor):
                return True
            pause = min(2 * pause, WAITS.longest)
    return False


def _held(descriptor: int) -> bool:
    try:
        return system.lock(descriptor)
    except OSError as error:
        raise of_os(Path(f"/proc/self/fd/{descriptor}"), error) from error


class Spool:
    """Lines that are kept until the end of a command: a few in memory, many in an unnamed temporary file.

    in_memory: characters that are kept in memory; 64 Ki to 16 Mi, a thousandth of a machine's (chosen).
    """

    def __init__(self, *, in_memory: int = 1 << 20) -> None:
        self.count = 0
        self._in_memory = in_memory
        self._lines: list[str] = []
        self._size = 0
        self._file: IO[str] | None = None

    def add(self, line: str) -> None:
        """Keep one line, which has no line break in it."""
        self.count += 1
        self._lines.append(line)
        self._size += len(line)
        if self._size > self._in_memory:
            self._put_away()

    def _put_away(self) -> None:
        import tempfile

        if self._file is None:
            self._file = tempfile.TemporaryFile(  # noqa: SIM115 - closed when all has been read
                "w+", encoding="utf-8", errors="surrogatepass", newline="\n"
            )
        self._file.writelines(f"{line}\n" for line in self._lines)
        self._lines, self._size = [], 0

    def lines(self) -> Iterator[str]:
        """Yield all lines in order; it can be done once."""
        if self._file is not None:
            with self._file as file:
                file.seek(0)
                yield from (line[:-1] for line in file)
        yield from self._lines
