"""One SQLite database shared by several processes: snapshots for readers, one writer at a time.

Every writer, and with it every checkpoint, holds the lock of a file beside the database. SQLite up to
3.51.2 can lose pages when one connection checkpoints while another resets the write-ahead log
(sqlite.org/wal.html, "The WAL-reset bug"); with `wal_autocheckpoint=0` and this lock no two do. Readers
open with mode=ro, so that closing them cannot checkpoint. The writer's connection lives as long as the lock.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from arcli.errors import ArcliError, DataDamaged, DiskFull, StorageNotWritable
from arcli.files import FolderGone, built_aside, file_lock, of_os
from arcli.store.checksums import seal
from arcli.store.connections import PATIENCE, Patience, Readers, open_connection
from arcli.store.faults import translated
from arcli.store.migrations import Schema, format_of, migrate
from arcli.store.witness import Note, Progress, Witness
from arcli.system import sync
from arcli.timings import phase

PAGE_SIZE = 8192  # features are 22-29 kB: three or four pages instead of seven
_INCREMENTAL = 2  # what SQLite answers to PRAGMA auto_vacuum


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """How large the write-ahead log grows.

    target (1 to 64 MB): from there on a commit checkpoints. limit (target to 256 MB): from there on the
    checkpoint waits `patience` milliseconds (100 to 10,000) for readers to move on; a find takes about 100.
    pages (16 to 8192, of 8 KiB): how many `shrink` gives back at a time before it empties the log.
    """

    target: int = 4 << 20
    limit: int = 16 << 20
    patience: int = 1000
    pages: int = 512


LOG = LogOptions()


class Database:
    """The database at `path`, written under the lock of `<path>.lock`. Close it when done."""

    def __init__(
        self,
        path: Path,
        schema: Schema,
        *,
        missing: Callable[[], ArcliError],
        synchronous: str = "FULL",
        patience: Patience = PATIENCE,
    ) -> None:
        self.path = path
        self.schema = schema
        self._missing = missing
        self._synchronous = synchronous
        self._patience = patience
        self._readers = Readers(path, patience)
        self.witness = Witness(path)
        self._wrote = False
        self._checkpoint_from = LOG.target

    @property
    def lock_path(self) -> Path:
        return self.path.with_name(self.path.name + ".lock")

    @property
    def log_path(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    def exists(self) -> bool:
        """Say whether the file is there. Raises StorageNotWritable when that cannot be determined."""
        try:
            return self.path.exists()
        except OSError as error:
            raise of_os(self.path, error) from error

    def create(
        self, fill: Callable[[sqlite3.Connection], None] | None = None, *, timeout: float | None = None
    ) -> None:
        """Make the database with its tables and what `fill` writes, unless it exists.

        It is built aside and renamed, so that it is never seen half built.
        """
        with self._locked(self._patience.writer if timeout is None else timeout):
            if not self.exists():
                self._create(fill)

    def _create(self, fill: Callable[[sqlite3.Connection], None] | None) -> None:
        try:
            with (
                built_aside(self.path) as aside,
                translated(self.path),
                contextlib.closing(open_connection(aside, "mode=rwc")) as connection,
            ):
                self.build(connection, fill)
            self.witness.path.unlink(missing_ok=True)  # of one that was there before
        except OSError as error:
            raise of_os(self.path, error) from error

    def build(
        self, connection: sqlite3.Connection, fill: Callable[[sqlite3.Connection], None] | None
    ) -> None:
        """Make the tables in an empty file, and what `fill` writes."""
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # so that `shrink` can give space back
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection, self.schema, self.path)
        if fill is not None:
            connection.execute("BEGIN IMMEDIATE")
            fill(connection)
            seal(connection, self.schema.sealed)
            connection.execute("COMMIT")
        # Closing does so too, but says nothing where it fails: the file would get its name without its pages.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Hold one read transaction: a snapshot that no writer changes. Never waits for writers."""
        with translated(self.path):
            connection, inode = self._reader()
            try:
                connection.execute("BEGIN")
                self._expect_present_format(connection)
                yield connection
            finally:
                self._readers.give_back(connection, inode)

    def _reader(self) -> tuple[sqlite3.Connection, int]:
        try:
            return self._readers.take()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._missing() from error
        except OSError as error:
            raise of_os(self.path, error) from error

    def _expect_present_format(self, connection: sqlite3.Connection) -> None:
        """Migrate an older database, once, if it may be written."""
        number = self.format_of(connection)
        if number == self.schema.format:
            return
        connection.rollback()
        try:
            with self.write():
                pass
        except (StorageNotWritable, DiskFull) as error:
            if self.schema.readable is not None and number >= self.schema.readable:
                connection.execute("BEGIN")
                return
            message = f"{self.path} has the old format {number}"
            hint = "run arcli once as a user who may write there: it is upgraded at first use"
            raise StorageNotWritable(message, hint=hint, item=str(self.path)) from error
        connection.execute("BEGIN")

    def format_of(self, connection: sqlite3.Connection) -> int:
        """Return the number of the format. Raises DataTooNew, DataDamaged."""
        number = format_of(connection, self.schema, self.path)
        if number == 0:
            raise DataDamaged(f"{self.path} is empty", item=str(self.path))
        return number

    @contextmanager
    def excluded(self, *, timeout: float | None = None) -> Iterator[None]:
        """Keep every writer out.

        Raises Locked after `timeout` seconds (None: those of its patience), StorageNotWritable.
        """
        if not self.exists():
            raise self._missing()
        with self._locked(self._patience.writer if timeout is None else timeout):
            if not self.exists():  # it was removed while we waited
                raise self._missing()
            yield

    @contextmanager
    def _locked(self, timeout: float) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(file_lock(self.lock_path, timeout=timeout, waiting=partial(phase, "wait")))
            except FolderGone as error:
                raise self._missing() from error
            yield

    def set_aside(self) -> Path:
        """Rename a damaged database and its log, so that a new one can be made; return the new path."""
        aside = self.path.with_name(f"{self.path.name}.damaged-{secrets.token_hex(4)}")
        with self.excluded():
            self.close()
            try:
                self.path.rename(aside)
                if self.log_path.exists():
                    self.log_path.rename(aside.with_name(aside.name + "-wal"))
                sync(self.path.parent)
            except OSError as error:
                raise of_os(self.path, error) from error
        return aside

    @contextmanager
    def write(self, *, timeout: float | None = None) -> Iterator[sqlite3.Connection]:
        """Hold one write transaction; it is durable when the block has ended, and void if it raises.

        Raises Locked after `timeout` seconds (None: those of its patience), StorageNotWritable, DiskFull.
        """
        timeout = self._patience.writer if timeout is None else timeout
        with self.excluded(timeout=timeout), translated(self.path):
            if not os.access(self.path, os.W_OK):
                raise StorageNotWritable(f"{self.path}: permission denied", item=str(self.path))
            with contextlib.closing(self._writer()) as connection:
                self.format_of(connection)
                migrate(connection, self.schema, self.path)
                connection.execute(f"PRAGMA busy_timeout = {int(1000 * timeout)}")  # those without our lock
                connection.execute("BEGIN IMMEDIATE")
                try:
                    before = self._progress(connection)
                    yield connection
                    seal(connection, self.schema.sealed)
                    after = self._progress(connection)
                    connection.execute("COMMIT")
                except BaseException:
                    connection.rollback()
                    raise
                self._wrote = True
                if before is not None and after is not None and before != after:
                    self.witness.advance(before, after)
                self._checkpoint_if_large(connection)

    def _progress(self, connection: sqlite3.Connection) -> Progress | None:
        """Return how many changes and rows the database has; None for a kind without a witness."""
        if self.schema.progress is None:
            return None
        changes, rows = connection.execute(self.schema.progress).fetchone() or (0, 0)
        return Progress(changes or 0, rows or 0)

    def lost(self) -> Note | None:
        """Return what is missing although the witness says that it was acknowledged; None if nothing is."""
        note = self.witness.read()  # first: a commit between this and the snapshot is no loss
        if note is None or self.schema.progress is None:
            return None
        with self.read() as connection:
            found = self._progress(connection)
        return note.missing(found) if found is not None else None

    def accept_loss(self) -> None:
        """Forget a loss that was reported: from now on the database is taken as it is."""
        with self.write() as connection:
            found = self._progress(connection)
            if found is not None:
                self.witness.forget(found)

    def checkpoint(self) -> None:
        """Move the log into the database, so that the log's space serves the next writer."""
        with self.excluded(), translated(self.path), contextlib.closing(self._writer()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def shrink(self) -> None:
        """Give the space of removed targets back to the file system, some megabytes at a time.

        A database that an earlier arcli made is rewritten once, which needs as much free space as its size.
        Raises Locked, StorageNotWritable, DiskFull.
        """
        with self.read() as reader:  # whoever has nothing to give back keeps no writer waiting
            incremental = reader.execute("PRAGMA auto_vacuum").fetchone()[0] == _INCREMENTAL
            if incremental and not reader.execute("PRAGMA freelist_count").fetchone()[0]:
                return
        with self.excluded(), translated(self.path), contextlib.closing(self._writer()) as connection:
            if connection.execute("PRAGMA auto_vacuum").fetchone()[0] != _INCREMENTAL:
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1)  # VACUUM attaches what it writes to
                connection.execute("VACUUM")
            while connection.execute("PRAGMA freelist_count").fetchone()[0]:
                # As a script: `execute` stops after one page, and says nothing where the commit fails.
                connection.executescript(f"BEGIN IMMEDIATE; PRAGMA incremental_vacuum({LOG.pages}); COMMIT")
                if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    break  # somebody still reads the old state: the rest is left for the next time
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._wrote = True

    def _checkpoint_if_large(self, connection: sqlite3.Connection) -> None:
        """Move the log into the database when it has grown; what is committed is safe if that fails."""
        with contextlib.suppress(sqlite3.Error, OSError):
            size = self.log_path.stat().st_size
            if size < self._checkpoint_from:
                return
            connection.execute(f"PRAGMA busy_timeout = {LOG.patience if size > LOG.limit else 0}")
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            self._checkpoint_from = size + LOG.target if busy else LOG.target

    def close(self) -> None:
        """Close what is idle, and the rest when its reader has finished.

        A writer that is the last to leave empties the log into the database.
        """
        self._readers.close()
        self.witness.close()
        if self._wrote and self._synchronous == "FULL":
            with contextlib.suppress(ArcliError, sqlite3.Error), self.excluded(timeout=0):
                self._writer().close()  # opening reads the log, closing then empties it

    def _writer(self) -> sqlite3.Connection:
        return open_connection(self.path, "mode=rw", synchronous=self._synchronous)
