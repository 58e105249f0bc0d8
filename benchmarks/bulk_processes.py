"""The resources of a tree of processes: memory without the index builder, and its memory and CPU."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

BUILDER = "arcli-index"  # the name that the builder gives itself
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Watched:
    """Bytes of PSS: `tree` sampled over time as (seconds, bytes), `builders` the maximum of each process.

    builder_cpu: seconds of each process.
    """

    tree: list[tuple[float, int]] = field(default_factory=list)
    builders: dict[int, int] = field(default_factory=dict)
    builder_cpu: dict[int, float] = field(default_factory=dict)

    @property
    def peak(self) -> int:
        return max(size for _, size in self.tree)

    def growth(self) -> float:
        """Return the peak of the last quarter of the time divided by that of the second quarter."""
        end = self.tree[-1][0]
        second = max(size for at, size in self.tree if end / 4 <= at < end / 2)
        last = max(size for at, size in self.tree if at >= end * 3 / 4)
        return last / second


def watch(process: subprocess.Popen[bytes], *, every: float = 0.2) -> Watched:
    """Sample until the process ends."""
    watched, began = Watched(), perf_counter()
    while True:
        try:
            process.wait(every)
        except subprocess.TimeoutExpired:
            _sample(process.pid, perf_counter() - began, watched)
        else:
            return watched


def _sample(root: int, at: float, watched: Watched) -> None:
    total = 0
    for pid in _tree(root):
        try:
            size = _pss(pid)
            if Path(f"/proc/{pid}/comm").read_text().strip() == BUILDER:
                watched.builders[pid] = max(size, watched.builders.get(pid, 0))
                watched.builder_cpu[pid] = _cpu(pid)
            else:
                total += size
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    watched.tree.append((at, total))


def _tree(root: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def _pss(pid: int) -> int:
    """Return the proportional set size in bytes; 0 for a process that has just ended."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
