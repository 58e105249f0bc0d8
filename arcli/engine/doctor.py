"""What `doctor` checks in a data folder: the catalog, every channel's store, counts and index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from arcli.engine.admin import seal_all
from arcli.engine.channels import Channels
from arcli.engine.indexing.index_check import repair_index, verify_index
from arcli.errors import ArcliError
from arcli.features import Features
from arcli.models import Finding
from arcli.store.counts import Counts
from arcli.store.repair.check import (
    accept_losses,
    advice,
    repair_counts,
    repair_store,
    verify_counts,
    verify_store,
)
from arcli.store.repair.rebuild import rebuild_catalog, repair_pages, verify_catalog


def verify(channels: Channels, name: str | None) -> Iterator[Finding]:
    """Check everything, or one channel; changes nothing. Raises ChannelNotFound."""
    return _once(_verify(channels, name))


def _once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Leave out problems that were already reported: catalog, repair and channel find the same ones."""
    reported: set[tuple[str, str]] = set()
    for finding in findings:
        problem = (finding.subject, finding.message)
        if finding.ok or problem not in reported:
            yield finding
        if not finding.ok:
            reported.add(problem)


def _verify(channels: Channels, name: str | None) -> Iterator[Finding]:
    if name is None:
        yield from verify_catalog(channels.data_dir)
    for each in [name] if name is not None else _names(channels):
        yield from _verify_channel(channels, each)


def repair(channels: Channels, name: str | None) -> Iterator[Finding]:
    """Repair what can be repaired, then check. Raises ChannelNotFound."""
    return _once(_repair(channels, name))


def _repair(channels: Channels, name: str | None) -> Iterator[Finding]:
    if name is None:
        channels.close()
        yield from rebuild_catalog(channels.data_dir)
    for each in [name] if name is not None else _names(channels):
        try:
            opened = channels.get(each)
            yield from repair_pages(opened.store, opened.record)
            yield from repair_store(opened.store)
            yield from accept_losses(channels.get(each).store.database)
            seal_all(channels.get(each).store)
            yield from repair_index(channels.get(each).store)
            yield from repair_counts(Counts(channels.get(each).store.folder))
        except ArcliError as error:
            yield Finding.of(each, error, hint=advice(error))
    yield from _verify(channels, name)


def _names(channels: Channels) -> Sequence[str]:
    """Return the channels that the catalog names; an unreadable catalog was reported before."""
    try:
        return channels.names()
    except ArcliError:
        return []


def _verify_channel(channels: Channels, name: str) -> Iterator[Finding]:
    try:
        opened = channels.get(name)
    except ArcliError as error:
        if channels.catalog().exists() and name not in channels.names():
            raise
        yield Finding.of(name, error, hint=advice(error))
        return
    yield from verify_store(opened.store, Features.from_bytes)
    yield from verify_index(opened.store)
    with Counts(opened.store.folder) as counts:
        yield from verify_counts(counts)
