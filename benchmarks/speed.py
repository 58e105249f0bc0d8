"""The performance figures, each relative to bare decode + SIFT in the same run: `make bench`.

Absolute times depend on the machine and on its other work; only the ratios count. ARGS: --pictures N
(distractors to add), --every N (each Nth photo is looked up), --output FILE.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from arcli.engine import LocalGallery
from arcli.models import AddItem, Effort, FindOptions, Picture
from arcli.parallel import default_jobs
from benchmarks.baseline import (
    QUERY_KEYPOINTS,
    QUERY_SIDE,
    Cost,
    IndexWork,
    Stopwatch,
    cpu_seconds,
    decode_and_sift,
    register_bare,
)
from benchmarks.recognition import BENCH, manifest, need_photo_sets
from benchmarks.results import describe_run, print_table, write_json

ADD_RATIO, FIND_RATIO, NOTHING_RATIO, HELP_CPU_MS = 1.25, 0.9, 3.0, 150
PHOTO_SETS = ("smvs_book_covers", "smvs_museum_paintings", "banknotes_iran", "negatives")
Row = tuple[str, str, str]


def pictures(role: str) -> list[tuple[Path, str]]:
    """Return path and identifier of the pictures of a role."""
    rows = (row for row in manifest() if row["role"] == role)
    return [(BENCH / row["file"], row["id"] or Path(row["file"]).stem) for row in rows]


def add(data_dir: Path, entries: Sequence[tuple[Path, str]]) -> tuple[Cost, IndexWork]:
    """Register pictures; what was refused (too few features) counts as done, for it was extracted too."""
    items = (AddItem(picture=Picture.from_path(path), identifier=name) for path, name in entries)
    with IndexWork() as indexing, Stopwatch() as watch, LocalGallery(data_dir) as gallery:
        done = sum(1 for _ in gallery.add_many(channel="default", items=items))
    return watch.cost(done), indexing


def measure_adding(data_dir: Path, count: int) -> dict[str, Any]:
    entries = pictures("distractor")[:count]
    processes = default_jobs()
    paths = [path for path, _ in entries]
    before = register_bare(paths[::2], processes)  # half before, half after: the machine's speed varies
    ours, indexing = add(data_dir, entries)
    bare = before + register_bare(paths[1::2], processes)
    return {
        "pictures": ours.items,
        "processes": processes,
        "bare_cpu_ms": bare.cpu_ms,
        "add_cpu_ms": 1000 * (ours.cpu - indexing.cpu) / ours.items,
        "index_cpu_ms": 1000 * indexing.cpu / ours.items,
        "cpu_ratio": (ours.cpu - indexing.cpu) / bare.cpu,
        "bare_per_second": bare.rate,
        "add_per_second_with_index": ours.rate,
        "add_per_second_without_index": ours.items / (ours.seconds - indexing.seconds),
    }


def measure_finding(gallery: LocalGallery, every: int) -> dict[str, Any]:
    """Look photos up one by one in one thread, each right after its own bare decode + SIFT at 640 px.

    "first": when no other photo of the target was compared, so that its picture is searched for codes, and
    lists of the index are read for the first time.
    """
    rows = [row for row in manifest() if row["role"] in ("query", "negative") and row["set"] in PHOTO_SETS]
    photos = [BENCH / row["file"] for row in rows][::every]
    times: dict[str, list[tuple[float, float]]] = {
        name: [] for name in ("first_matched", "first_unmatched", "matched", "unmatched", "thorough")
    }
    for path in photos[:5]:
        _look_up(gallery, path, Effort.NORMAL)
    for turn in ("first_", ""):
        for path in photos:
            bare, ours, found = _look_up(gallery, path, Effort.NORMAL)
            times[turn + ("matched" if found else "unmatched")].append((bare, ours))
            if not found and not turn:
                times["thorough"].append(_look_up(gallery, path, Effort.THOROUGH)[:2])
    targets = gallery.list(channel="default").totalcount
    return {"targets": targets} | {name: _figures(pairs) for name, pairs in times.items()}


def _look_up(gallery: LocalGallery, path: Path, effort: Effort) -> tuple[float, float, bool]:
    began = perf_counter()
    decode_and_sift(path, QUERY_SIDE, QUERY_KEYPOINTS)
    between = perf_counter()
    options = FindOptions(count=False, effort=effort, jobs=1)
    result = gallery.find(picture=Picture.from_path(path), channels=["default"], options=options)
    return between - began, perf_counter() - between, result.matched


def _figures(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Return medians and 95th percentiles in ms, and of the ratios photo by photo."""
    ratios = sorted(ours / bare for bare, ours in pairs)
    times = sorted(1000 * ours for _, ours in pairs)
    return {
        "photos": len(pairs),
        "bare_median_ms": statistics.median(1000 * bare for bare, _ in pairs),
        "find_median_ms": statistics.median(times),
        "find_p95_ms": times[int(0.95 * (len(times) - 1))],
        "median_ratio": statistics.median(ratios),
        "p95_ratio": ratios[int(0.95 * (len(ratios) - 1))],
    }


def measure_starting(runs: int = 7) -> dict[str, float]:
    """Return the CPU time of `arcli --help`, in ms: the best of some runs."""
    spent = []
    for _ in range(runs):
        before = cpu_seconds()
        subprocess.run([sys.executable, "-m", "arcli", "--help"], check=True, capture_output=True)
        spent.append(1000 * (cpu_seconds() - before))
    return {"help_cpu_ms": min(spent), "help_cpu_median_ms": statistics.median(spent)}


def rows_of(figures: dict[str, Any]) -> Iterator[Row]:
    """Yield statement, figure and bound."""
    adding, finding = figures["adding"], figures["finding"]
    matched, unmatched = finding["matched"], finding["unmatched"]
    yield "arcli --help, CPU", f"{figures['starting']['help_cpu_ms']:.0f} ms", f"< {HELP_CPU_MS} ms"
    yield f"adding {adding['pictures']} pictures, CPU each", f"{adding['add_cpu_ms']:.1f} ms", ""
    yield "  bare decode + SIFT at 400 px", f"{adding['bare_cpu_ms']:.1f} ms", ""
    yield "  ratio", f"{adding['cpu_ratio']:.2f}", f"<= {ADD_RATIO}"
    yield "  index building, CPU each", f"{adding['index_cpu_ms']:.1f} ms", "apart"
    yield (
        f"  pictures a second, {adding['processes']} processes",
        f"{adding['add_per_second_with_index']:.0f}",
        "",
    )
    yield "  bare, as many processes", f"{adding['bare_per_second']:.0f}", ""
    yield f"finding, {matched['photos']} matched photos, median", f"{matched['find_median_ms']:.0f} ms", ""
    yield "  bare decode + SIFT at 640 px", f"{matched['bare_median_ms']:.0f} ms", ""
    yield "  median ratio", f"{matched['median_ratio']:.2f}", f"<= {FIND_RATIO}"
    yield (
        "  the same, each asked for the first time",
        f"{finding['first_matched']['median_ratio']:.2f}",
        "apart",
    )
    yield "  p95", f"{matched['find_p95_ms']:.0f} ms", "apart"
    for effort, shown, bound in (
        ("default", unmatched, f"<= {NOTHING_RATIO}"),
        ("thorough", finding["thorough"], "apart"),
    ):
        yield (
            f"finding, {shown['photos']} photos unmatched by default, {effort} effort, median",
            f"{shown['find_median_ms']:.0f} ms",
            "",
        )
        yield "  median ratio", f"{shown['median_ratio']:.2f}", bound
        yield "  p95", f"{shown['find_p95_ms']:.0f} ms", "apart"


def reached(figures: dict[str, Any]) -> bool:
    return (
        figures["starting"]["help_cpu_ms"] < HELP_CPU_MS
        and figures["adding"]["cpu_ratio"] <= ADD_RATIO
        and figures["finding"]["matched"]["median_ratio"] <= FIND_RATIO
        and figures["finding"]["unmatched"]["median_ratio"] <= NOTHING_RATIO
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--every", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("bench-results/speed.json"))
    options = parser.parse_args()
    need_photo_sets()
    figures: dict[str, Any] = {"starting": measure_starting()}
    with tempfile.TemporaryDirectory() as folder:
        figures["adding"] = measure_adding(Path(folder), options.pictures)
        add(Path(folder), pictures("gallery"))
        with LocalGallery(Path(folder)) as gallery:
            figures["finding"] = measure_finding(gallery, options.every)
    print_table(["statement", "measured", "bound"], [*rows_of(figures)])
    figures["load"] = os.getloadavg()
    write_json(options.output, describe_run() | figures)
    raise SystemExit(0 if reached(figures) else "a bound was not reached")


if __name__ == "__main__":
    main()
