"""The seam: what commands, `bulk`, `evaluation` and the server know of a backend.

Every backend raises the same errors (`arcli.errors`) for the same situation; what it cannot do raises
NotSupported. One contract suite (tests/contract) runs over all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from arcli.models import (
    AddItem,
    AddOptions,
    AddResult,
    Capabilities,
    ChannelInfo,
    ChannelSettings,
    CheckResult,
    Finding,
    FindOptions,
    FindResult,
    ListQuery,
    Picture,
    StatisticsQuery,
    StatRecord,
    Target,
    TargetChanges,
    TargetPage,
)


class Gallery(Protocol):
    """Targets in channels, and photos looked up in them. Close it when done; it is a context manager."""

    def __enter__(self) -> Gallery: ...
    def __exit__(self, *exc: object) -> None: ...
    def close(self) -> None: ...

    def capabilities(self) -> Capabilities:
        """Say what this backend is and what it can do."""
        ...

    def add(self, *, channel: str, item: AddItem, options: AddOptions = AddOptions()) -> AddResult:
        """Register one picture.

        Raises TargetExists, InvalidIdentifier, InvalidMetadata, a PictureRefused, ChannelNotFound (when
        `create_channel` is off, or on a server), QuotaExceeded, LevelTooLow, DuplicatePicture.
        """
        ...

    def add_many(
        self, *, channel: str, items: Iterable[AddItem], options: AddOptions = AddOptions()
    ) -> Iterator[AddResult]:
        """Register pictures and yield one result an item, in order, each when it is durable.

        `items` is consumed lazily with bounded read-ahead. An item's failure is a result with its
        error; only what stops the whole batch (channel unknown, disk full, unreachable) is raised.
        """
        ...

    def remove(self, *, channel: str, identifier: str) -> bool:
        """Remove a target. Returns False when there was none (where the backend can tell, else True)."""
        ...

    def list(self, *, channel: str, query: ListQuery = ListQuery()) -> TargetPage:
        """List targets by identifier. Raises ChannelNotFound."""
        ...

    def get(self, *, channel: str, identifier: str) -> Target:
        """Return one target. Raises ChannelNotFound, TargetNotFound."""
        ...

    def picture(self, *, channel: str, identifier: str) -> bytes:
        """Return the kept picture, encoded (JPEG or PNG). Raises PictureNotKept, TargetNotFound."""
        ...

    def update(self, *, channel: str, identifier: str, changes: TargetChanges) -> Target:
        """Change a target and return it as it is now. Raises TargetNotFound; TargetExists on a rename."""
        ...

    def find(
        self, *, picture: Picture, channels: Sequence[str] | None, options: FindOptions = FindOptions()
    ) -> FindResult:
        """Say which targets of `channels` a photo shows (None: every channel one may search).

        No match is an answer. Raises ChannelNotFound, a PictureRefused.
        """
        ...

    def find_many(
        self,
        *,
        pictures: Iterable[Picture],
        channels: Sequence[str] | None,
        options: FindOptions = FindOptions(),
    ) -> Iterator[FindResult]:
        """Look photos up and yield one result each, in order; a photo's own failure is in its result."""
        ...

    def check(
        self, *, pictures: Iterable[Picture], channel: str | None, jobs: int | None = None
    ) -> Iterator[CheckResult]:
        """Rate pictures and look for duplicates in `channel` (None or unknown: none); writes nothing."""
        ...

    def statistics(self, *, query: StatisticsQuery) -> Sequence[StatRecord]:
        """Return match counts by day, ordered by date, then channel, then identifier.

        Raises ChannelNotFound; TargetNotFound for an identifier with neither target nor counts.
        """
        ...


@runtime_checkable
class ChannelAdmin(Protocol):
    """Backends that own their channels."""

    def channels(self) -> Sequence[ChannelInfo]: ...
    def channel(self, *, name: str) -> ChannelInfo: ...
    def create_channel(self, *, name: str, settings: ChannelSettings = ChannelSettings()) -> ChannelInfo: ...
    def set_channel(self, *, name: str, settings: ChannelSettings) -> ChannelInfo: ...
    def remove_channel(self, *, name: str) -> None: ...


@runtime_checkable
class Maintenance(Protocol):
    """Backends whose derived files can be looked after."""

    def compact(self, *, channel: str) -> ChannelInfo:
        """Fold the delta, merge segments and drop what is dead."""
        ...

    def verify(self, *, channel: str | None = None) -> Iterator[Finding]:
        """Check stores, segments (full checksums) and the catalog; None: everything."""
        ...

    def repair(self, *, channel: str | None = None) -> Iterator[Finding]:
        """Do what `verify` does and rebuild what is derived where it is damaged."""
        ...
