"""Match counts by day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsQuery:
    """Which match counts to read, both days included.

    `channel` None: all channels, one record a channel and day.
    `misses`: also the
    photos that matched nothing (records with `missed` set).
    """

    start: dt.date
    end: dt.date
    channel: str | None = None
    identifier: str | None = None
    misses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatRecord:
    """How often a channel or one of its targets was found on one UTC day (`date`: yyyyMMdd)."""

    date: str
    channel: str | None
    identifier: str | None
    count: int
    missed: bool = False
