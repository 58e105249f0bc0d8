"""Removing many targets: one transaction per batch, so that a thousand cost little more than one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from arcli.errors import DiskFull, InvalidIdentifier
from arcli.models import RemoveResult, RemoveStatus, valid_identifier
from arcli.store.connections import STORE

if TYPE_CHECKING:
    from arcli.engine.channels import OpenChannel
    from arcli.store.protocols import TargetWriter


def remove_many(channel: OpenChannel, identifiers: Iterable[str]) -> Iterator[RemoveResult]:
    """Yield one result per identifier, in order, each when the removal is durable.

    Raises Locked, StorageNotWritable, DiskFull; what was already yielded is removed.
    """
    rest = iter(identifiers)
    while batch := list(islice(rest, STORE.removals)):
        yield from _remove(channel, batch)


def _remove(channel: OpenChannel, batch: Sequence[str]) -> list[RemoveResult]:
    """Remove the targets of a batch that exist; if none does, nothing is written and no index touched."""
    with channel.store.read() as snapshot:
        if not any(snapshot.target(identifier) for identifier in batch):
            return [_result(identifier, removed=False) for identifier in batch]
    channel.fold_owed()
    try:
        with channel.store.write() as writer:
            results = [_one(writer, identifier) for identifier in batch]
    except DiskFull:
        with channel.reserve.given_up():
            results = [_one_alone(channel, identifier) for identifier in batch]
    channel.fold_later()
    return results


def _one_alone(channel: OpenChannel, identifier: str) -> RemoveResult:
    """Remove in a small transaction, whose log the next one reuses: the disk is full."""
    with channel.store.write() as writer:
        result = _one(writer, identifier)
    channel.store.database.checkpoint()
    return result


def _one(writer: TargetWriter, identifier: str) -> RemoveResult:
    return _result(identifier, removed=writer.remove(identifier) is not None)


def _result(identifier: str, *, removed: bool) -> RemoveResult:
    """Return the result of one removal; a name that no target can have is a failure."""
    try:
        valid_identifier(identifier)
    except InvalidIdentifier as error:
        return RemoveResult(identifier=identifier, status=RemoveStatus.FAILED, error=error)
    return RemoveResult(
        identifier=identifier, status=RemoveStatus.REMOVED if removed else RemoveStatus.ABSENT
    )
