"""Dates as ARCloud writes them: yyyy, yyyyMM or yyyyMMdd, a year or month meaning all of it (UTC days)."""

from __future__ import annotations

import calendar
import datetime as dt
import re

from arcli.errors import InvalidDate

_DATE = re.compile(r"([0-9]{4})(?:([0-9]{2})([0-9]{2})?)?")


def days_of(text: str) -> tuple[dt.date, dt.date]:
    """Return the first and the last day that `text` names. Raises InvalidDate."""
    parts = _DATE.fullmatch(text)
    if parts is None:
        raise InvalidDate(f"not a date: {text!r}", item=text)
    year, month, day = (int(part) if part else None for part in parts.groups())
    assert year is not None, "the pattern needs a year"
    try:
        first = dt.date(year, month or 1, day or 1)
        last_month = month or 12
        last_day = day or calendar.monthrange(year, last_month)[1]
        return first, dt.date(year, last_month, last_day)
    except (ValueError, calendar.IllegalMonthError) as error:
        raise InvalidDate(f"no such day: {text!r}", item=text) from error


def written(day: dt.date) -> str:
    """Return `day` as yyyyMMdd."""
    return f"{day.year:04}{day.month:02}{day.day:02}"
