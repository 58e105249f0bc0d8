"""Parts of the suites, run in pieces: what was done is kept in a file, so that a part can go on."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.results import describe_run

SEED = 14


class NotReached(Exception):
    """The operation took another way this time, and ended before it could be injured."""


@dataclass(frozen=True)
class Trial:
    """One injury. phase: what the table counts it under. run: returns what is wrong afterwards."""

    phase: str
    run: Callable[[], list[str]]


Trials = Iterable[tuple[int, Trial]]
"""Numbered, the same ones for the same share and seed; a generator may begin with the first that is left."""


@dataclass
class Progress:
    """How far a part has come. share: of the full size. only: its limit. phases: trials by phase."""

    part: str
    share: float
    seed: int
    only: str = ""
    done: int = 0
    complete: bool = False
    seconds: float = 0.0
    phases: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".tmp")
        aside.write_text(json.dumps(asdict(self), indent=1) + "\n")
        aside.replace(path)


def resumed(path: Path, part: str, share: float, seed: int, only: str = "") -> Progress:
    """Return what was done of the same run before, or a new one."""
    if path.exists():
        known = Progress(**json.loads(path.read_text()))
        if (known.part, known.share, known.seed, known.only, known.complete) == (
            part,
            share,
            seed,
            only,
            False,
        ):
            return known
    return Progress(part, share, seed, only, run=describe_run())


def carry_out(
    trials: Trials, progress: Progress, path: Path, *, minutes: float, most: int | None
) -> Progress:
    """Do trials until all are done, or `most` or `minutes` are over; save every half a minute."""
    began = saved = time.monotonic()
    before, phases = progress.seconds, Counter(progress.phases)
    complete = True
    for number, trial in trials:
        if number < progress.done:
            continue
        now = time.monotonic()
        if most is not None and number >= most:
            break
        if now - began > 60 * minutes:
            complete = False
            break
        phase = trial.phase
        try:
            found = [f"{phase} (trial {number}): {problem}" for problem in trial.run()]
        except NotReached:
            phase, found = f"{phase.partition(':')[0]}: not reached", []
        for problem in found:
            print(f"FAILED {problem}", file=sys.stderr, flush=True)
        progress.problems += found
        phases[phase] += 1
        progress.done, progress.phases = number + 1, dict(sorted(phases.items()))
        progress.seconds = round(before + time.monotonic() - began, 1)
        if now - saved > 30:
            progress.save(path)
            saved = now
    progress.complete = complete
    progress.save(path)
    return progress
