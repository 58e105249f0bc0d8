"""Match counts by day, and days as users and protocols write them."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass

from arcli.errors import InvalidDate

_COMPACT = re.compile(r"([0-9]{4})(?:([0-9]{2})([0-9]{2})?)?")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsQuery:
    """Which match counts to read, both days included.

    `channel` None: all channels, one record for each channel and day. `misses`: also the photos that matched
    nothing (records with `missed` set).
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


def days_of(text: str, *, iso: bool = False) -> tuple[dt.date, dt.date]:
    """Return the first and the last day that yyyy, yyyyMM or yyyyMMdd names; with `iso` also yyyy-MM[-dd].

    Raises InvalidDate.
    """
    parts = _COMPACT.fullmatch(text) or (_ISO.fullmatch(text) if iso else None)
    if parts is None:
        raise InvalidDate(f"not a date: {text!r}", item=text)
    year, month, day = (int(part) if part else None for part in parts.groups())
    assert year is not None, "the patterns need a year"
    try:
        first = dt.date(year, month or 1, day or 1)
        last_month = month or 12
        return first, dt.date(year, last_month, day or calendar.monthrange(year, last_month)[1])
    except (ValueError, calendar.IllegalMonthError) as error:
        raise InvalidDate(f"no such day: {text!r}", item=text) from error


def compact_day(day: dt.date) -> str:
    """Return `day` as yyyyMMdd."""
    return f"{day.year:04}{day.month:02}{day.day:02}"
