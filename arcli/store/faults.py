"""What SQLite reports, as errors that a user can act on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread

from arcli.errors import ArcliError, DataDamaged, DiskFull, Locked, MemoryLimit, StorageNotWritable
from arcli.files import out_of_handles, too_many_open

# SQLite answers FULL for ENOSPC only; a used-up quota and a size limit come as failed writes, or as shared
# memory that cannot be made
_WRITE_FAILED = {
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_IOERR_TRUNCATE,
}
_BY_PRIMARY_CODE: dict[int, type[ArcliError]] = {
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_BUSY: Locked,
    sqlite3.SQLITE_LOCKED: Locked,
    sqlite3.SQLITE_PROTOCOL: Locked,
    sqlite3.SQLITE_READONLY: StorageNotWritable,
    sqlite3.SQLITE_PERM: StorageNotWritable,
    sqlite3.SQLITE_CANTOPEN: StorageNotWritable,
    sqlite3.SQLITE_NOMEM: MemoryLimit,
}
_SENTENCES: dict[type[ArcliError], str] = {
    DiskFull: "no space left to write {name}",
    Locked: "{name} is locked by another process",
    StorageNotWritable: "{name} cannot be opened or written: permission denied",
    MemoryLimit: "not enough memory to read {name}",
    DataDamaged: "{name} is damaged",
}


_RAISED_WITHIN = "user-defined function raised exception"


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's error about `path` as one of ours: DiskFull, Locked, DataDamaged …"""
    try:
        yield
    except sqlite3.Error as error:
        if interrupted(error):
            raise KeyboardInterrupt from error
        raise _of_sqlite(path, error) from error
    except MemoryError as error:
        raise MemoryLimit(f"not enough memory to read {path}", item=str(path)) from error
    except UnicodeDecodeError as error:  # a message of SQLite's that quotes what is damaged
        raise DataDamaged(f"{path} is damaged", item=str(path)) from error


def interrupted(error: sqlite3.Error) -> bool:
    """Say whether Ctrl-C came while SQLite was in a function of ours: of what that raises it passes on no
    more than a sentence. Our functions raise nothing else, and signals arrive in the main thread."""
    return str(error) == _RAISED_WITHIN and current_thread() is main_thread()


def _of_sqlite(path: Path, error: sqlite3.Error) -> ArcliError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    if code & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR) and out_of_handles():
        return too_many_open(path)
    kind = DiskFull if code in _WRITE_FAILED else _BY_PRIMARY_CODE.get(code & 0xFF, DataDamaged)
    return kind(f"{_SENTENCES[kind].format(name=path)} ({error})", item=str(path))
