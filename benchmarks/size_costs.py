"""What lookups cost in one channel: warm in this process, cold as a command, and in memory."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from arcli.engine import LocalGallery
from arcli.engine.indexing.coverage import INDEXING
from arcli.features import INDEX_DIM, Features
from arcli.index.flat import ExactIndex
from arcli.models import FindOptions, FindResult, Picture
from arcli.store.channel import ChannelStore
from arcli.vision.decoding.decode import decode
from arcli.vision.features.extract import extract
from benchmarks.recognition import BENCH, expected_of
from benchmarks.size_pool import Pool, varied

PHASES = ("decode", "extract", "shortlist", "load", "verify", "other")
ROUNDS = 3
COMPARED = 6000  # targets of each kind in `nearest`

Row = dict[str, Any]
Timed = tuple[FindResult, float]
"""A lookup and its CPU time in ms."""


def lookups(gallery: LocalGallery, channel: str, photos: Sequence[Row]) -> Row:
    """Look photos up one after another in this process, once to warm up and then to measure."""
    pictures = [Picture.from_path(BENCH / photo["file"]) for photo in photos]
    for picture in pictures:
        _timed(gallery, channel, picture)
    rounds = [[_timed(gallery, channel, picture) for picture in pictures] for _ in range(ROUNDS)]
    best = [min(each, key=lambda one: one[0].elapsed_ms) for each in zip(*rounds, strict=True)]
    right = 0
    for photo, (result, _) in zip(photos, best, strict=True):
        wanted = set().union(*expected_of(photo))
        right += bool(result.matches) and result.matches[0].identifier in wanted
    matched = [one for one in best if one[0].matched]
    return {"recall_at_1": round(right / len(photos), 4), "matched_photos": len(matched), **_medians(matched)}


def _timed(gallery: LocalGallery, channel: str, picture: Picture) -> Timed:
    began = process_time()
    result = gallery.find(picture=picture, channels=[channel], options=FindOptions(count=False, jobs=1))
    return result, (process_time() - began) * 1000


def _medians(matched: Sequence[Timed]) -> Row:
    """Return medians of CPU, the clock and phases. CPU is divided among the phases as the clock is."""

    def median(of: Any) -> float:
        return round(statistics.median(of(result, cpu) for result, cpu in matched), 1)

    return {
        "find_cpu_ms": median(lambda _, cpu: cpu),
        "find_ms": median(lambda result, _: result.elapsed_ms),
        "without_extraction_ms": median(lambda result, _: without_extraction(result.timings_ms)),
        "without_extraction_cpu_ms": median(
            lambda result, cpu: cpu * without_extraction(result.timings_ms) / result.elapsed_ms
        ),
        "phases_ms": {
            name: median(lambda result, _, name=name: result.timings_ms.get(name, 0.0)) for name in PHASES
        },
    }


def without_extraction(timings: Mapping[str, float]) -> float:
    return sum(spent for name, spent in timings.items() if name not in ("decode", "extract"))


def one_shots(data_dir: Path, channels: tuple[str, str], photo: Row) -> Row:
    """Run `arcli find` as a shell does, seven times in turn in a large and a small channel."""
    large, small = channels
    shots = [(_one_shot(data_dir, large, photo), _one_shot(data_dir, small, photo)) for _ in range(7)]
    figures: Row = {"one_shot_peak_mb": max(ours["mb"] for ours, _ in shots)}
    figures["one_shot_peak_mb_16"] = max(theirs["mb"] for _, theirs in shots)
    for name in ("cpu_seconds", "seconds"):
        figures[f"one_shot_{name}"] = round(statistics.median(ours[name] for ours, _ in shots), 3)
        figures[f"one_shot_{name}_16"] = round(statistics.median(theirs[name] for _, theirs in shots), 3)
    for file in (data_dir / "channels").rglob("*"):
        _out_of_cache(file)
    figures["one_shot_seconds_cold_disk"] = round(_one_shot(data_dir, large, photo)["seconds"], 3)
    return figures


def _one_shot(data_dir: Path, channel: str, photo: Row) -> dict[str, float]:
    """Run one lookup as a command; return its CPU and wall seconds and the most memory that it held (MB)."""
    environment = os.environ | {"ARCLI_DATA_DIR": str(data_dir)}
    words = [sys.executable, "-m", "arcli", "find", str(BENCH / photo["file"]), "-c", channel, "--no-count"]
    watch = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True);"
    watch += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(
        [sys.executable, "-S", "-c", watch, *words],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_seconds": cpu, "seconds": perf_counter() - began, "mb": int(done.stdout) >> 10}


def _out_of_cache(file: Path) -> None:
    """Have the system read a file from the disk next time."""
    if file.is_file():
        with file.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory(data_dir: Path, channel: str, photos: Sequence[Row]) -> Row:
    """Return what a process that looks photos up holds: anonymous memory, and pages of files."""
    work = (
        "import sys; from pathlib import Path; from arcli.engine import LocalGallery;"
        "from arcli.models import FindOptions, Picture;"
        "g = LocalGallery(Path(sys.argv[1]));"
        "options = FindOptions(count=False, jobs=1);"
        f"[g.find(picture=Picture.from_path(p), channels=['{channel}'], options=options)"
        " for p in sys.argv[2:]];"
        "print(open('/proc/self/status').read())"
    )
    paths = [str(BENCH / photo["file"]) for photo in photos]
    words = [sys.executable, "-c", work, str(data_dir), *paths]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    held = dict(line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    return {
        "anonymous_mb": round(int(held["RssAnon"].split()[0]) / 1024),
        "file_backed_mb": round(int(held["RssFile"].split()[0]) / 1024),
    }


def nearest(source: ChannelStore, pool: Pool, photos: Sequence[Row]) -> Row:
    """Return how far a photo's descriptors are from the nearest stored ones: the 10th, 50th, 90th percentile.

    Stored are once pictures varied before extraction, once variants of their first thousands made after it.
    """
    with source.read() as snapshot:
        real = [*snapshot.features(pool.others[:COMPARED]).values()]
    half = real[: COMPARED // 2]
    made = [varied(data, seed) for seed, data in zip(count(1), half, strict=False)]
    kinds = {"warped before extraction": real, "half varied after extraction": half + made}
    return {name: _percentiles(stored, photos) for name, stored in kinds.items()}


def _percentiles(stored: Sequence[bytes], photos: Sequence[Row]) -> list[float]:
    codes = [Features.from_bytes(data).codes[: INDEXING.keypoints, :INDEX_DIM] for data in stored]
    index = ExactIndex(np.concatenate(codes), np.repeat(np.arange(len(codes)), [len(c) for c in codes]))
    found = []
    for photo in photos:
        decoded = decode((BENCH / photo["file"]).read_bytes(), name=photo["file"], max_side=400)
        query = extract(decoded.pixels, max_side=400, max_keypoints=100).codes[:, :INDEX_DIM]
        found.append(np.sqrt(index.search(query, 1).distances[:, 0]))
    return [round(float(each), 1) for each in np.percentile(np.concatenate(found), (10, 50, 90))]
