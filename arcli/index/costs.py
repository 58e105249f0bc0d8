"""What each kind of segment costs, as measured: `auto` chooses by it, `channel estimate` adds it up.

The figures are in data/costs.json, which `python -m benchmarks.size_report` makes of the results of
`make bench-size-full` and `make bench-kinds`, with their date, commit and machine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

WITHOUT_FAISS = " without faiss"  # after the name of a kind: its costs where numpy does the work


@dataclass(frozen=True, slots=True)
class Line:
    """A cost that grows with size: `fixed`, `each` for a descriptor or target, `tenfold` for a size ten
    times as large.
    """

    fixed: float
    each: float
    tenfold: float = 0.0

    def at(self, size: float) -> float:
        return max(0.0, self.fixed + self.each * size + self.tenfold * math.log10(max(size, 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCosts:
    """Costs by number of descriptors. file, memory: bytes. build, open, search: ms of CPU.

    search: one search by the keypoints of a photo's first view. open: what a process pays before its first.
    """

    file: Line
    memory: Line
    build: Line
    open: Line
    search: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCosts:
    """Costs by number of targets. store, pictures, process: bytes on disk and of memory, index apart.
    compact: bytes of the store that the preset compact saves.

    enroll: ms of CPU to add a target, index apart. extract: ms of a lookup for keypoints and descriptors.
    verify: ms of a lookup for all but these and the index. searches: how many searches a lookup makes, in
    units of `KindCosts.search`. command: ms of a lookup as a command, index apart.
    """

    store: Line
    compact: Line
    pictures: Line
    process: Line
    enroll: Line
    extract: Line
    verify: Line
    command: Line
    searches: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """All that was measured; `origin`: date, commit, machine, and the largest number of targets."""

    origin: Mapping[str, Any]
    kinds: Mapping[str, KindCosts]
    channel: ChannelCosts


@cache
def costs() -> Costs:
    """Return the figures that are shipped with this arcli."""
    stored = json.loads(files("arcli.index").joinpath("data", "costs.json").read_text(encoding="utf-8"))
    searches = stored["channel"].pop("searches")
    return Costs(
        origin=stored["origin"],
        kinds={name: KindCosts(**_lines(kind)) for name, kind in stored["kinds"].items()},
        channel=ChannelCosts(searches=searches, **_lines(stored["channel"])),
    )


def _lines(stored: Mapping[str, list[float]]) -> dict[str, Line]:
    return {name: Line(*line) for name, line in stored.items()}
