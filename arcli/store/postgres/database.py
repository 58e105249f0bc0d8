"""Connections to one PostgreSQL database, kept between transactions; its errors as our own.

psycopg is imported here alone. A connection that broke while it was idle (the server was restarted) is
replaced before anything is sent over it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from arcli.errors import (
    ArcliError,
    DataDamaged,
    DataTooNew,
    Deadlock,
    DiskFull,
    Locked,
    NotSupported,
    ShellHint,
    StorageNotWritable,
    TimedOut,
    Unreachable,
    UsageError,
    WrongCredentials,
    extra_hint,
)

SCHEMA = "arcli"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresOptions:
    """connect_seconds (1 to 60): for one connection. lock_ms (1,000 to 120,000): that a statement waits for
    another transaction. idle_ms (10,000 to 600,000): after which the server ends a transaction whose process
    says nothing any more, so that a hung client keeps nobody waiting. kept (1 to 64): idle connections of a
    process. silent_seconds (5 to 120): without a sign of life, a connection counts as broken; answer_seconds
    (more than lock_ms): without an answer to a statement, long_seconds (600 to 86,400): to one that changes
    all of a channel. partitions (4 to 64): of each large table; a vacuum takes one at a time. copy_bytes (1
    to 64 MB): of features and pictures that a transaction holds before it writes them. forget_share (0.001 to
    1): of the uses of a nonce also drop what is too old, and of the reports of failed attempts.
    failure_seconds (60 to 3,600): that these are kept, for servers that start. reports (500 to 50,000): of
    other servers, read at a time; more than that in some seconds is an attack that every server sees anyway.
    All chosen.
    """

    connect_seconds: int = 5
    lock_ms: int = 30_000
    idle_ms: int = 120_000
    kept: int = 16
    silent_seconds: int = 20
    answer_seconds: float = 40.0
    long_seconds: float = 3600.0
    partitions: int = 16
    copy_bytes: int = 16 << 20
    forget_share: float = 0.02
    failure_seconds: float = 600.0
    reports: int = 5_000


POSTGRES = PostgresOptions()


class Connection:
    """A connection inside a transaction. `execute` takes `?` for a value, as sqlite3; `raw` is psycopg's."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        """Run one statement and return its cursor; values are bound by the client."""
        from psycopg import ClientCursor

        return ClientCursor(self.raw).execute(_marks(sql), tuple(parameters))

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> Any:
        """Run one statement for each of several tuples of values, in one round trip."""
        cursor = self.raw.cursor()
        cursor.executemany(_marks(sql), [tuple(values) for values in parameters])
        return cursor


def _marks(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


class PostgresDatabase:
    """One database, by its DSN (a URI or key=value pairs). Threads may share it; close it when done."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._idle: list[Any] = []
        self._guard = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Close what is idle now, and the rest when it is given back."""
        with self._guard:
            self._closed, idle, self._idle = True, self._idle, []
        for raw in idle:
            raw.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Hold a snapshot: nothing that others commit meanwhile is seen. Raises Unreachable."""
        with self._taken(read_only=True) as raw:
            yield Connection(raw)

    @contextmanager
    def write(self, *, long: bool = False) -> Iterator[Connection]:
        """Hold a transaction: durable when the block has ended, void if it raises.

        long: a statement may take an hour, since it changes a whole channel or table. Raises Unreachable,
        Locked, StorageNotWritable, DiskFull.
        """
        with self._taken(read_only=False) as raw:
            if long:
                raw.answer_seconds = POSTGRES.long_seconds
            yield Connection(raw)

    @contextmanager
    def _taken(self, *, read_only: bool) -> Iterator[Any]:
        with translated():
            import psycopg

            raw = self._take()
            try:
                raw.read_only = read_only
                level = psycopg.IsolationLevel
                raw.isolation_level = level.REPEATABLE_READ if read_only else level.READ_COMMITTED
                with raw.transaction():
                    yield raw
            finally:
                self._give_back(raw)

    def _take(self) -> Any:
        """Return a connection that works: an idle one that answers, or a new one."""
        import psycopg

        while True:
            with self._guard:
                raw = self._idle.pop() if self._idle else None
            if raw is None:
                return self.connect()
            try:
                raw.answer_seconds = POSTGRES.connect_seconds
                raw.execute("SELECT 1")
            except psycopg.Error:
                raw.close()
            else:
                raw.answer_seconds = POSTGRES.answer_seconds
                return raw

    def _give_back(self, raw: Any) -> None:
        from psycopg.pq import TransactionStatus

        if raw.info.transaction_status == TransactionStatus.IDLE:
            with self._guard:
                if not self._closed and len(self._idle) < POSTGRES.kept:
                    self._idle.append(raw)
                    return
        raw.close()

    def connect(self) -> Any:
        """Open a connection of psycopg's (autocommit) that the caller closes. Raises psycopg.Error."""
        try:
            import psycopg
            from psycopg.conninfo import conninfo_to_dict
        except ImportError as error:
            raise NotSupported(f"a cluster needs psycopg: {error}", hint=extra_hint("cluster")) from error
        try:
            given = conninfo_to_dict(self.dsn)
        except psycopg.Error as error:
            raise UsageError(f"the DSN of PostgreSQL cannot be read: {_line(error)}") from error
        settings = {
            "connect_timeout": POSTGRES.connect_seconds,
            "application_name": "arcli",
            "keepalives_idle": POSTGRES.silent_seconds,
            "tcp_user_timeout": POSTGRES.silent_seconds * 1000,
            "client_encoding": "utf8",
            **given,
        }
        ours = (
            f"-c search_path={SCHEMA} -c lock_timeout={POSTGRES.lock_ms}"
            f" -c idle_in_transaction_session_timeout={POSTGRES.idle_ms}"
        )
        settings["options"] = f"{given.get('options') or ''} {ours}".strip()
        raw = _connection_class().connect(autocommit=True, **settings)
        raw.answer_seconds = POSTGRES.answer_seconds
        return raw


@cache
def _connection_class() -> Any:
    """Return psycopg's connection with a limit on how long one statement waits for its answer.

    A server that was stopped, or a network that lost it, keeps TCP alive and never answers; the server's own
    limits do not help then.
    """
    import psycopg

    class LimitedConnection(psycopg.Connection[Any]):  # type: ignore[misc]  # Any without it
        answer_seconds: float

        def wait(self, gen: Any, *args: Any, **more: Any) -> Any:
            return super().wait(self._limited(gen), *args, **more)

        def _limited(self, gen: Any) -> Generator[Any, Any, Any]:
            """Run what psycopg waits in; it is asked ten times a second while no answer comes."""
            end = time.monotonic() + self.answer_seconds
            try:
                wanted = next(gen)
                while True:
                    ready = yield wanted
                    if not ready and time.monotonic() > end:
                        self.close()
                        raise psycopg.OperationalError(f"no answer in {self.answer_seconds:g} s")
                    wanted = gen.send(ready)
            except StopIteration as ended:
                return ended.value

    return LimitedConnection


@contextmanager
def translated() -> Iterator[None]:
    """Raise psycopg's errors as our own."""
    try:
        import psycopg
    except ImportError as error:
        raise NotSupported(f"a cluster needs psycopg: {error}", hint=extra_hint("cluster")) from error
    try:
        yield
    except psycopg.Error as error:
        raise of_postgres(error) from error


def of_postgres(error: Any) -> ArcliError:
    """Return our error for one of psycopg's: by SQLSTATE, or by what libpq says where no server answered."""
    state, text = error.sqlstate or "", _line(error)
    for start, kind, message, hint in _STATES:
        if state.startswith(start):
            return kind(f"{message}: {text}", hint=hint)
    if "authentication failed" in text or "no password supplied" in text:
        return WrongCredentials(f"PostgreSQL refuses the DSN's user: {text}", hint=_PGPASS)
    if "does not exist" in text:
        return UsageError(f"PostgreSQL: {text}", hint="create the database first: createdb NAME")
    import psycopg

    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return Unreachable(f"PostgreSQL cannot be reached: {text}", hint=_RUNNING)
    return DataDamaged(f"PostgreSQL: {text}", hint=ShellHint("arcli doctor names what is wrong"))


_RUNNING = "is it running? The DSN names its host and port"
_PGPASS = "keep the password in ~/.pgpass, or in PGPASSWORD"
_AGAIN = "run the command again"
_STATES: tuple[tuple[str, type[ArcliError], str, str], ...] = (
    ("28", WrongCredentials, "PostgreSQL refuses the DSN's user", _PGPASS),
    ("3D000", UsageError, "PostgreSQL has no such database", "create it first: createdb NAME"),
    ("40", Deadlock, "PostgreSQL: another transaction was in the way", _AGAIN),
    ("55P03", Locked, "PostgreSQL: others have held a lock for too long", _AGAIN),
    ("57014", TimedOut, "PostgreSQL gave up a statement", _AGAIN),
    ("57", Unreachable, "PostgreSQL is stopping or starting", _AGAIN),
    ("08", Unreachable, "the connection to PostgreSQL is gone", _AGAIN),
    ("25P03", Unreachable, "PostgreSQL ended a transaction that was idle", _AGAIN),
    ("25006", StorageNotWritable, "this PostgreSQL is read-only", "the DSN must name the primary"),
    ("42501", StorageNotWritable, "the DSN's user may not do this", "it must own the schema arcli"),
    ("53100", DiskFull, "PostgreSQL's disk is full", "free some space on its machine"),
    (
        "53300",
        Unreachable,
        "PostgreSQL has no connection left",
        "raise max_connections",
    ),
    ("53", Unreachable, "PostgreSQL has too few resources", _AGAIN),
)


def _line(error: BaseException) -> str:
    """Return what an error says, on one line, without what a DSN may hold of secrets."""
    return " ".join(str(error).split())[:300]


def too_new(format_number: int, known: int) -> DataTooNew:
    """Return the error for tables of a later arcli."""
    return DataTooNew(
        f"the tables in PostgreSQL have format {format_number}, this arcli knows {known}",
        hint="use the arcli that upgraded them, or a newer one",
    )


@contextmanager
def closing_quietly(raw: Any) -> Iterator[Any]:
    """Close a connection in the end, whatever state it is in."""
    try:
        yield raw
    finally:
        with suppress(Exception):
            raw.close()
