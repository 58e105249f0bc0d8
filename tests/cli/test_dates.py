"""Days as people write them: `--from` takes the first that a word means, `--to` the last."""

import datetime as dt

import pytest

from arcli.commands.stats.days import first_day, last_day
from arcli.errors import InvalidDate

TODAY = dt.date(2026, 3, 1)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        ("202402", "2024-02-01", "2024-02-29"),
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("20260115", "2026-01-15", "2026-01-15"),
        ("2026-01-15", "2026-01-15", "2026-01-15"),
        ("today", "2026-03-01", "2026-03-01"),
        ("yesterday", "2026-02-28", "2026-02-28"),
        ("this-month", "2026-03-01", "2026-03-31"),
        ("last-month", "2026-02-01", "2026-02-28"),
    ],
)
def test_days_as_people_write_them(text: str, first: str, last: str) -> None:
    assert (f"{first_day(text, TODAY)}", f"{last_day(text, TODAY)}") == (first, last)


@pytest.mark.parametrize(
    "text", ["", "26", "20260230", "2026-1-5", "2026/01/05", "tomorrow", "２０２６", "0000"]
)
def test_what_is_no_day(text: str) -> None:
    with pytest.raises(InvalidDate):
        first_day(text, TODAY)
