"""Days as people write them on a command line."""

from __future__ import annotations

import datetime as dt
import re

from arcli.errors import InvalidDate

_WRITTEN = re.compile(r"(\d{4})(?:-?(\d{2})(?:-?(\d{2}))?)?")


def first_day(text: str, today: dt.date) -> dt.date:
    """Return the first day that `text` means. Raises InvalidDate."""
    return _span(text, today)[0]


def last_day(text: str, today: dt.date) -> dt.date:
    """Return the last day that `text` means. Raises InvalidDate."""
    return _span(text, today)[1]


def _span(text: str, today: dt.date) -> tuple[dt.date, dt.date]:
    this_month = today.replace(day=1)
    last_month = (this_month - dt.timedelta(days=1)).replace(day=1)
    yesterday = today - dt.timedelta(days=1)
    words = {
        "today": (today, today),
        "yesterday": (yesterday, yesterday),
        "this-month": (this_month, _month_end(this_month)),
        "last-month": (last_month, _month_end(last_month)),
    }
    return words[text] if text in words else _written(text)


def _written(text: str) -> tuple[dt.date, dt.date]:
    match = _WRITTEN.fullmatch(text) if text.isascii() else None
    try:
        if match is None:
            raise ValueError
        year, month, day = (int(part) if part else None for part in match.groups())
        assert year is not None, "the pattern has a year"
        if month is None:
            return dt.date(year, 1, 1), dt.date(year, 12, 31)
        first = dt.date(year, month, day or 1)
    except ValueError as error:
        raise InvalidDate(f"not a date: {text!r}") from error
    return first, first if day is not None else _month_end(first)


def _month_end(first: dt.date) -> dt.date:
    following = (first.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    return following - dt.timedelta(days=1)
