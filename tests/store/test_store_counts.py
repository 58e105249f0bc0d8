"""Match counts by day."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from arcli.errors import DataDamaged
from arcli.store import counts as counts_module
from arcli.store.counts import COUNTS_FILE, MATCHED, MISSED, Count, Counts

MAY, JUNE, JULY = (dt.date(2026, month, 1) for month in (5, 6, 7))


def test_photos_are_counted_by_day_and_target(folder: Path) -> None:
    with Counts(folder) as counts:
        counts.record(["one"], day=MAY)
        counts.record(["one", "two"], day=JUNE)
        counts.record(["one"], day=JUNE)
        counts.record([], day=JUNE)
        assert counts.read(MAY, JULY) == [], "nothing was flushed"
        assert counts.flush()
        counts.record(["one"], day=JULY)
        assert counts.flush()
    with Counts(folder) as counts:
        assert counts.read(MAY, MAY) == [Count(MAY, MATCHED, 1), Count(MAY, "one", 1)]
        assert counts.read(JUNE, JULY, "one") == [Count(JUNE, "one", 2), Count(JULY, "one", 1)]
        assert counts.read(JUNE, JUNE, MATCHED) == [Count(JUNE, MATCHED, 2)]
        assert counts.read(MAY, JULY, MISSED) == [Count(JUNE, MISSED, 1)]
        assert counts.knows("two")
        assert not counts.knows("three")


def test_today_is_a_day_in_utc(folder: Path) -> None:
    with Counts(folder) as counts:
        before = dt.datetime.now(dt.UTC).date()
        counts.record(["one"])
        counts.flush()
        after = dt.datetime.now(dt.UTC).date()
        assert sum(count.count for count in counts.read(before, after, "one")) == 1


def test_reading_makes_no_file(folder: Path) -> None:
    before = sorted(folder.iterdir())
    with Counts(folder) as counts:
        assert counts.read(MAY, JULY) == []
        assert not counts.knows("one")
        assert counts.flush()
    assert sorted(folder.iterdir()) == before


def test_several_counters_add_up(folder: Path) -> None:
    with Counts(folder) as first, Counts(folder) as second:
        for counts in (first, second, first):
            counts.record(["one"], day=MAY)
            assert counts.flush()
        assert first.read(MAY, MAY, "one") == [Count(MAY, "one", 3)]


def test_damaged_counts_say_so(folder: Path) -> None:
    (folder / COUNTS_FILE).write_bytes(b"rubbish" * 1000)
    with Counts(folder) as counts:
        counts.record(["one"])
        with pytest.raises(DataDamaged):
            counts.flush()
        with pytest.raises(DataDamaged):
            counts.read(MAY, JULY)


def test_a_flush_waits_for_the_one_of_another_thread(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else statistics that were asked for right after a find could miss it."""
    with Counts(folder) as counts:
        counts.record(["alpha"])
        writing, go_on, add = threading.Event(), threading.Event(), counts.add

        def slow_add(*args: object, **more: object) -> None:
            writing.set()
            go_on.wait(30)
            add(*args, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(counts, "add", slow_add)
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(counts.flush)
            writing.wait(30)
            second = pool.submit(counts.flush)
            assert not wait([second], timeout=0.2).done
            go_on.set()
            assert first.result(30)
            assert second.result(30)
        assert counts.knows("alpha")


def test_counts_are_on_the_medium_within_a_minute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    clock = 0.0
    monkeypatch.setattr(counts_module, "sync", lambda path: synced.append(path.name))
    monkeypatch.setattr(counts_module.time, "monotonic", lambda: clock)
    with Counts(folder) as counts:
        for clock in (1.0, 59.0, 60.0, 61.0, 120.0):  # noqa: B007 - the clock reads it
            counts.record(["one"])
            assert counts.flush()
    assert synced == ["counts.sqlite-wal"] * 2, "at 60 and at 120"
