"""What the engine and a server need from a store: implemented here on SQLite, replaceable by another.

`gallery.AccountAdmin` and `gallery.Gatekeeper` are the other half of this seam: accounts and their rights.
Texts are compared by their code points everywhere (`COLLATE "C"` where a database has another order). Every
failure is raised as one of our own errors: ChannelNotFound, DataDamaged, DataTooNew, Locked,
StorageNotWritable, DiskFull, Unreachable.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from arcli.models import ChannelSettings, ListQuery, SettingsChanges, TargetChanges
from arcli.store.catalog import ChannelRecord
from arcli.store.counts import Count
from arcli.store.rows import NewTarget, StoreInfo, TargetRow


class ChannelCatalog(Protocol):
    """Which channels there are. A data folder that does not exist has none."""

    def close(self) -> None: ...

    def exists(self) -> bool:
        """Say whether there is a catalog."""
        ...

    def make(self) -> None:
        """Make an empty catalog unless there is one."""
        ...

    def channels(self) -> Sequence[ChannelRecord]:
        """Return all channels by name (code points)."""
        ...

    def channel(self, name: str) -> ChannelRecord:
        """Return one channel. Raises ChannelNotFound, InvalidChannelName."""
        ...

    def create_channel(
        self, name: str, settings: ChannelSettings, preset: int, *, created: str | None = None
    ) -> ChannelRecord:
        """Make a channel and its empty store. Raises ChannelExists, InvalidChannelName."""
        ...

    def set_channel(self, name: str, changes: SettingsChanges) -> ChannelRecord:
        """Change the given settings, in one transaction. Raises ChannelNotFound."""
        ...

    def remove_channel(self, name: str) -> None:
        """Remove a channel with all that is in it, also one that cannot be read. Raises ChannelNotFound."""
        ...


class TargetSnapshot(Protocol):
    """A channel at one moment: all reads through it are consistent."""

    def info(self) -> StoreInfo:
        """Return the name, settings, preset and identity of the store. Raises DataDamaged."""
        ...

    def changes(self) -> int:
        """Return a number that differs after each transaction that changed the channel."""
        ...

    def count(self) -> int:
        """Return how many targets there are, active or not."""
        ...

    def refuse_if_full(self, identifier: str, *, more: int = 0) -> None:
        """Raise QuotaExceeded when the quota leaves no room for a target besides `more` new ones."""
        ...

    def target(self, identifier: str) -> TargetRow | None:
        """Return the target of that identifier, or None."""
        ...

    def list(self, query: ListQuery = ListQuery()) -> tuple[int, list[TargetRow]]:
        """Return how many targets `query` selects, and the page it asks for, by identifier (code points)."""
        ...

    def rows(self, row_ids: Iterable[int]) -> dict[int, TargetRow]:
        """Return those of `row_ids` that exist, active or not."""
        ...

    def features(self, row_ids: Iterable[int]) -> dict[int, bytes]:
        """Return the features (`Features.to_bytes`) of those of `row_ids` that exist."""
        ...

    def thumbnails(self, row_ids: Iterable[int]) -> dict[int, bytes]:
        """Return the thumbnails (JPEG) of those of `row_ids` that have one."""
        ...

    def picture(self, row_id: int) -> bytes | None:
        """Return the kept picture (JPEG or PNG), or None."""
        ...

    def features_after(self, row_id: int, limit: int = -1) -> Iterator[tuple[int, bytes]]:
        """Yield (row id, features) above `row_id` in order, at most `limit` (-1: all), inactive ones too."""
        ...


class TargetWriter(TargetSnapshot, Protocol):
    """One write transaction: durable when its block has ended, void if that raises."""

    def insert(self, new: NewTarget) -> int:
        """Add a target and return its row id, which none had before. Raises TargetExists, QuotaExceeded."""
        ...

    def holder(self, row_id: int) -> str | None:
        """Return what of the index holds a target, for `restore`, if anything."""
        ...

    def restore(self, new: NewTarget, row_id: int, segment: str | None) -> int:
        """Add a target that was removed, as `row_id` if the index allows it, else under a new row id."""
        ...

    def replace(self, new: NewTarget) -> int:
        """Replace the target of the same identifier with `new`, and return the new row id."""
        ...

    def remove(self, identifier: str) -> int | None:
        """Remove a target and return its row id, or None when there is no such target."""
        ...

    def update(self, identifier: str, changes: TargetChanges) -> TargetRow:
        """Change a target; a new picture is for `replace`. Raises TargetNotFound, TargetExists."""
        ...


class TargetStore(Protocol):
    """The truth about one channel. Threads and processes share it."""

    def close(self) -> None: ...

    def read(self) -> AbstractContextManager[TargetSnapshot]:
        """Hold one snapshot of all that was acknowledged. It never waits for a writer."""
        ...

    def write(self) -> AbstractContextManager[TargetWriter]:
        """Hold a write transaction. Raises Locked if others write for too long."""
        ...

    def shrink(self) -> None:
        """Give the space of removed targets back."""
        ...


class MatchCounts(Protocol):
    """How often the targets of a channel were found, by UTC day. They outlive the targets."""

    def close(self) -> None: ...

    def record(self, identifiers: Iterable[str], *, day: dt.date | None = None) -> None:
        """Count one photo that showed these targets (none: missed), in memory. `day` None: today, UTC."""
        ...

    def flush(self, *, timeout: float = 0.0) -> bool:
        """Write what is pending; what cannot be written stays pending. False: others are writing."""
        ...

    def add(self, increments: Mapping[tuple[dt.date, str], int], *, timeout: float = 0.0) -> None:
        """Add to the counts of (day, identifier). Raises Locked after `timeout` seconds."""
        ...

    def read(self, start: dt.date, end: dt.date, identifier: str | None = None) -> list[Count]:
        """Return the counts of the days [start, end], ordered by day and identifier; None: all of them."""
        ...

    def each(self, start: dt.date, end: dt.date, identifier: str | None = None) -> Iterator[Count]:
        """Yield what `read` returns, read some at a time."""
        ...

    def knows(self, identifier: str) -> bool:
        """Say whether `identifier` was ever counted."""
        ...


class NonceMemory(Protocol):
    """Nonces that signed requests used, over all processes that serve the same data."""

    def close(self) -> None: ...

    def first_use(self, *, secret_id: str, nonce: str, now: float) -> bool:
        """Record a nonce; False when any process recorded it before. `now`: Unix seconds."""
        ...


@dataclass(frozen=True, slots=True)
class FailedAttempts:
    """How often an attempt failed at another server, `age` seconds ago; `number` names this report."""

    number: int
    bucket: str
    key: str
    times: int
    age: float


class FailureLog(Protocol):
    """Failed attempts that servers of the same data tell each other."""

    def close(self) -> None: ...

    def exchange(
        self, server: str, failed: Mapping[tuple[str, str], int], *, seconds: float
    ) -> Sequence[FailedAttempts]:
        """Report the failures of `server`, by (bucket, key); return what others reported in `seconds`."""
        ...


class AttemptLevels(Protocol):
    """How far failed attempts have filled the bucket of an address or account, over all processes."""

    def close(self) -> None: ...

    def update(self, key: Hashable, change: Callable[[float, float], tuple[float, float]]) -> None:
        """Replace a key's (level, when) with what `change` makes of it, atomically over processes."""
        ...
