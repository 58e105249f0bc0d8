"""Where the time of a lookup goes: phases add up, whatever they are nested in."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path

import pytest

from arcli import timings
from arcli.errors import Locked
from arcli.files import file_lock
from arcli.timings import MeanTimes, phase, recording


@pytest.fixture(autouse=True)
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second whenever it is read."""
    monkeypatch.setattr(timings, "perf_counter", itertools.count().__next__)


def test_a_phase_inside_another_counts_for_itself_alone() -> None:
    with recording() as times:
        with phase("verify"), phase("load"):
            pass
        with phase("load"):
            pass
    assert times.milliseconds() == {"verify": 2000, "load": 2000, "other": 3000}
    assert list(times.milliseconds())[-1] == "other"


def test_a_phase_that_fails_ends() -> None:
    with recording() as times, pytest.raises(ValueError, match="no"), phase("decode"):
        raise ValueError("no")
    assert times.milliseconds() == {"decode": 1000, "other": 2000}


def test_what_nobody_records_costs_nothing_and_is_kept_nowhere() -> None:
    with phase("decode"):
        pass
    with recording() as times:
        pass
    assert times.milliseconds() == {"other": 1000}


def test_the_mean_is_over_all_lookups() -> None:
    mean = MeanTimes()
    assert mean.mean == {}
    mean.add({"decode": 2.0, "other": 4.0})
    mean.add({"other": 2.0})
    assert (mean.number, mean.mean) == (2, {"decode": 1.0, "other": 3.0})


def test_waiting_for_a_lock_is_a_phase_of_its_own(tmp_path: Path) -> None:
    """The tests of many processes (tests/faults/test_many_processes.py) assert that no lookup has it."""
    locked = partial(file_lock, tmp_path / "lock", waiting=partial(phase, "wait"))
    with recording() as times:
        with locked(timeout=0):
            assert "wait" not in times.milliseconds()
            with pytest.raises(Locked), locked(timeout=0):
                pass
            assert "wait" not in times.milliseconds(), "it did not wait"
            with pytest.raises(Locked), locked(timeout=0.001):
                pass
        assert "wait" in times.milliseconds()
