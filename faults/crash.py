"""Kills: before every call that changes a file, at every fault point, and at random moments."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from arcli.files import FaultPoint
from faults.harness import Call, Event, Harness, Outcome
from faults.operations import chosen
from faults.report import NotReached, Progress, Trial
from faults.worker import Arms

SMALL = 0.1  # a share below which not every phase of every operation is tried
_UNSEEN = ("shared", "lock")  # what holds nothing that lasts


@dataclass(frozen=True)
class Rehearsal:
    """How an operation goes when nothing stops it. seconds: how long it takes."""

    events: list[Event]
    seconds: float

    @property
    def calls(self) -> list[tuple[int, str]]:
        """Return (number, phase) of the calls that change something which lasts."""
        numbered = enumerate((event for event in self.events if event.call is not Call.MARK), start=1)
        return [(number, event.phase) for number, event in numbered if not event.phase.endswith(_UNSEEN)]

    @property
    def points(self) -> list[str]:
        return sorted({event.data.decode()[6:] for event in self.events if event.data.startswith(b"point ")})


def rehearse(harness: Harness, name: str) -> Rehearsal:
    """Do an operation without injury; it must end well and leave what it should."""
    import time

    harness.base(name)
    began = time.monotonic()
    done = harness.operate(name, Arms(trace=str(harness.trace), point="none"))
    seconds = time.monotonic() - began
    assert done.ended == "well", done.diary[-1:]
    found = harness.problems(name, done.diary)
    assert found == [], (name, found)
    return Rehearsal(done.events, seconds)


def trials(harness: Harness, progress: Progress) -> Iterator[tuple[int, Trial]]:
    return enumerate(_trials(harness, progress.share, progress.seed, chosen(progress.only)))


def _trials(harness: Harness, share: float, seed: int, names: Sequence[str]) -> Iterator[Trial]:
    """Yield kills of every operation; `share` of the calls, each phase at least once."""
    chance = random.Random(seed)
    for name in names:
        known = rehearse(harness, name)
        for number, phase in spread(known.calls, share, chance):
            yield Trial(f"{name}: before {phase}", partial(kill, harness, name, Arms(kill_at=number)))
        for point in chance.sample(known.points, 2 if share < SMALL and known.points else len(known.points)):
            assert point in set(FaultPoint)
            yield Trial(f"{name}: at {point}", partial(kill, harness, name, Arms(point=point)))
        for _ in range(max(1, round(20 * share))):
            seconds = chance.uniform(0.001, known.seconds)
            yield Trial(f"{name}: at a random moment", partial(kill, harness, name, Arms(), seconds))


def spread(calls: list[tuple[int, str]], share: float, chance: random.Random) -> list[tuple[int, str]]:
    """Return a share of the calls: one of each phase at least, or of three where the share is small."""
    by_phase: dict[str, list[int]] = defaultdict(list)
    for number, phase in calls:
        by_phase[phase].append(number)
    small = share < SMALL
    phases = chance.sample(sorted(by_phase), min(3, len(by_phase))) if small else by_phase
    return sorted(
        (number, phase)
        for phase in phases
        for number in chance.sample(
            by_phase[phase], 1 if small else max(1, round(share * len(by_phase[phase])))
        )
    )


def kill(harness: Harness, name: str, arms: Arms, seconds: float | None = None) -> list[str]:
    done = harness.operate(name, arms, seconds=seconds)
    if not done.killed and (arms.kill_at or arms.point):
        if done.ended == "crash":
            return judged(harness, name, done)
        raise NotReached
    return judged(harness, name, done)


def judged(harness: Harness, name: str, done: Outcome) -> list[str]:
    """Return what is wrong after an operation that was stopped."""
    crash = [done.diary[-1]] if done.ended == "crash" else []
    return crash + harness.problems(name, done.diary)
