"""Removing targets, one transaction per batch; and taking one out so that it can be put back as it was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING

from arcli.errors import Conflict, DiskFull, InvalidIdentifier, TargetNotFound
from arcli.models import RemoveResult, RemoveStatus, Target, valid_identifier
from arcli.store.connections import STORE

if TYPE_CHECKING:
    from arcli.engine.channels import OpenChannel
    from arcli.store.protocols import TargetWriter

_BLOBS = ("features", "picture", "thumbnail")


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


def take_out(channel: OpenChannel, identifier: str) -> bytes:
    """Remove a target and return its row, features and pictures: a line of JSON, then the blobs.

    Raises TargetNotFound, DataDamaged.
    """
    with channel.store.write() as writer:
        row = writer.target(valid_identifier(identifier))
        if row is None:
            raise TargetNotFound(f"no target {identifier}", item=identifier)
        one = [row.row_id]
        blobs = (writer.features(one).get(row.row_id), writer.picture(row.row_id))
        kept = dict(zip(_BLOBS, (*blobs, writer.thumbnails(one).get(row.row_id)), strict=True))
        place = {"store": writer.info().store_id, "row": row.row_id, "segment": writer.holder(row.row_id)}
        writer.remove(identifier)
    channel.fold_later()
    sizes = {name: None if data is None else len(data) for name, data in kept.items()}
    head = {**place, "target": asdict(row.as_target()), "sizes": sizes}
    return json.dumps(head).encode() + b"\n" + b"".join(data for data in kept.values() if data is not None)


def put_back(channel: OpenChannel, kept: bytes) -> Target:
    """Add what `take_out` returned, as it was and under its row id (in a cluster under a new one).

    A segment that still holds its features answers with it again; else they are searched beside the segments.
    Raises TargetExists, QuotaExceeded, Conflict.
    """
    from arcli.store.rows import NewTarget

    line, _, rest = kept.partition(b"\n")
    head = json.loads(line)
    blobs: dict[str, bytes | None] = {}
    for name in _BLOBS:
        size = head["sizes"][name]
        blobs[name], rest = (None, rest) if size is None else (rest[:size], rest[size:])
    fields = {name: value for name, value in head["target"].items() if name in NewTarget.__slots__}
    channel.fold_owed()
    with channel.store.write() as writer:
        if head["store"] != writer.info().store_id:
            raise Conflict("this target was removed from another channel", item=fields["identifier"])
        new = NewTarget(**fields, **blobs)  # type: ignore[arg-type]
        writer.restore(new, head["row"], head["segment"])
        row = writer.target(fields["identifier"])
    channel.fold_later()
    assert row is not None
    return row.as_target()
