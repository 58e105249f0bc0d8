"""Match counts: recording what photos showed, and reading it back as statistics records."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING

from arcli.errors import UNREADABLE, ArcliError, ChannelNotFound, TargetNotFound
from arcli.models import FindResult, StatisticsQuery, StatRecord
from arcli.store.counts import MATCHED, MISSED

if TYPE_CHECKING:
    from arcli.engine.channels import OpenChannel

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTiming:
    """patience: seconds that closing waits for other processes to write their counts, 0 to 10 (chosen)."""

    patience: float = 1.0


TIMING = CountTiming()


def note(result: FindResult, channels: Sequence[OpenChannel], day: dt.date | None = None) -> None:
    """Count, in memory, each target that a photo showed; one that showed none is a miss in every channel."""
    for channel in channels:
        found = {match.identifier for match in result.matches if match.channel == channel.name}
        if found or not result.matches:
            channel.counts.record(found, day=day)


def flush(channels: Iterable[OpenChannel], *, patience: float = 0.0) -> None:
    """Write the recorded counts. Where that fails (a read-only folder, a full disk), warn and go on."""
    for channel in channels:
        try:
            if not channel.counts.flush(timeout=patience) and patience:
                _log.warning("matches in channel %r were not counted: others are writing", channel.name)
        except ChannelNotFound:  # the channel was removed after it was searched
            continue
        except ArcliError as error:
            if channel.uncounted != error.message:  # logged once, not every second
                _log.warning("matches in channel %r are not counted: %s", channel.name, error.message)
            channel.uncounted = error.message
        else:
            channel.uncounted = None


def statistics(
    channels: Sequence[OpenChannel],
    query: StatisticsQuery,
    *,
    left_out: Callable[[str, ArcliError], None] | None = None,
) -> Iterator[StatRecord]:
    """Return records by date, channel and identifier; without `query.channel` one for each channel and day.

    They are read as they are taken. left_out: called for each channel whose counts cannot be read; without
    it, and if none can be, its error is raised. Raises TargetNotFound for an identifier with neither target
    nor counts.
    """
    known, found, failed = query.identifier is None, list[Iterator[StatRecord]](), list[ArcliError]()
    for channel in channels:
        try:
            known = known or _knows(channel, query.identifier or "")
            found.append(_begun(_records(channel, query)))
        except UNREADABLE as error:
            failed.append(error)
            if left_out is None or len(failed) == len(channels):
                raise
            left_out(channel.name, error)
    if not known:
        raise TargetNotFound(f"no target {query.identifier}, and it was never found", item=query.identifier)
    return merge(*found, key=lambda record: (record.date, record.channel or ""))


def _begun(records: Iterator[StatRecord]) -> Iterator[StatRecord]:
    """Return the same records, of which the first is read already, and with it that they can be."""
    return chain(list(islice(records, 1)), records)


def _knows(channel: OpenChannel, identifier: str) -> bool:
    with channel.store.read() as snapshot:
        if snapshot.target(identifier) is not None:
            return True
    return channel.counts.knows(identifier)


def _records(channel: OpenChannel, query: StatisticsQuery) -> Iterator[StatRecord]:
    """Yield one channel's records by day, misses last; a channel's count is the sum of its targets'."""
    for day, counts in groupby(
        channel.counts.each(query.start, query.end, query.identifier), lambda c: c.day
    ):
        date, whole, missed = f"{day:%Y%m%d}", 0, 0
        for count in counts:
            if count.identifier == MISSED:
                missed += count.count
            elif count.identifier != MATCHED and query.channel is None:
                whole += count.count
            elif count.identifier != MATCHED:
                yield _record(channel, date, count.count, identifier=count.identifier)
        if whole:
            yield _record(channel, date, whole)
        if missed and query.misses:
            yield _record(channel, date, missed, missed=True)


def _record(
    channel: OpenChannel, date: str, count: int, *, identifier: str | None = None, missed: bool = False
) -> StatRecord:
    return StatRecord(date=date, channel=channel.name, identifier=identifier, count=count, missed=missed)
