"""Match counts for Statistics, of the channels that one may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from arcli.errors import TargetNotFound
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
    channels = own_channels()
    if query.identifier is None:
        mine = frozenset(channels)
        records = service.gallery.statistics(query=query)
        return [record for record in records if record.channel in mine]
    return _of_identifier(service, query, channels)


def _of_identifier(service: Service, query: StatisticsQuery, channels: Sequence[str]) -> list[StatRecord]:
    """Ask channel by channel, so that nothing is told of the channels of others."""
    records: list[StatRecord] = []
    unknown: TargetNotFound | None = TargetNotFound(f"no target {query.identifier}", item=query.identifier)
    for channel in channels:
        try:
            counted = service.gallery.statistics(query=replace(query, channel=channel))
        except TargetNotFound:
            continue
        unknown = None
        records += [replace(record, identifier=None) for record in counted]
    if unknown is not None:
        raise unknown
    return sorted(records, key=lambda record: (record.date, record.channel or ""))
