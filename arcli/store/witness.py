"""How far a database has come, noted outside it: a log that was cut or changed is noticed.

SQLite takes a write-ahead log up to the first frame whose checksum is wrong, and what comes after that is
gone without a word. So each commit is followed by a note of how many changes and rows there are now, before
the transaction is acknowledged. A process that dies between the two leaves a note that says less than there
is, which is never an alarm. The note is synced at most once a second: a power loss may take the last second
of it, and it would take a damaged log too for that to matter.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from arcli.files import sync

_BYTES = 512  # one sector: written whole or not at all
_SYNC_EVERY = 1.0  # seconds: one sync takes as long as the commit itself, 4 to 8 ms


@dataclass(frozen=True, slots=True)
class Progress:
    """A number that grows with each change that is acknowledged, and how many rows there are."""

    changes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Note:
    """What a witness knows: the progress, and what was missing when it was compared before."""

    changes: int
    rows: int
    lost_changes: int = 0
    lost_rows: int = 0

    def missing(self, found: Progress) -> Note | None:
        """Return this note with what `found` lacks among the losses; None when nothing ever was lost."""
        behind = max(self.changes - found.changes, 0)
        fewer = max(self.rows - found.rows, 0) if behind else 0
        known = replace(self, lost_changes=self.lost_changes + behind, lost_rows=self.lost_rows + fewer)
        return known if known.lost_changes else None


class Witness:
    """The note beside the database at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.count")
        self._synced = -_SYNC_EVERY
        self._owing = False

    def read(self) -> Note | None:
        """Return what was noted; None where nothing was, or it cannot be read."""
        try:
            text, _, digest = self.path.read_bytes().rstrip(b" \n").rpartition(b" ")
            if int(digest, 16) != zlib.crc32(text):
                return None
            return Note(**json.loads(text))
        except (OSError, ValueError, TypeError):
            return None

    def is_damaged(self) -> bool:
        """Say whether there is a note that cannot be read."""
        return self.path.exists() and self.read() is None

    def advance(self, before: Progress, after: Progress) -> None:
        """Note what a transaction, which began at `before`, has committed. Its writer holds the lock.

        What was lost before it began stays noted. Raises nothing: what is committed is committed.
        """
        known = self.read()
        lost = known.missing(before) if known else None
        note = Note(after.changes, after.rows)
        if lost is not None:
            note = replace(note, lost_changes=lost.lost_changes, lost_rows=lost.lost_rows)
        self._write(note)

    def forget(self, present: Progress) -> None:
        """Take `present` as it is: what was lost is known by now."""
        self._write(Note(present.changes, present.rows))

    def close(self) -> None:
        """Bring to the medium what is not there yet."""
        if self._owing:
            with suppress(OSError):
                sync(self.path)
            self._owing = False

    def _write(self, note: Note) -> None:
        text = json.dumps(asdict(note)).encode()
        data = b"%s %08x" % (text, zlib.crc32(text))
        with suppress(OSError):
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                os.pwrite(handle, data.ljust(_BYTES - 1) + b"\n", 0)
                self._owing = time.monotonic() - self._synced < _SYNC_EVERY
                if not self._owing:
                    os.fdatasync(handle)
                    self._synced = time.monotonic()
            finally:
                os.close(handle)
