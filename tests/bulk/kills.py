"""Loads that are killed at random moments and continued until they are done."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from arcli.engine import LocalGallery

LOST = 10  # exit status: the service went away, and did not come back while the client tried
_MOMENT = 0.01  # seconds between looks at the report
_JITTER = 0.1  # seconds: a kill strikes up to so long after the line that was waited for
_PATIENCE = 600.0  # seconds without any end of a run: the test has failed

Start = Callable[[], "subprocess.Popen[bytes]"]
Strike = Callable[["subprocess.Popen[bytes]"], None]


def starter(words: Sequence[str | Path], *, cwd: Path, env: dict[str, str]) -> Start:
    """Return the command that starts `arcli WORDS`."""
    command = [sys.executable, "-m", "arcli", *map(str, words)]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    return start


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(_PATIENCE)


@dataclass
class KilledLoad:
    """`kills` strikes, spread over the `total` lines of `report`; some before a run has added anything."""

    start: Start
    report: Path
    total: int
    kills: int
    rng: random.Random
    strike: Strike = kill
    statuses: list[int] = field(default_factory=list)
    struck_at: list[int] = field(default_factory=list)

    def run(self) -> int:
        """Return the exit status of the run that ended by itself."""
        process = self.start()
        while True:
            status = self._until(process, self._goal())
            if status is None:
                self.struck_at.append(self._lines())
                self.strike(process)
                if process.poll() is not None:
                    process = self.start()
            elif status == LOST:
                self.statuses.append(status)
                process = self.start()
            else:
                return status

    def _goal(self) -> float:
        """Return the line of the report at which to kill next; infinite after enough kills."""
        left = self.kills - len(self.struck_at)
        if not left:
            return float("inf")
        if self.rng.random() < 0.2:
            return 0.0
        done = self._lines()
        return done + self.rng.uniform(0, (self.total - done) / (left + 1) * 1.5)

    def _until(self, process: subprocess.Popen[bytes], goal: float) -> int | None:
        """Wait for the goal and a random moment more; return the status if the run ends before."""
        looks = int(_PATIENCE / _MOMENT)
        for _ in range(looks):
            if self._lines() >= goal:
                return _ended(process, self.rng.uniform(0, _JITTER if goal else 2.0))
            status = _ended(process, _MOMENT)
            if status is not None:
                return status
        raise AssertionError(f"no end after {_PATIENCE} s at line {self._lines()} of {self.total}")

    def _lines(self) -> int:
        try:
            return self.report.read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0


def _ended(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


@contextmanager
def stored(data_dir: Path, channel: str) -> Iterator[dict[str, tuple[object, ...]]]:
    """Return everything that a channel stores for each target, except times."""
    with LocalGallery(data_dir) as gallery, gallery._channels.get(channel).store.read() as snapshot:
        _, rows = snapshot.list()
        features = snapshot.features(row.row_id for row in rows)
        yield {
            row.identifier: (
                features[row.row_id],
                row.metadata,
                row.matchratio,
                row.level,
                row.active,
                row.picture_hash,
                snapshot.picture(row.row_id),
            )
            for row in rows
        }
