"""python -m faults [PART ...] [--full] [--minutes N] [--state DIR] [--most N] [--only NAME] [--seed N]"""

from __future__ import annotations

import argparse
from pathlib import Path

from faults.parts import PARTS
from faults.report import SEED, resumed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--full", action="store_true", help="everything; without it, a part of it as in CI")
    parser.add_argument("--minutes", type=float, default=55.0, help="stop after so many; run again to go on")
    parser.add_argument("--most", type=int, help="trials")
    parser.add_argument("--only", default="", help="an operation, a reader")
    parser.add_argument("--share", type=float, help="of all that could be tried")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--state", type=Path, default=Path("bench-results/faults"))
    given = parser.parse_args()
    bad = False
    for name in given.parts:
        part = PARTS[name]
        path = given.state / f"{name}{'' if given.full else '-tenth'}.json"
        share = given.share or (part.full if given.full else part.tenth)
        progress = resumed(path, name, share, given.seed, given.only)
        print(f"{name}: seed {given.seed}, from trial {progress.done}", flush=True)
        done = part.run(progress, path, given.minutes, given.most)
        how = "complete" if done.complete else "to be continued"
        print(f"{name}: {done.done} trials in {done.seconds:.0f} s, {len(done.problems)} problems, {how}")
        bad = bad or bool(done.problems)
    return int(bad)


if __name__ == "__main__":
    raise SystemExit(main())
