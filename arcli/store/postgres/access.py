"""Accounts, rights, counts and nonces in PostgreSQL: common to all servers of a cluster.

The servers' own secrets (what keys the digests of imported secrets, and the key that signs Tupu answers) are
in the database too, since every server needs the same ones.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from arcli.store.accounts import Accounts
from arcli.store.counts import Count, Counts, Increments, page_of
from arcli.store.gatekeeper import CatalogGatekeeper
from arcli.store.nonces import NONCE_MEMORY
from arcli.store.postgres.catalog import PostgresCatalog, secret_in
from arcli.store.postgres.database import POSTGRES, PostgresDatabase
from arcli.store.protocols import FailedAttempts
from arcli.store.secret_keys import PEPPER_FILE, new_pepper


class PostgresAccounts(Accounts):
    """The AccountAdmin of a cluster. Close it when done."""

    def __init__(self, dsn: str) -> None:
        self._catalog = PostgresCatalog(dsn)

    def _pepper(self, connection: Any) -> bytes:
        return secret_in(connection, PEPPER_FILE, new_pepper)


class PostgresGatekeeper(CatalogGatekeeper):
    """The Gatekeeper of a cluster. Close it when done."""

    keys_sql = """
    SELECT key_id, kind, digest, scope, channels, rate FROM keys
    WHERE username = ? AND revoked IS NULL AND (expires IS NULL OR expires > ?)
    """
    rights_sql = """
    SELECT c.owner, g.scope FROM channels AS c
    LEFT JOIN grants AS g ON g.channel = c.name AND g.username = ? WHERE c.name = ?
    """
    usable_sql = """
    SELECT name, 1, NULL FROM channels WHERE owner = ?
    UNION ALL SELECT channel, 0, scope FROM grants WHERE username = ?
    """
    binding_sql = "SELECT secret_id, username, channels, public_key FROM bindings WHERE secret_id = ?"

    def __init__(self, dsn: str) -> None:
        catalog = PostgresCatalog(dsn)
        pepper = catalog.secret(PEPPER_FILE, new_pepper)
        self._begin(catalog, PostgresNonces(catalog.database), pepper)


class PostgresNonces:
    """The nonces that signed requests used, over all servers of the cluster."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def close(self) -> None:
        """The database belongs to the catalog, which closes it."""

    def first_use(self, *, secret_id: str, nonce: str, now: float) -> bool:
        """Record a nonce; False when any server recorded it before.

        The database's clock says when one may be forgotten, not a server's: `now` is not needed.
        """
        del now
        with self._database.write() as connection:
            if random.random() < POSTGRES.forget_share:  # noqa: S311 - no secret
                old = "DELETE FROM nonces WHERE seen < now() - make_interval(secs => ?)"
                connection.execute(old, (2 * NONCE_MEMORY,))
            insert = "INSERT INTO nonces VALUES (?, ?, now()) ON CONFLICT DO NOTHING"
            return int(connection.execute(insert, (secret_id, nonce)).rowcount) > 0


class PostgresFailures:
    """Failed attempts, told to all servers of the cluster; kept for some minutes. Close it when done."""

    def __init__(self, dsn: str) -> None:
        self._catalog = PostgresCatalog(dsn)

    def close(self) -> None:
        self._catalog.close()

    def exchange(
        self, server: str, failed: Mapping[tuple[str, str], int], *, seconds: float
    ) -> Sequence[FailedAttempts]:
        """Do what `FailureLog.exchange` does; the newest reports first, at most POSTGRES.reports."""
        self._catalog.make()
        if failed:
            with self._catalog.database.write() as connection:
                rows = [(server, *key, times) for key, times in failed.items()]
                connection.executemany(_REPORT, rows)
                if random.random() < POSTGRES.forget_share:  # noqa: S311 - no secret
                    connection.execute(_FORGET, (POSTGRES.failure_seconds,))
        values = (server, min(seconds, POSTGRES.failure_seconds), POSTGRES.reports)
        with self._catalog.database.read() as connection:
            return [FailedAttempts(*row) for row in connection.execute(_REPORTS, values).fetchall()]


_REPORT = "INSERT INTO failures (server, bucket, key, times) VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM failures WHERE at < now() - make_interval(secs => ?)"
_REPORTS = """
SELECT number, bucket, key, times, greatest(0, extract(epoch FROM clock_timestamp() - at))::float8
FROM failures WHERE server <> ? AND at >= now() - make_interval(secs => ?) ORDER BY at DESC LIMIT ?
"""


class PostgresCounts(Counts):
    """The match counts of a channel: gathered in memory as on SQLite, written by `flush`."""

    def __init__(self, database: PostgresDatabase, number: int) -> None:
        self._database, self._number = database, number
        self._pending: Counter[tuple[dt.date, str]] = Counter()
        self._guard, self._flushing = threading.Lock(), threading.Lock()

    def close(self) -> None:
        """What is pending is lost: flush first."""

    def _sync_now_and_then(self) -> None:
        """PostgreSQL syncs each commit."""

    def add(self, increments: Increments, *, timeout: float = 0.0) -> None:  # noqa: ARG002 - lock_timeout holds
        """Add to the counts, always in the same order, so that no two servers wait for each other."""
        add = (
            "INSERT INTO counts (channel, day, identifier, count) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (channel, day, identifier) DO UPDATE SET count = counts.count + excluded.count"
        )
        rows = [(self._number, day, name, number) for (day, name), number in sorted(increments.items())]
        with self._changing() as connection:
            connection.executemany(add, rows)

    @contextmanager
    def _changing(self) -> Iterator[Any]:
        with self._database.write() as connection:
            connection.raw.execute("SET LOCAL synchronous_commit = off")  # a crash may lose the last second
            yield connection

    def read(
        self,
        start: dt.date,
        end: dt.date,
        identifier: str | None = None,
        *,
        after: tuple[dt.date, str] | None = None,
        limit: int | None = None,
    ) -> list[Count]:
        rest, values = page_of(identifier, after, limit)
        select = f"SELECT day, identifier, count FROM counts WHERE channel = ? AND day BETWEEN ? AND ?{rest}"  # noqa: S608
        with self._database.read() as connection:
            rows = connection.execute(select, (self._number, start, end, *values)).fetchall()
        return [Count(day, name, int(number)) for day, name, number in rows]

    def knows(self, identifier: str) -> bool:
        select = "SELECT 1 FROM counts WHERE channel = ? AND identifier = ? LIMIT 1"
        with self._database.read() as connection:
            return connection.execute(select, (self._number, identifier)).fetchone() is not None
