"""Match counts for Statistics, of the channels that one may see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from arcli.errors import ChannelNotFound, TargetNotFound
from arcli.models import StatisticsQuery, StatRecord
from arcli.server.service import Service


def match_counts(
    service: Service, query: StatisticsQuery, own_channels: Callable[[], Sequence[str]]
) -> list[StatRecord]:
    """Return counts of a channel by identifier, or of all one's channels by channel.

    Raises ChannelNotFound; TargetNotFound for an identifier that none of the channels ever had.
    """
    service.backend.flush()
    if query.channel is not None:
        return list(service.gallery.statistics(query=query))
    return _by_channel(service, query, own_channels())


def _by_channel(service: Service, query: StatisticsQuery, channels: Sequence[str]) -> list[StatRecord]:
    """Ask channel by channel, so that nothing is told of the channels of others; one may go meanwhile."""
    sums: Counter[tuple[str, str, bool]] = Counter()
    known = query.identifier is None
    for channel in channels:
        try:
            counted = service.gallery.statistics(query=replace(query, channel=channel))
        except (TargetNotFound, ChannelNotFound):
            continue
        known = True
        for record in counted:
            sums[record.date, channel, record.missed] += record.count
    if not known:
        raise TargetNotFound(f"no target {query.identifier}, and it was never found", item=query.identifier)
    return [
        StatRecord(date=date, channel=channel, identifier=None, count=count, missed=missed)
        for (date, channel, missed), count in sorted(sums.items())
    ]
