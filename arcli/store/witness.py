"""The progress of a database, recorded outside it, so that a log that was cut or changed is noticed.

SQLite uses a write-ahead log up to the first frame with a wrong checksum, and silently drops what comes after
it. So after each commit, before the transaction is acknowledged, a note records how many changes and rows
there are. A process that dies between the two leaves a note with less than there is, which is never an alarm.
The note is synced at most once a second: a power loss may lose the last second of it, which matters only if
the log is damaged too.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from arcli.store.connections import STORE
from arcli.system import PRIVATE, sync, sync_content, write_at_start

_BYTES = 512  # one sector: written completely or not at all


@dataclass(frozen=True, slots=True)
class Progress:
    """A number that grows with each acknowledged change, and the number of rows."""

    changes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Note:
    """The content of a witness: the progress, and what was missing when it was compared earlier."""

    changes: int
    rows: int
    lost_changes: int = 0
    lost_rows: int = 0

    def missing(self, found: Progress) -> Note | None:
        """Return this note, counting what `found` lacks as lost; None if nothing was ever lost."""
        behind = max(self.changes - found.changes, 0)
        fewer = max(self.rows - found.rows, 0) if behind else 0
        known = replace(self, lost_changes=self.lost_changes + behind, lost_rows=self.lost_rows + fewer)
        return known if known.lost_changes else None


class Witness:
    """The note next to the database at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.count")
        self._synced = -STORE.witness_synced
        self._owing = False

    def read(self) -> Note | None:
        """Return the note; None if there is none, or it cannot be read."""
        try:
            text, _, digest = self.path.read_bytes().rstrip(b" \n").rpartition(b" ")
            if int(digest, 16) != zlib.crc32(text):
                return None
            return Note(**json.loads(text))
        except (OSError, ValueError, TypeError):
            return None

    def is_damaged(self) -> bool:
        """Say whether there is an unreadable note; an empty one was never written to."""
        try:
            return bool(self.path.read_bytes().strip(b"\0")) and self.read() is None
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def advance(self, before: Progress, after: Progress) -> None:
        """Record what a transaction, which began at `before`, has committed. Its writer holds the lock.

        Earlier losses stay recorded. Raises nothing: what is committed is committed.
        """
        known = self.read()
        lost = known.missing(before) if known else None
        note = Note(after.changes, after.rows)
        if lost is not None:
            note = replace(note, lost_changes=lost.lost_changes, lost_rows=lost.lost_rows)
        self._write(note)

    def forget(self, present: Progress) -> None:
        """Accept `present` as it is: losses are known by now."""
        self._write(Note(present.changes, present.rows))

    def close(self) -> None:
        """Sync what is not yet on disk."""
        if self._owing:
            with suppress(OSError):
                sync(self.path)
            self._owing = False

    def _write(self, note: Note) -> None:
        text = json.dumps(asdict(note)).encode()
        data = b"%s %08x" % (text, zlib.crc32(text))
        with suppress(OSError):
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | PRIVATE, 0o666)
            try:
                write_at_start(handle, data.ljust(_BYTES - 1) + b"\n")
                self._owing = time.monotonic() - self._synced < STORE.witness_synced
                if not self._owing:
                    sync_content(handle)
                    self._synced = time.monotonic()
            finally:
                os.close(handle)
