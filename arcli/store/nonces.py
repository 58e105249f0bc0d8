"""Nonces that signed requests used: each counts once, over all processes of a data folder.

They are in a database of their own: a request takes neither the catalog's lock nor an fsync. A power loss
loses at most the nonces of the last moments before it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from arcli.errors import ArcliError, StorageNotWritable
from arcli.store.database import Database
from arcli.store.schema import NONCES
from arcli.system import uptime

NONCES_FILE = "nonces.sqlite"
NONCE_MEMORY = 900.0  # seconds; longer than the 600 in which a signed request can be valid
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FORGET = """
DELETE FROM nonces WHERE seen < :now - :memory
AND :uptime - CASE WHEN boot = :boot THEN uptime ELSE 0 END > :memory
"""


class Nonces:
    """The nonces of a data folder. Threads and processes may share them; close it when done."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / NONCES_FILE
        self.database = Database(path, NONCES, missing=lambda: _gone(path), synchronous="NORMAL")

    def close(self) -> None:
        self.database.close()

    def first_use(self, *, secret_id: str, nonce: str, now: float) -> bool:
        """Record a nonce; False when any process recorded it before. `now`: Unix seconds.

        One is forgotten when both the clock and the time since the machine started say that it is old: a
        clock that jumps ahead and back makes none usable again.
        """
        if not self.database.exists():
            self.database.create()
        age = {"now": now, "memory": NONCE_MEMORY, "boot": _boot(), "uptime": uptime()}
        with self.database.read():
            pass  # an idle reader: else closing the writer would checkpoint, and wait for the disk
        with self.database.write() as connection:
            connection.execute(_FORGET, age)
            values = (secret_id, nonce, now, age["boot"], age["uptime"])
            try:
                connection.execute("INSERT INTO nonces VALUES (?, ?, ?, ?, ?)", values)
            except sqlite3.IntegrityError:
                return False
        return True


def _boot() -> str:
    """Return an identifier of the machine's present boot; empty if the system has none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _gone(path: Path) -> ArcliError:
    return StorageNotWritable(f"{path} is gone", item=str(path))
