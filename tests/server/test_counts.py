"""Statistics: bounded whatever is asked for, and one channel that cannot be read hides no other's counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from arcli.errors import ArcliError, DataDamaged, StorageNotWritable, UsageError
from arcli.models import StatisticsQuery, StatRecord
from arcli.server.lookup import match_counts
from arcli.server.service import PAGES

YEARS = StatisticsQuery(start=dt.date(2000, 1, 1), end=dt.date(2030, 1, 1))


def service(statistics: Callable[[StatisticsQuery], Iterator[StatRecord]]) -> tuple[Any, list[str]]:
    """A service over a gallery whose counts are `statistics`, and what it logs."""
    told: list[str] = []
    gallery = SimpleNamespace(statistics=statistics)
    return SimpleNamespace(gallery=gallery, trouble=told.append), told


@pytest.mark.parametrize("over", [0, 1])
def test_no_more_records_are_read_than_are_answered(over: int) -> None:
    read = 0

    def statistics(query: StatisticsQuery) -> Iterator[StatRecord]:
        nonlocal read
        for _ in range(PAGES.records + 1000 * over):
            read += 1
            yield StatRecord(date="20240101", channel=query.channel, identifier="a", count=1)

    query = replace(YEARS, channel="posters")
    if not over:
        assert len(match_counts(service(statistics)[0], query, list)) == PAGES.records
        return
    with pytest.raises(UsageError, match="200,000") as refused:
        match_counts(service(statistics)[0], query, list)
    assert "fewer days" in str(refused.value.hint)
    assert read == PAGES.records + 1


@pytest.mark.parametrize("error", [DataDamaged, StorageNotWritable])
def test_a_channel_that_cannot_be_read_is_left_out_and_named(error: type[ArcliError]) -> None:
    def statistics(query: StatisticsQuery) -> Iterator[StatRecord]:
        if query.channel == "broken":
            raise error("no")
        yield StatRecord(date="20240101", channel=query.channel, identifier=None, count=3)

    asked, told = service(statistics)
    records = match_counts(asked, YEARS, lambda: ["broken", "posters"])
    assert [(record.channel, record.count) for record in records] == [("posters", 3)]
    assert "broken" in told[0]
