"""Lookups and counts in the channels that a caller may use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from arcli.errors import UNREADABLE, Busy, ChannelNotFound, TargetNotFound, UsageError
from arcli.models import Effort, FindOptions, FindResult, Principal, Scope, StatisticsQuery, StatRecord
from arcli.server.service import PAGES, Service

_TRIES = 3


async def find_photo(
    service: Service,
    address: str,
    principal: Principal,
    content: bytes,
    channels: Sequence[str] | None,
    options: FindOptions,
) -> FindResult:
    """Search `channels` (None: all that the key may search).

    Raises ChannelNotFound, NotYourChannel, a PictureRefused, Busy.
    """
    searched = await service.quick.run(_searched, service, principal, channels)
    for _ in range(_TRIES):
        try:
            asked = replace(options, jobs=1, sound_only=channels is None, day=service.options.today())
            work = partial(_find, service, content, searched, asked)
            result = await service.photos.run(address, work, slow=asks_for_much(options))
        except ChannelNotFound:
            if channels is not None:
                raise
            # One of all the channels was just removed; it was not requested by name.
            searched = await service.quick.run(_searched, service, principal, None)
        else:
            service.metrics.looked_up(result)
            return result
    raise Busy("the channels change faster than they can be searched")


def asks_for_much(options: FindOptions) -> bool:
    """Say whether a lookup may take many times as long as one for a single target."""
    return options.effort is Effort.THOROUGH or options.limit != 1


def _find(service: Service, content: bytes, channels: Sequence[str], options: FindOptions) -> FindResult:
    picture = service.picture(content, channels)
    result = service.gallery.find(picture=picture, channels=channels, options=options)
    if not result.matched and service.misses is not None:
        service.misses.save(content)
    return result


def _searched(service: Service, principal: Principal, channels: Sequence[str] | None) -> Sequence[str]:
    if channels is None:
        return service.channels_of(principal, Scope.FIND)
    for channel in channels:
        service.authorize(principal, channel, Scope.FIND)
    return channels


def match_counts(
    service: Service, query: StatisticsQuery, own_channels: Callable[[], Sequence[str]]
) -> list[StatRecord]:
    """Return the counts of a channel by identifier, or of all the caller's channels by channel.

    Raises ChannelNotFound; TargetNotFound for an identifier that none of the channels ever had; UsageError
    for more records than are answered at a time.
    """
    if query.channel is not None:
        records = list(islice(service.gallery.statistics(query=query), PAGES.records + 1))
        if len(records) > PAGES.records:
            raise UsageError(
                f"more than {PAGES.records:,} records", hint="ask for fewer days, or for one identifier"
            )
        return records
    return _by_channel(service, query, own_channels())


def _by_channel(service: Service, query: StatisticsQuery, channels: Sequence[str]) -> list[StatRecord]:
    """Read the counts channel by channel, so that nothing is revealed about others'; one may vanish."""
    sums: Counter[tuple[str, str, bool]] = Counter()
    known = query.identifier is None
    for channel in channels:
        own: Counter[tuple[str, str, bool]] = Counter()
        try:
            for record in service.gallery.statistics(query=replace(query, channel=channel)):
                own[record.date, channel, record.missed] += record.count
        except (TargetNotFound, ChannelNotFound):
            continue
        except UNREADABLE as error:
            service.trouble(f"channel {channel!r} is left out of the counts: {error}")
            continue
        known = True
        sums.update(own)
    if not known:
        raise TargetNotFound(f"no target {query.identifier}, and it was never found", item=query.identifier)
    return [
        StatRecord(date=date, channel=channel, identifier=None, count=count, missed=missed)
        for (date, channel, missed), count in sorted(sums.items())
    ]
