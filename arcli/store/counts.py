"""How often a channel's targets were found, by UTC day, in `counts.sqlite` beside its store.

Finding only adds to memory; `flush` writes when it can get the lock at once. Counts outlive their targets. A
crash may lose counts that were not flushed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from arcli.errors import ArcliError, ChannelNotFound, DataDamaged, Locked, StorageNotWritable
from arcli.store.checksums import of_columns
from arcli.store.connections import STORE
from arcli.store.database import Database
from arcli.store.schema import COUNTS
from arcli.system import sync

COUNTS_FILE = "counts.sqlite"
MATCHED = "*"  # photos that showed at least one target; neither name is a valid identifier
MISSED = ""  # photos that showed none

_ADD = f"""
INSERT INTO counts (day, identifier, count, crc32)
VALUES (:day, :identifier, :count, {of_columns((":day", ":identifier", ":count"))})
ON CONFLICT (day, identifier) DO UPDATE SET count = count + excluded.count,
crc32 = {of_columns(("day", "identifier", "(count + excluded.count)"))}
"""  # noqa: S608 - constants

Increments = Mapping[tuple[dt.date, str], int]


@dataclass(frozen=True, slots=True)
class Count:
    """How often `identifier` (or MATCHED, MISSED) was counted on `day`."""

    day: dt.date
    identifier: str
    count: int


class Counts:
    """The match counts of the channel in `folder`. Threads and processes may share them."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(
            folder / COUNTS_FILE, COUNTS, missing=lambda: _gone(folder), synchronous="NORMAL"
        )
        self._pending: Counter[tuple[dt.date, str]] = Counter()
        self._guard = threading.Lock()
        self._flushing = threading.Lock()
        self._synced = time.monotonic()

    def __enter__(self) -> Counts:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. What is pending is lost: flush first."""
        self.database.close()

    def record(self, identifiers: Iterable[str], *, day: dt.date | None = None) -> None:
        """Count one photo that showed these targets (none: missed), in memory. `day` None: today, UTC."""
        when = day or dt.datetime.now(dt.UTC).date()
        found = [*identifiers]
        with self._guard:
            self._pending.update((when, name) for name in (*found, MATCHED if found else MISSED))

    def flush(self, *, timeout: float = 0.0) -> bool:
        """Write what is pending, waiting at most `timeout` seconds; say whether nothing is pending now.

        What cannot be written stays pending: while another process holds the lock (False), in a read-only
        folder (StorageNotWritable), on a full disk (DiskFull). While another thread flushes, this waits for
        it, so that a later read includes its counts.
        """
        with self._flushing:
            return self._flush(timeout)

    def _flush(self, timeout: float) -> bool:
        with self._guard:
            pending, self._pending = self._pending, Counter()
        if not pending:
            return True
        try:
            self.add(pending, timeout=timeout)
            self._sync_now_and_then()
        except ChannelNotFound:
            raise  # the channel was removed: nobody will read them
        except BaseException as error:
            with self._guard:
                self._pending.update(pending)
            if isinstance(error, Locked):
                return False
            raise
        return True

    def _sync_now_and_then(self) -> None:
        """Sync the counts to disk once a minute."""
        if time.monotonic() - self._synced >= STORE.counts_synced:
            with contextlib.suppress(OSError):
                sync(self.database.log_path)
            self._synced = time.monotonic()

    def add(self, increments: Increments, *, timeout: float = 0.0) -> None:
        """Add to the counts. Raises Locked after `timeout` seconds, StorageNotWritable, DiskFull."""
        if not self.database.exists():
            self.database.create(timeout=timeout)
        with self.database.read():
            pass  # leaves an idle reader: else closing the writer checkpoints, and find waits for the disk
        with self.database.write(timeout=timeout) as connection:
            connection.executemany(
                _ADD,
                [
                    {"day": day.isoformat(), "identifier": name, "count": number}
                    for (day, name), number in increments.items()
                ],
            )

    def each(self, start: dt.date, end: dt.date, identifier: str | None = None) -> Iterator[Count]:
        """Yield the counts of the days [start, end] by day and identifier, read some at a time; None: all."""
        after = None
        while page := self.read(start, end, identifier, after=after, limit=STORE.counts_at_once):
            yield from page
            after = page[-1].day, page[-1].identifier

    def read(
        self,
        start: dt.date,
        end: dt.date,
        identifier: str | None = None,
        *,
        after: tuple[dt.date, str] | None = None,
        limit: int | None = None,
    ) -> list[Count]:
        """Return what `each` yields, from behind the day and identifier `after` on, at most `limit`."""
        if not self.database.exists():
            return []
        rest, values = page_of(identifier, after, limit)
        values = (start.isoformat(), end.isoformat(), *(str(value) for value in values))
        select = f"SELECT day, identifier, count FROM counts WHERE day BETWEEN ? AND ?{rest}"  # noqa: S608
        with self.database.read() as connection:
            rows = connection.execute(select, values).fetchall()
        try:
            return [Count(dt.date.fromisoformat(day), name, number) for day, name, number in rows]
        except ValueError as error:
            raise DataDamaged(f"{self.database.path} has an entry that is not a day: {error}") from error

    def knows(self, identifier: str) -> bool:
        """Say whether `identifier` was ever counted."""
        if not self.database.exists():
            return False
        with self.database.read() as connection:
            select = "SELECT 1 FROM counts WHERE identifier = ? LIMIT 1"
            return connection.execute(select, (identifier,)).fetchone() is not None


def page_of(
    identifier: str | None, after: tuple[dt.date, str] | None, limit: int | None
) -> tuple[str, tuple[dt.date | str, ...]]:
    """Return the rest of a read's SQL behind the days (further conditions, order, limit), and its values."""
    one = ("", ()) if identifier is None else (" AND identifier = ?", (identifier,))
    rest = ("", ()) if after is None else (" AND (day, identifier) > (?, ?)", after)
    page = "" if limit is None else f" LIMIT {int(limit)}"
    return f"{one[0]}{rest[0]} ORDER BY day, identifier{page}", (*one[1], *rest[1])


def _gone(folder: Path) -> ArcliError:
    if folder.exists():
        return StorageNotWritable(f"{folder / COUNTS_FILE} is gone", item=str(folder))
    return ChannelNotFound(f"the channel in {folder} is gone", item=str(folder))
