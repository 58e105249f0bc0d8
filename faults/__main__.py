"""python -m faults [PART ...] [--full] [--minutes N] [--state DIR] [--most N] [--seed N] [--fresh]"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from faults import crash, disk, power
from faults.harness import harness
from faults.report import SEED, Part, Progress, carry_out, resumed
from faults.requests import requests

FOLDER_PARTS: dict[str, Part] = {part.name: part for part in (crash.PART, power.PART, disk.PART)}
TENTH = {"crash": 0.02, "power": 0.01, "disk": 0.01, "requests": 0.02}
Run = Callable[[Progress, Path, float, int | None], Progress]


def on_folder(progress: Progress, path: Path, minutes: float, most: int | None) -> Progress:
    with tempfile.TemporaryDirectory(prefix="arcli-faults-") as scratch, harness(Path(scratch)) as made:
        return carry_out(FOLDER_PARTS[progress.part], made, progress, path, minutes=minutes, most=most)


PARTS: dict[str, Run] = {**dict.fromkeys(FOLDER_PARTS, on_folder), "requests": requests}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--full", action="store_true", help="everything; without it, a part of it as in CI")
    parser.add_argument("--minutes", type=float, default=55.0, help="stop after so many; run again to go on")
    parser.add_argument("--most", type=int, help="trials")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--state", type=Path, default=Path("bench-results/faults"))
    given = parser.parse_args()
    bad = False
    for name in given.parts:
        path = given.state / f"{name}{'' if given.full else '-tenth'}.json"
        progress = resumed(path, name, 1.0 if given.full else TENTH[name], given.seed)
        print(f"{name}: seed {given.seed}, from trial {progress.done}", flush=True)
        done = PARTS[name](progress, path, given.minutes, given.most)
        how = "complete" if done.complete else "to be continued"
        print(f"{name}: {done.done} trials in {done.seconds:.0f} s, {len(done.problems)} problems, {how}")
        bad = bad or bool(done.problems)
    return int(bad)


if __name__ == "__main__":
    raise SystemExit(main())
