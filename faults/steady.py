"""The tests of interrupts, faults and servers, again and again beside busy processes.

python -m faults.steady [--times 10] [--busy 4] [--state FILE] [TEST ...]: run again, it goes on with the runs
that are left. What fails only where the machine is slow fails here.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.results import describe_run
from faults.harness import ROOT

TESTS = ("tests/cli/test_interrupts.py", "tests/cli/test_process.py", "tests/faults", "tests/server")
_COUNTS = re.compile(r"\d+ (?:passed|failed|errors?)\b.* in [\d.]+s")
_SPIN = "import signal, sys; signal.alarm(int(sys.argv[1]))\nwhile True: pass"


@contextmanager
def busy(count: int, seconds: int) -> Iterator[None]:
    """Keep `count` processes busy, which end by themselves after so many seconds at the latest."""
    spinning = [subprocess.Popen([sys.executable, "-c", _SPIN, str(seconds)]) for _ in range(count)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def once(tests: list[str], seconds: int) -> dict[str, Any]:
    """Run the tests; return what pytest's last line counts, and the names of what failed."""
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-rfE", "-m"]
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "not bench and not browser and not many", *tests],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said = process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said = process.communicate()[0] + f"\nERROR no end after {seconds} s"
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    lines = said.strip().splitlines() or [""]
    failed = re.findall(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", said, re.MULTILINE)
    return {
        "passed": process.returncode == 0,
        "said": next((line.strip("= ") for line in reversed(lines) if _COUNTS.search(line)), lines[-1]),
        "failed": failed,
        "seconds": round(time.monotonic() - began),
    }


def load_averages() -> list[float]:
    return [round(one, 1) for one in os.getloadavg()]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tests", nargs="*", default=list(TESTS), metavar="TEST")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--busy", type=int, default=4, help="processes that do nothing but take time")
    parser.add_argument("--most", type=int, default=1500, help="seconds of a run, after which it has failed")
    parser.add_argument("--state", type=Path, default=Path("bench-results/faults/steady.json"))
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which ends what was started, too
    fresh: dict[str, Any] = {"run": describe_run(), "busy": given.busy, "tests": given.tests, "steady": []}
    known = json.loads(given.state.read_text()) if given.state.exists() else fresh
    while len(known["steady"]) < given.times:
        with busy(given.busy, given.most + 60):
            found = once(known["tests"], given.most)
        known["steady"].append(found | {"load": load_averages(), "commit": describe_run()["commit"]})
        given.state.parent.mkdir(parents=True, exist_ok=True)
        given.state.write_text(json.dumps(known, indent=1) + "\n")
        print(json.dumps(known["steady"][-1]), flush=True)
    return 0 if all(one["passed"] for one in known["steady"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
