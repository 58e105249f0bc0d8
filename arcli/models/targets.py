"""Targets, and the arguments and results of adding, listing and changing them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from arcli.errors import ArcliError, UsageError
from arcli.models.names import MatchRatio, valid_identifier, valid_metadata
from arcli.models.pictures import Hint, Picture


class OnExists(StrEnum):
    """What `add` does with an identifier that is already taken."""

    FAIL = "fail"
    SKIP = "skip"
    REPLACE = "replace"


class AddStatus(StrEnum):
    """What became of one item of an `add`."""

    ADDED = "added"
    REPLACED = "replaced"
    SKIPPED = "skipped"
    FAILED = "failed"
    WOULD_ADD = "would-add"
    WOULD_REPLACE = "would-replace"
    WOULD_SKIP = "would-skip"
    WOULD_FAIL = "would-fail"


WOULD = {
    AddStatus.ADDED: AddStatus.WOULD_ADD,
    AddStatus.REPLACED: AddStatus.WOULD_REPLACE,
    AddStatus.SKIPPED: AddStatus.WOULD_SKIP,
    AddStatus.FAILED: AddStatus.WOULD_FAIL,
}
"""The status that a dry run reports instead of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A registered picture. `picture_hash` is the SHA-256 (hex) of the bytes that were added, where known.

    `name`: its file's name, where that could not be the identifier.
    """

    identifier: str
    channel: str
    metadata: str | None = None
    matchratio: MatchRatio | None = None
    level: int | None = None
    active: bool = True
    created: str | None = None
    updated: str | None = None
    picture_hash: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPage:
    """A page of a listing; `totalcount` counts everything that the query selects."""

    totalcount: int
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which targets to list, ordered by identifier (code points). `where`: metadata key = value, as text."""

    position: int = 0
    limit: int | None = None
    prefix: str | None = None
    active: bool | None = None
    level: int | None = None
    where: tuple[tuple[str, str], ...] = ()


class Clearable(StrEnum):
    """The fields that a target need not have, and that can be cleared."""

    METADATA = "metadata"
    MATCHRATIO = "matchratio"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChanges:
    """What `update` changes; None leaves a field as it is, `clear` empties the fields it names."""

    metadata: str | None = None
    matchratio: MatchRatio | None = None
    active: bool | None = None
    picture: Picture | None = None
    rename: str | None = None
    clear: frozenset[Clearable] = frozenset()

    def of(self, target: Target) -> tuple[str | None, MatchRatio | None]:
        """Return the metadata and the matchratio that `target` has after these changes."""
        metadata = target.metadata if self.metadata is None else self.metadata
        matchratio = target.matchratio if self.matchratio is None else self.matchratio
        return (
            None if Clearable.METADATA in self.clear else metadata,
            None if Clearable.MATCHRATIO in self.clear else matchratio,
        )


def valid_changes(changes: TargetChanges) -> TargetChanges:
    """Return `changes`. Raises InvalidMetadata, InvalidIdentifier, UsageError (both set and cleared)."""
    if changes.metadata is not None:
        valid_metadata(changes.metadata)
    if changes.rename is not None:
        valid_identifier(changes.rename)
    given = {Clearable.METADATA: changes.metadata, Clearable.MATCHRATIO: changes.matchratio}
    for name in sorted(changes.clear):
        if given[name] is not None:
            raise UsageError(f"{name} cannot be both set and cleared", item=name)
    return changes


@dataclass(frozen=True, slots=True, kw_only=True)
class AddItem:
    """One picture to register. `name`: its file's name, where that cannot be the identifier."""

    picture: Picture
    identifier: str
    metadata: str | None = None
    matchratio: MatchRatio | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOptions:
    """How to register pictures. `jobs` None: the backend decides. `dry_run`: do everything but write."""

    on_exists: OnExists = OnExists.FAIL
    create_channel: bool = True
    min_level: int | None = None
    no_duplicates: bool = False
    jobs: int | None = None
    dry_run: bool = False


class RemoveStatus(StrEnum):
    """What became of one identifier given to `rm`. `absent`: there was no such target."""

    REMOVED = "removed"
    ABSENT = "absent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveResult:
    """What became of one identifier; `error` only with a failed status."""

    identifier: str
    status: RemoveStatus
    error: ArcliError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddResult:
    """What became of one item; `error` only with a failed status."""

    image: str
    identifier: str
    status: AddStatus
    level: int | None = None
    hints: tuple[Hint, ...] = ()
    error: ArcliError | None = None
