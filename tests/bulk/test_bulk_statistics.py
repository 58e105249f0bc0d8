"""Sums by period, and a file to which a cron job appends as often as it likes."""

import datetime as dt
import random
import threading
from pathlib import Path

import pytest

from arcli.bulk.sorting import SortOptions
from arcli.bulk.statistics import Period, append_statistics, identity, in_order, periods, summed
from arcli.errors import Conflict
from arcli.models import StatRecord


def record(date: str, count: int, name: str | None = "abc", missed: bool = False) -> StatRecord:
    return StatRecord(date=date, channel="c", identifier=name, count=count, missed=missed)


def test_sums_by_month_and_year() -> None:
    days = [record("20260131", 1), record("20260201", 2), record("20260228", 3), record("20270101", 4)]
    assert [*summed(days, Period.MONTH)] == [record("202601", 1), record("202602", 5), record("202701", 4)]
    assert [*summed(days, Period.YEAR)] == [record("2026", 6), record("2027", 4)]
    assert [*summed(days, Period.DAY)] == days


def test_more_than_fits_into_memory_is_sorted_and_summed_alike() -> None:
    rng = random.Random(7)
    days = [
        record(f"2026010{rng.randint(1, 9)}", rng.randint(1, 9), f"t{rng.randint(1, 40)}", rng.random() < 0.2)
        for _ in range(500)
    ]
    few = SortOptions(in_memory=7, runs=3)
    whole, pieces = in_order(days, identity), in_order(days, identity, options=few)
    assert [*pieces] == [*whole]
    assert [*pieces] == [*whole], "it can be read again"
    assert sum(one.count for one in pieces) == sum(one.count for one in days)
    newer = in_order(days, identity, options=few, join=lambda _, last: last)
    assert {identity(one): one.count for one in newer} == {identity(one): one.count for one in days}


def test_misses_are_summed_apart() -> None:
    days = [record("20260101", 1, None), record("20260102", 2, None, True)]
    assert [*summed(days, Period.YEAR)] == [record("2026", 1, None), record("2026", 2, None, True)]


def test_periods_without_matches_are_there_too() -> None:
    start, end = dt.date(2025, 12, 30), dt.date(2026, 1, 2)
    assert periods(start, end, Period.DAY) == ["20251230", "20251231", "20260101", "20260102"]
    assert periods(start, end, Period.MONTH) == ["202512", "202601"]


def test_a_job_that_runs_twice_adds_nothing_twice_and_completes_the_day(tmp_path: Path) -> None:
    path = tmp_path / "stats.csv"
    append_statistics(path, [record("20260101", 5), record("20260102", 1)], misses=False)
    append_statistics(path, [record("20260101", 5), record("20260102", 1)], misses=False)
    append_statistics(path, [record("20260102", 7), record("20260103", 2)], misses=False)
    expected = "date,channel,identifier,count\n20260101,c,abc,5\n20260102,c,abc,7\n20260103,c,abc,2\n"
    assert path.read_text() == expected


def test_names_of_any_kind_survive(tmp_path: Path) -> None:
    path = tmp_path / "stats.csv"
    odd = StatRecord(date="20260101", channel='海报, "neu"', identifier="a@b", count=1)
    append_statistics(path, [odd], misses=False)
    first = path.read_bytes()
    append_statistics(path, [odd], misses=False)
    assert (
        path.read_bytes()
        == first
        == b'date,channel,identifier,count\n20260101,"\xe6\xb5\xb7\xe6\x8a\xa5, ""neu""",a@b,1\n'
    )


@pytest.mark.parametrize(
    "content",
    [b"precious\n", b"date,channel\n", b"date,channel,identifier,count\n20260101,c,abc,many\n", b"\xff\xfe"],
)
def test_a_file_of_something_else_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "stats.csv"
    path.write_bytes(content)
    with pytest.raises(Conflict):
        append_statistics(path, [record("20260101", 1)], misses=False)
    assert path.read_bytes() == content


def test_months_are_not_appended_to_days(tmp_path: Path) -> None:
    path = tmp_path / "stats.csv"
    append_statistics(path, [record("20260101", 1)], misses=False)
    with pytest.raises(Conflict, match="other periods"):
        append_statistics(path, [record("202601", 1)], misses=False)


def test_misses_have_a_column_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "stats.csv"
    rows = [record("20260101", 3, None), record("20260101", 9, None, True)]
    for _ in range(2):
        append_statistics(path, rows, misses=True)
    assert path.read_text().splitlines()[1:] == ["20260101,c,,3,false", "20260101,c,,9,true"]


def test_two_jobs_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "stats.csv"
    days = [f"202601{day:02}" for day in range(1, 29)]
    jobs = [
        threading.Thread(target=append_statistics, args=(path, [record(day, 1)]), kwargs={"misses": False})
        for day in days
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(path.read_text().splitlines()) == 1 + len(days)
    assert [entry.name for entry in tmp_path.iterdir()] == ["stats.csv"]
