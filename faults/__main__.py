"""python -m faults [PART ...] [--full] [--minutes N] [--state DIR] [--most N] [--only NAME] [--seed N]"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faults.parts import PARTS
from faults.report import SEED, resumed

CI = [name for name, part in PARTS.items() if part.tenth]


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--full", action="store_true", help="everything; without it, a part of it as in CI")
    parser.add_argument("--minutes", type=float, default=55.0, help="stop after so many; run again to go on")
    parser.add_argument("--most", type=int, help="trials")
    parser.add_argument("--only", default="", help="an operation, a reader")
    parser.add_argument("--share", type=float, help="of all that could be tried")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--state", type=Path, default=Path("bench-results/faults"))
    return parser


def two_at_a_time(names: list[str]) -> int:
    """Run parts in processes of their own, and print what each said when it has ended."""

    def run(name: str) -> int:
        words = [word for word in sys.argv[1:] if word not in names]
        command = [sys.executable, "-m", "faults", *words, name]
        done = subprocess.run(command, capture_output=True, text=True)
        print(done.stdout + done.stderr, end="", flush=True)
        return done.returncode

    with ThreadPoolExecutor(2) as pool:
        return max(pool.map(run, names))


def main() -> int:
    given = options().parse_args()
    if len(given.parts) != 1 and not given.full:
        return two_at_a_time(given.parts or CI)
    bad = False
    for name in given.parts or list(PARTS):
        part = PARTS[name]
        path = given.state / f"{name}{'' if given.full else '-tenth'}.json"
        share = given.share or (part.full if given.full else part.tenth)
        progress = resumed(path, name, share, given.seed, given.only)
        print(f"{name}: seed {given.seed}, from trial {progress.done}", flush=True)
        done = part.run(progress, path, given.minutes, given.most)
        how = "complete" if done.complete else "to be continued"
        print(f"{name}: {done.done:,} in {done.seconds:.0f} s, {len(done.problems)} problems, {how}")
        bad = bad or bool(done.problems)
    return int(bad)


if __name__ == "__main__":
    raise SystemExit(main())
