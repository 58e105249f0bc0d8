"""Where the time of a lookup goes, phase by phase.

Code that does the work of a phase marks it with `phase(...)`; `recording()` collects what is marked inside.
No stopwatch is passed down, and when nothing is recorded a phase costs a microsecond.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Literal

Phase = Literal["decode", "extract", "shortlist", "load", "verify", "wait"]
"""decode: the photo, at the largest size that is searched; extract: keypoints and descriptors; shortlist: the
index and its votes; load: features and thumbnails from the store; verify: matching, geometry, scores;
wait: for a lock that another thread or process holds, which no phase is unless there was one."""

OTHER = "other"


class PhaseTimes:
    """Wall-clock time by phase. A phase inside another counts only for itself, so that all of them add up."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._open = [OTHER]
        self._since = perf_counter()

    def enter(self, name: str) -> None:
        self._turn()
        self._open.append(name)

    def leave(self) -> None:
        self._turn()
        self._open.pop()

    def milliseconds(self) -> dict[str, float]:
        """Return the time of each phase so far, and finally `other`: time outside all phases."""
        self._turn()
        names = sorted(self._seconds, key=lambda name: name == OTHER)
        return {name: self._seconds[name] * 1000 for name in names}

    def _turn(self) -> None:
        now, name = perf_counter(), self._open[-1]
        self._seconds[name] = self._seconds.get(name, 0.0) + now - self._since
        self._since = now


_recorded: ContextVar[PhaseTimes | None] = ContextVar("phase_times", default=None)


@contextmanager
def recording() -> Iterator[PhaseTimes]:
    """Record the phases of what this thread does inside the block."""
    times = PhaseTimes()
    token = _recorded.set(times)
    try:
        yield times
    finally:
        _recorded.reset(token)


@contextmanager
def phase(name: Phase) -> Iterator[None]:
    """Count the time inside the block for this phase, if times are being recorded."""
    times = _recorded.get()
    if times is None:
        yield
        return
    times.enter(name)
    try:
        yield
    finally:
        times.leave()


class MeanTimes:
    """The mean of each phase over lookups, in their unit; a phase that a lookup lacks counts as 0."""

    def __init__(self) -> None:
        self.number = 0
        self._total: dict[str, float] = {}

    def add(self, times: Mapping[str, float]) -> None:
        self.number += 1
        for name, spent in times.items():
            self._total[name] = self._total.get(name, 0.0) + spent

    @property
    def mean(self) -> dict[str, float]:
        return {name: total / self.number for name, total in self._total.items()}
