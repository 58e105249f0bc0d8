"""Parts that send requests: to every call what no client should send, and bytes that are hardly HTTP."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from pathlib import Path

from faults.report import Progress
from faults.site import Site, site
from faults.sockets import SHAPES, shape_problems
from faults.wire import Asker, Teller

FULL = 100_000
_SOCKETS = 50  # requests for each one that is hardly HTTP


def requests(progress: Progress, path: Path, minutes: float, most: int | None) -> Progress:
    """Send requests, the same ones for the same seed; go on after those that were sent before."""
    wanted = min(most or FULL, round(FULL * progress.share))
    chance = random.Random(f"{progress.seed} {progress.done}")
    phases, began, before = Counter(progress.phases), time.monotonic(), progress.seconds
    with site() as place:
        asker, teller = Asker(place, chance), Teller(place)
        while progress.done < wanted and time.monotonic() - began < 60 * minutes:
            kind, problems = _one(place, asker, teller, chance)
            phases[kind] += 1
            progress.done += 1
            progress.problems += problems
            for problem in problems:
                print(f"FAILED {problem}", file=sys.stderr, flush=True)
            progress.seconds = round(before + time.monotonic() - began, 1)
            progress.phases = dict(sorted(phases.items()))
            if progress.done % 2000 == 0:
                progress.save(path)
        teller.close()
    dearest = max(progress.figures.get("dearest_cpu_s", 0), round(teller.dearest, 2))
    slowest = max(progress.figures.get("slowest_s", 0), round(teller.slowest, 2))
    progress.figures = {"dearest_cpu_s": dearest, "slowest_s": slowest}
    progress.complete = progress.done >= wanted
    progress.save(path)
    return progress


def _one(place: Site, asker: Asker, teller: Teller, chance: random.Random) -> tuple[str, list[str]]:
    if chance.randrange(_SOCKETS) == 0:
        name = chance.choice(list(SHAPES))
        return f"socket: {name}", shape_problems(place, name, chance)
    ask = asker.draw()
    return f"{ask.kind}", teller.judge(ask)
