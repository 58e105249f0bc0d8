"""Space reserved in a data folder, so that something can be removed when the disk is full."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RESERVE_FILE = "reserve"
_BYTES = (
    384 * 1024
)  # bytes: twice the log of one removal (some 15 pages of 8 KiB) and SQLite's shared memory (32 KiB)
_ROOM = 4 * _BYTES  # free bytes below which nothing is reserved: such a disk is nearly full already


class Reserve:
    """A file of zeros in `data_dir`, to be given up for a removal that makes space."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / RESERVE_FILE

    def keep(self) -> None:
        """Reserve the space, unless it is already reserved or there is none to spare."""
        with contextlib.suppress(OSError):
            if self._path.exists():
                return
            room = os.statvfs(self._path.parent)
            if room.f_bavail * room.f_frsize < _ROOM:
                return
            aside = self._path.with_name(f"{RESERVE_FILE}.{os.getpid()}")
            try:
                aside.write_bytes(bytes(_BYTES))
                aside.replace(self._path)
            finally:
                aside.unlink(missing_ok=True)

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Free the space while the block removes something, and reserve it again afterwards if possible."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        try:
            yield
        finally:
            self.keep()
