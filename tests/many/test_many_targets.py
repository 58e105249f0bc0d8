"""Commands need hardly more memory in a channel of 50,000 targets than in one of 5,000: they hold no rows.

`make many` runs it, a minute or two. A row that is held takes half a kilobyte or more: 45,000 would be 22 MB.
`make many-full` does the same with a million targets, and writes what each command took as JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from arcli.engine import LocalGallery
from arcli.engine.indexing.upkeep import compact
from arcli.features import CODE_DIM, Features
from arcli.store.catalog import Catalog
from arcli.store.channel import ChannelStore
from arcli.store.counts import Counts
from arcli.store.rows import NewTarget
from benchmarks.results import describe_run, write_json

pytestmark = pytest.mark.many

CHANNEL, FEW, MANY = "many", 5_000, int(os.environ.get("ARCLI_MANY", "50000"))
RESULTS = os.environ.get("ARCLI_MANY_RESULTS")  # a file for what was measured
DAYS = [dt.date(2026, 1, 30), dt.date(2026, 1, 31), dt.date(2026, 2, 1)]
AT_ONCE = 5000
GROWTH_MB = 16 + 64 * max(0, MANY - 50_000) / 2**20  # 64 bytes a target: a number or two, but no row
WATCH = (  # a process of its own, so that the peak is that of one command
    "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]).returncode;"
    "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
    "print('peak', used.ru_maxrss, used.ru_utime + used.ru_stime, file=sys.stderr); sys.exit(done)"
)


@dataclass(frozen=True)
class Done:
    """What a command answered, its peak of memory in MB, and its seconds of CPU."""

    status: int
    out: str
    err: str
    peak: float
    cpu: float


def fill(data_dir: Path, number: int) -> None:
    """Make a channel of so many targets, each tenth with a picture, all found on each of some days."""
    rng = np.random.default_rng(1)
    picture = cv2.imencode(".jpg", np.full((40, 40, 3), 90, np.uint8))[1].tobytes()
    keypoints = np.ones((2, 4), np.float32)
    with LocalGallery(data_dir) as gallery:
        gallery.create_channel(name=CHANNEL)
    with Catalog.open(data_dir, create=False) as catalog:
        folder = catalog.channel(CHANNEL).folder
    with ChannelStore.open(folder) as store:
        for start in range(0, number, AT_ONCE):
            with store.write() as writer:
                for place in range(start, start + AT_ONCE):
                    codes = rng.integers(-99, 99, (2, CODE_DIM), dtype=np.int8)
                    writer.insert(
                        NewTarget(
                            identifier=f"target_{place:07d}",
                            features=Features(keypoints, codes, (99, 99), 1).to_bytes(),
                            metadata=json.dumps({"title": f"The picture of number {place}"}),
                            level=3,
                            picture_hash=f"{place:064x}",
                            picture=picture if place % 10 == 0 else None,
                        )
                    )

        compact(store)
    with Counts(folder) as counts:
        for day in DAYS:
            counts.add({(day, f"target_{place:07d}"): 1 + place % 7 for place in range(number)}, timeout=60)


@pytest.fixture(scope="module")
def galleries(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folders = {number: tmp_path_factory.mktemp(f"of-{number}") for number in (FEW, MANY)}
    for number, folder in folders.items():
        fill(folder / "data", number)
    return folders


@pytest.fixture(scope="module")
def figures() -> Iterator[dict[str, Any]]:
    """What each command took; written where ARCLI_MANY_RESULTS says."""
    commands: dict[str, Any] = {}
    yield commands
    if RESULTS:
        write_json(Path(RESULTS), describe_run() | {"commands": commands})


def run(folder: Path, words: str) -> Done:
    command = [sys.executable, "-m", "arcli", *words.format(folder=folder).split()]
    done = subprocess.run(
        [sys.executable, "-S", "-c", WATCH, *command],
        env={**os.environ, "ARCLI_DATA_DIR": str(folder / "data"), "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    err, _, peak = done.stderr.rpartition("peak ")
    most, cpu = peak.split()
    return Done(done.returncode, done.stdout, err, int(most) / 1024, float(cpu))


@pytest.mark.parametrize(
    ("words", "lines", "status"),
    [
        ("ls -c many -f ids", 1, 0),
        ("ls -c many", 1, 0),
        ("ls -c many --json", 1, 0),
        ("doctor --json", 0, 0),
        ("export {folder}/out -c many -f jsonl", 1, 3),
        ("sync {folder}/out/manifest.jsonl -c many --delete --dry-run -f jsonl", 1, 3),
        ("stats -c many --from 2026 --to 2026 -f csv", 3, 0),
        ("stats -c many --from 2026 --to 2026 --by month --sort count --json", 2, 0),
        ("stats -c many --from 2026 --to 2026 --top 3 -f csv --output {folder}/top.csv", 0, 0),
        ("stats -c many --from 2026 --to 2026 --output {folder}/all.csv --append", 0, 0),
        ("stats --all-channels --from 2026 --to 2026 --plot-file {folder}/all.svg -f ids", 0, 0),
        ("rm -c many --all --yes -f jsonl", 1, 0),  # the last one
    ],
)
def test_memory_does_not_grow_with_the_channel(
    galleries: dict[int, Path], figures: dict[str, Any], words: str, lines: int, status: int
) -> None:
    """lines: printed for each target. status: 3 where the targets without a kept picture are reported."""
    few, many = (run(galleries[number], words) for number in (FEW, MANY))
    figures[words.replace("{folder}/", "")] = {
        f"{number:,}": {"cpu_seconds": round(done.cpu, 1), "peak_mb": round(done.peak)}
        for number, done in ((FEW, few), (MANY, many))
    }
    assert (few.status, many.status) == (status, status), many.err[-2000:]
    assert max(many.out.count("\n"), many.out.count('"identifier"')) >= lines * MANY
    assert many.peak < few.peak + GROWTH_MB
