"""The audit trail: who changed accounts and channels, when and how; written with the change."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from arcli.models import AuditEntry
from arcli.store.connections import STORE
from arcli.store.rows import SqlConnection, now

_acting: ContextVar[str | None] = ContextVar("acting", default=None)


@contextmanager
def acting_as(who: str) -> Iterator[None]:
    """Attribute the changes made inside to `who`: for a server, an account and its key."""
    token = _acting.set(who)
    try:
        yield
    finally:
        _acting.reset(token)


def note(connection: SqlConnection, what: str, subject: str, **details: object) -> None:
    """Write one entry. `details` must hold no secret."""
    details_text = json.dumps(
        {name: value for name, value in details.items() if value is not None}, default=str
    )
    connection.execute(
        "INSERT INTO audit (at, who, what, subject, details) VALUES (?, ?, ?, ?, ?)",
        (now(), _acting.get() or _operator(), what, subject, details_text),
    )
    too_old = "DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?"
    connection.execute(too_old, (STORE.audit_entries,))


def entries(connection: SqlConnection, *, subject: str | None, limit: int) -> list[AuditEntry]:
    """Return the latest `limit` entries about one account or channel (None: any), the oldest first."""
    rows = connection.execute(
        "SELECT at, who, what, subject, details FROM audit WHERE ? IS NULL OR subject = ?"
        " ORDER BY number DESC LIMIT ?",
        (subject, subject, min(limit, sys.maxsize)),
    ).fetchall()
    return [
        AuditEntry(at=at, who=who, what=what, subject=subject, details=json.loads(details))
        for at, who, what, subject, details in reversed(rows)
    ]


def _operator() -> str:
    """Return the user at this machine, by name, or by number where there is no name."""
    name = ""
    with suppress(OSError, KeyError, ImportError):
        name = getpass.getuser()
    return f"local:{name or 'unknown'}"
