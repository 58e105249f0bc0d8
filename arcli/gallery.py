"""The seam: what commands, `bulk`, `evaluation` and the server know about a backend.

Every backend raises the same errors (`arcli.errors`) for the same situation; what it cannot do raises
NotSupported. One contract suite (tests/contract) runs over all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from arcli.models import (
    Account,
    AccountKey,
    AddItem,
    AddOptions,
    AddResult,
    AuditEntry,
    Capabilities,
    ChannelEstimate,
    ChannelInfo,
    ChannelSettings,
    CheckResult,
    FeaturePreset,
    Finding,
    FindOptions,
    FindResult,
    Grant,
    IndexKind,
    KeyChanges,
    KeyRequest,
    ListQuery,
    NewKey,
    Picture,
    Principal,
    RemoveResult,
    Scope,
    SettingsChanges,
    StatisticsQuery,
    StatRecord,
    Target,
    TargetChanges,
    TargetPage,
    TupuBinding,
    Upgraded,
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
        """Register pictures and yield one result per item, in order, each when it is durable.

        `items` is consumed lazily with bounded read-ahead. An item's failure is a result with its
        error; only what stops the whole batch (channel unknown, disk full, unreachable) is raised.
        """
        ...

    def remove(self, *, channel: str, identifier: str) -> bool:
        """Remove a target. Returns False when there was none (where the backend can tell, else True)."""
        ...

    def remove_many(self, *, channel: str, identifiers: Iterable[str]) -> Iterator[RemoveResult]:
        """Remove targets and yield one result per identifier, in order, each when it is durable.

        An invalid identifier gives a failed result; what stops the whole batch (channel unknown, unreachable)
        is raised.
        """
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
        """Say which targets of `channels` a photo shows (None: every channel that may be searched).

        Finding nothing is an answer, not an error. Raises ChannelNotFound, a PictureRefused.
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
        """Rate pictures and look for duplicates in `channel` (None or unknown: no search); writes nothing."""
        ...

    def statistics(self, *, query: StatisticsQuery) -> Iterable[StatRecord]:
        """Return match counts by day, ordered by date, then channel, then identifier; to be read once.

        Raises ChannelNotFound; TargetNotFound for an identifier with neither target nor counts.
        """
        ...


@runtime_checkable
class Undo(Protocol):
    """Backends in which a removal can be undone: what was removed comes back, features and all."""

    def take_out(self, *, channel: str, identifier: str) -> bytes:
        """Remove a target and return what `put_back` needs. Raises ChannelNotFound, TargetNotFound."""
        ...

    def put_back(self, *, channel: str, kept: bytes) -> Target:
        """Add a target as it was when `take_out` returned `kept`: trust nobody else's bytes.

        Raises ChannelNotFound, TargetExists, QuotaExceeded, Conflict when it is from another channel.
        """
        ...


@runtime_checkable
class Upgrades(Protocol):
    """Backends whose channels can be moved to another feature preset."""

    def upgrade(self, *, channel: str, preset: FeaturePreset, jobs: int | None = None) -> Iterator[Upgraded]:
        """Yield each target when it has the preset, or with an error when it stays as it is.

        Others may search, add and remove meanwhile. Raises ChannelNotFound, Locked.
        """
        ...


@runtime_checkable
class ChannelAdmin(Protocol):
    """Backends that own their channels."""

    def channels(self) -> Sequence[ChannelInfo]:
        """Describe all channels, by name (code points)."""
        ...

    def channel(self, *, name: str) -> ChannelInfo:
        """Describe a channel. Raises ChannelNotFound."""
        ...

    def settings(self) -> Mapping[str, ChannelSettings]:
        """Return the settings of all channels by name, in order; none of their stores is opened."""
        ...

    def settings_of(self, *, name: str) -> ChannelSettings:
        """Return a channel's settings without opening its store. Raises ChannelNotFound."""
        ...

    def create_channel(self, *, name: str, settings: ChannelSettings = ChannelSettings()) -> ChannelInfo:
        """Make a channel. Raises ChannelExists, InvalidChannelName."""
        ...

    def set_channel(self, *, name: str, changes: SettingsChanges) -> ChannelInfo:
        """Change the given settings, and no others. Raises ChannelNotFound."""
        ...

    def rename_channel(self, *, name: str, new: str) -> ChannelInfo:
        """Give a channel another name, with its grants, keys and counts.

        Raises ChannelNotFound, ChannelExists, InvalidChannelName.
        """
        ...

    def copy_channel(self, *, name: str, new: str) -> ChannelInfo:
        """Copy a channel's settings and targets to a new channel. Raises as rename_channel."""
        ...

    def remove_channel(self, *, name: str) -> None:
        """Remove a channel with all its targets. Raises ChannelNotFound."""
        ...


@runtime_checkable
class Maintenance(Protocol):
    """Backends whose derived files (the index) can be maintained."""

    def compact(self, *, channel: str) -> ChannelInfo:
        """Fold the delta into the index, merge segments and drop removed targets."""
        ...

    def verify(self, *, channel: str | None = None) -> Iterator[Finding]:
        """Check stores, segments (full checksums) and the catalog; None: everything."""
        ...

    def repair(self, *, channel: str | None = None) -> Iterator[Finding]:
        """Do what `verify` does, and rebuild derived files that are damaged."""
        ...

    def estimate(self, *, targets: int, index: IndexKind, preset: FeaturePreset) -> ChannelEstimate:
        """Return what a channel of so many targets is expected to cost. Raises UsageError."""
        ...


@runtime_checkable
class AccountAdmin(Protocol):
    """Who may use `serve`. Every method that takes a username raises AccountNotFound for an unknown one.

    Each change is one transaction. Close it when done; it is a context manager.
    """

    def __enter__(self) -> AccountAdmin: ...
    def __exit__(self, *exc: object) -> None: ...
    def close(self) -> None: ...

    def make(self) -> None:
        """Make the storage for accounts, unless it exists."""
        ...

    def accounts(self) -> Sequence[Account]:
        """Return all accounts by name."""
        ...

    def account(self, *, username: str) -> Account:
        """Return one account with its keys, channels, grants and bindings."""
        ...

    def add_account(
        self,
        *,
        username: str,
        key: KeyRequest = KeyRequest(),
        grants: Sequence[Grant] = (),
        binding: TupuBinding | None = None,
    ) -> NewKey:
        """Make an account with its first key, `grants` and `binding`: all of it or nothing.

        Raises AccountExists, UsageError (an invalid name or secret), ChannelNotFound, Conflict.
        """
        ...

    def add_key(
        self,
        *,
        username: str,
        key: KeyRequest,
        grants: Sequence[Grant] = (),
        binding: TupuBinding | None = None,
    ) -> NewKey:
        """Give an account one more key, and those of `grants` that it lacks. Raises as add_account."""
        ...

    def rotate_key(self, *, username: str, key_id: str | None = None) -> NewKey:
        """Replace a key (None: the only one in force) with a new one of equal scope; the old one is revoked.

        Raises UsageError when several keys are in force and none is named, NotFound for an unknown one.
        """
        ...

    def set_key(self, *, username: str, key_id: str, changes: KeyChanges) -> AccountKey:
        """Change the channels, the expiry or the rate of a key; return it as it is now.

        Raises NotFound for a key that is unknown or revoked, InvalidChannelName.
        """
        ...

    def revoke_key(self, *, username: str, key_id: str) -> None:
        """End a key for good. Raises NotFound."""
        ...

    def remove_account(self, *, username: str) -> tuple[str, ...]:
        """Remove an account, its keys, grants and bindings; return the channels that have no owner now."""
        ...

    def grant(self, *, username: str, channel: str, scope: Scope) -> None:
        """Allow an account to use a channel of somebody else. Raises ChannelNotFound."""
        ...

    def revoke_grant(self, *, username: str, channel: str) -> bool:
        """Revoke a grant. Returns False when there was none."""
        ...

    def bind(self, binding: TupuBinding) -> None:
        """Register a Tupu secretId, or change it. Raises Conflict when another account has it."""
        ...

    def audit(self, *, subject: str | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        """Return the latest changes to one account or channel (None: to any), the oldest first."""
        ...

    def unbind(self, *, username: str, secret_id: str) -> bool:
        """Remove a Tupu secretId. Returns False when the account has none of that name."""
        ...


class Gatekeeper(Protocol):
    """What a server needs to know about its callers. Threads may share it; close it when done."""

    def close(self) -> None: ...

    def authenticate(self, *, username: str, secretkey: str, drawn_only: bool = False) -> Principal:
        """Return whose secret this is; with `drawn_only` imported secrets do not count.

        Raises WrongCredentials, the same for an unknown account as for a wrong secret.
        """
        ...

    def authorize(self, principal: Principal, *, channel: str, need: Scope) -> None:
        """Return if `principal` may do this in `channel`. Raises ChannelNotFound, NotYourChannel."""
        ...

    def channels_of(self, principal: Principal, *, need: Scope) -> tuple[str, ...]:
        """Return the channels in which `principal` may do this, ordered by name."""
        ...

    def binding(self, secret_id: str) -> TupuBinding | None:
        """Return the binding of a Tupu secretId, None for an unknown one."""
        ...

    def first_use(self, *, secret_id: str, nonce: str, now: float) -> bool:
        """Record a nonce; returns False when any process recorded it before. `now`: Unix seconds."""
        ...

    def flush(self) -> None:
        """Write when the keys were last used."""
        ...


@runtime_checkable
class ServiceProbe(Protocol):
    """Backends that answer over a network."""

    def probe(self, *, channel: str | None = None) -> Iterator[Finding]:
        """Report that the service answers, that the credentials are accepted, that it has `channel`.

        Raises at the first that is not so: Unreachable, WrongCredentials, ChannelNotFound.
        """
        ...
