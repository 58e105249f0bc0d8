"""The range of days of `arcli stats`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from arcli.bulk.statistics import Period, periods
from arcli.errors import UsageError
from arcli.models.statistics import days_of

_DAYS = 30  # without --from


@dataclass(frozen=True, slots=True)
class Range:
    """The requested days, both included, and what one record sums up."""

    first: dt.date
    last: dt.date
    period: Period

    def labels(self) -> list[str]:
        """Return all periods, as records name them."""
        return periods(self.first, self.last, self.period)

    def words(self, timezone: str | None) -> str:
        """Return the range for people."""
        days = f"{timezone} days" if timezone else "days as the service counts them"
        return f"{self.first} to {self.last} ({days})"


def asked_range(start: str | None, end: str | None, by: Period, *, whole: bool) -> Range:
    """Return the days. `whole`: begin with a whole period, or a file would get the sum of a part."""
    today = dt.datetime.now(dt.UTC).date()
    last = today if end is None else last_day(end, today)
    first = last - dt.timedelta(days=_DAYS) if start is None else first_day(start, today)
    if first > last:
        raise UsageError(f"--from {first} is after --to {last}")
    return Range(by.begin(first) if whole else first, last, by)


def first_day(text: str, today: dt.date) -> dt.date:
    """Return the first day that `text` means. Raises InvalidDate."""
    return _span(text, today)[0]


def last_day(text: str, today: dt.date) -> dt.date:
    """Return the last day that `text` means. Raises InvalidDate."""
    return _span(text, today)[1]


def _span(text: str, today: dt.date) -> tuple[dt.date, dt.date]:
    yesterday = today - dt.timedelta(days=1)
    last_month = today.replace(day=1) - dt.timedelta(days=1)
    match text:
        case "today":
            return today, today
        case "yesterday":
            return yesterday, yesterday
        case "this-month":
            return days_of(f"{today:%Y%m}")
        case "last-month":
            return days_of(f"{last_month:%Y%m}")
    return days_of(text, iso=True)
