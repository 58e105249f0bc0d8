"""A long load into a local channel: CPU against bare decode + SIFT, memory, the index separately."""

from __future__ import annotations

import logging
import multiprocessing
import re
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from arcli.bulk.add_plan import Defaults, plan_words
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.plan_run import load
from arcli.engine import LocalGallery
from arcli.models import AddOptions
from arcli.parallel import default_jobs, prepare_worker
from benchmarks.baseline import IndexWork, register_bare
from benchmarks.bulk_processes import watch
from benchmarks.growth_pictures import distractors, varied

_ANNOUNCED = re.compile(r"indexing .* takes up to (\d+) MiB")
_BARE = 2000  # pictures for the comparison, evenly spread


def make_pictures(folder: Path, count: int) -> None:
    """Write `count` JPEG files made from the distractors; existing files are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    originals = distractors()
    tasks = [(originals[n % len(originals)], n // len(originals), folder) for n in range(count)]
    missing = [task for task in tasks if not _path(task).exists()]
    context = multiprocessing.get_context("spawn")
    with context.Pool(default_jobs(), initializer=prepare_worker) as pool:
        for _ in pool.imap_unordered(_make, missing, chunksize=32):
            pass


def _path(task: tuple[Path, int, Path]) -> Path:
    original, seed, folder = task
    return folder / f"{original.stem}_{seed}.jpg"


def _make(task: tuple[Path, int, Path]) -> None:
    original = cv2.imread(str(task[0]))
    assert original is not None, "a picture of the bench can be read"
    pixels = varied(original.astype(np.uint8, copy=False), task[1])
    cv2.imwrite(str(_path(task)), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])


def measure(pictures: Path, home: Path) -> dict[str, Any]:
    """Load a folder in a process of its own and watch it."""
    paths = sorted(pictures.glob("*.jpg"))
    sample = paths[:: max(1, len(paths) // _BARE)]
    before_load = register_bare(sample[::2], default_jobs())  # and half after: the machine's speed varies
    log = home / "log"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = perf_counter()
    with log.open("w") as errors:
        command = [sys.executable, "-m", "benchmarks.bulk_load", str(pictures), str(home / "data")]
        process = subprocess.Popen(command, stderr=errors)
        watched = watch(process)
    seconds = perf_counter() - began
    assert process.returncode == 0, log.read_text()[-2000:]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    bare = before_load + register_bare(sample[1::2], default_jobs())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    built = sum(watched.builder_cpu.values())
    inline = float(re.findall(r"^inline index CPU (\S+)$", log.read_text(), re.MULTILINE)[-1])
    announced = [int(mib) << 20 for mib in _ANNOUNCED.findall(log.read_text())]
    each = 1000 * (cpu - built - inline) / len(paths)
    return {
        "pictures": len(paths),
        "processes": default_jobs(),
        "bare_cpu_ms": bare.cpu_ms,
        "add_cpu_ms": each,
        "cpu_ratio": each / bare.cpu_ms,
        "index_cpu_ms": 1000 * (built + inline) / len(paths),
        "per_second_with_index": len(paths) / seconds,
        "bare_per_second": bare.rate,
        "tree_peak_mib": watched.peak / 2**20,
        "tree_growth": watched.growth(),
        "builder_peak_mib": [size / 2**20 for size in watched.builders.values()],
        "builder_announced_mib": [size / 2**20 for size in announced],
        "builder_over_announced": _over(watched.builders, announced),
    }


def _over(builders: dict[int, int], announced: list[int]) -> float:
    """Return the worst of peak / estimate; builders too short-lived to be sampled are left out."""
    pairs = zip(builders.values(), announced[-len(builders) :], strict=False)
    return max((peak / estimate for peak, estimate in pairs), default=0.0)


def _load(pictures: Path, data_dir: Path) -> None:
    """Do what `arcli add FOLDER` does, with the builder's log; runs in the measured process."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    plan = plan_words([str(pictures)], IdFrom.STEM, Defaults())
    with IndexWork() as folds, LocalGallery(data_dir) as gallery:
        results = load(gallery, channel="default", plan=plan, options=AddOptions())
        counts = Counter(result.status.value for result in results)
    print(f"{dict(counts)} of {plan.total}\ninline index CPU {folds.own_cpu:.1f}", file=sys.stderr)


if __name__ == "__main__":
    _load(Path(sys.argv[1]), Path(sys.argv[2]))
