"""The audit trail: who changed accounts and channels, when and how; written with the change."""

from __future__ import annotations

import getpass
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from arcli.models import AuditEntry
from arcli.store.rows import now

MOST_ENTRIES = 100_000  # the oldest go first: some 20 MB
_acting: ContextVar[str | None] = ContextVar("acting", default=None)


@contextmanager
def acting_as(who: str) -> Iterator[None]:
    """Changes made inside are those of `who`: an account and its key, for a server."""
    token = _acting.set(who)
    try:
        yield
    finally:
        _acting.reset(token)


def note(connection: sqlite3.Connection, what: str, subject: str, **details: object) -> None:
    """Write one entry. `details` hold no secret."""
    details_text = json.dumps(
        {name: value for name, value in details.items() if value is not None}, default=str
    )
    connection.execute(
        "INSERT INTO audit (at, who, what, subject, details) VALUES (?, ?, ?, ?, ?)",
        (now(), _acting.get() or _operator(), what, subject, details_text),
    )
    too_old = "DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?"
    connection.execute(too_old, (MOST_ENTRIES,))


def entries(connection: sqlite3.Connection, *, subject: str | None, limit: int) -> list[AuditEntry]:
    """Return the latest `limit` entries, of one account or channel or of all, the oldest first."""
    rows = connection.execute(
        "SELECT at, who, what, subject, details FROM audit WHERE ? IS NULL OR subject = ?"
        " ORDER BY number DESC LIMIT ?",
        (subject, subject, limit),
    ).fetchall()
    return [
        AuditEntry(at=at, who=who, what=what, subject=subject, details=json.loads(details))
        for at, who, what, subject, details in reversed(rows)
    ]


def _operator() -> str:
    """Return who is at the machine; a user without a name has a number."""
    name = ""
    with suppress(OSError, KeyError, ImportError):
        name = getpass.getuser()
    return f"local:{name or 'unknown'}"
