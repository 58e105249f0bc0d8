"""The false accept rate of a gallery of 10,000 pictures, its threshold curve, and what a score means.

The gallery: the targets of all sets and the 3,000 distractors of ../shared/data/bench, and the pictures of
Debian packages that were unpacked into one folder (docs/appendix/score.md lists them). These are looked
up: books and paintings without their target, each distractor and each wallpaper, stamp and map without
itself, the negatives, and the photos that show a target. Run it by `make bench-openset`; ARGS: --debian DIR,
--data-dir DIR (kept, so that a second run need not register), --every N (each Nth photo), --effort, --jobs,
--records FILE (read instead of looking up), --sheets DIR (contact sheets of pairs that are not classified
yet), --output FILE.json (and .svg beside it).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import astuple
from pathlib import Path
from typing import Any

from arcli.models import Effort
from benchmarks.openset_curve import (
    OPEN,
    Bin,
    Kind,
    Point,
    bins,
    class_of,
    curve,
    figures,
    kinds,
    read_classes,
)
from benchmarks.openset_gallery import Registered, bench_pictures, debian_pictures, photos, register
from benchmarks.openset_plot import write_plot
from benchmarks.openset_run import Looker, Record, read_records, write_records
from benchmarks.openset_sheets import write_sheets
from benchmarks.recognition import need_photo_sets
from benchmarks.results import ROOT, describe_run, print_table, write_json

RESULTS = ROOT / "docs" / "results"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debian", type=Path)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--effort", type=Effort, default=Effort.NORMAL)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--records", type=Path)
    parser.add_argument("--classes", type=Path, default=RESULTS / "openset-classes.csv")
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--output", type=Path, default=ROOT / "bench-results" / "openset.json")
    return parser.parse_args()


def look_up(options: argparse.Namespace, pictures: list[Registered]) -> tuple[dict[str, Any], list[Record]]:
    """Register what is missing and look every photo up; return also the data about the run."""
    with ExitStack() as stack:
        folder = options.data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        register(folder, pictures)
        looker = Looker(folder, pictures, options.effort)
        chosen = list(photos(pictures))[:: options.every]
        print(f"{looker.size:,} pictures registered, {len(chosen):,} to look up", flush=True)
        run = {**describe_run(), "effort": options.effort, "gallery": looker.size, "every": options.every}
        found = looker.run(chosen, options.jobs)
        return run, list(write_records(options.output.with_suffix(".jsonl"), run, found))


def show(counted: Sequence[Kind], points: Sequence[Point], scores: Sequence[Bin]) -> None:
    """Print accepts by kind, the threshold curve, and the meaning of scores."""
    rows = [(k.name, k.photos, k.accepted, k.shared, k.chance, k.unclassed) for k in counted]
    print_table(["photos", "number", "accepted", "shared", "chance", "not classed"], rows)
    heads = ["threshold", "by chance", "rate %", "bound %", "right", "wrong"]
    lines = [
        (p.threshold, p.chance, f"{100 * p.rate:.3f}", f"{100 * p.bound:.3f}", sum(p.right.values()), p.wrong)
        for p in points
    ]
    print_table(heads, lines)
    heads = ["score from", "to", "right", "chance", "share of as many", "of each half"]
    print_table(heads, [astuple(each) for each in scores])


def main() -> None:
    options = arguments()
    need_photo_sets()
    pictures = [*bench_pictures(), *(debian_pictures(options.debian) if options.debian else ())]
    run, records = read_records(options.records) if options.records else look_up(options, pictures)
    classes = read_classes(options.classes)
    counted, points = list(kinds(records, classes)), list(curve(records, classes))
    show(counted, points, list(bins(records, classes)))
    if options.sheets:
        paths = {photo.name: photo.path for photo in photos(pictures)} | {p.name: p.path for p in pictures}
        unseen = [r for r in records if r.kind in (*OPEN, "negatives") and r.score >= 0.3]
        unseen = sorted((r for r in unseen if class_of(r, classes) is None), key=lambda r: r.score)
        write_sheets(options.sheets, unseen, paths)
    write_plot(options.output.with_suffix(".svg"), points, counted)
    write_json(options.output, {**run, **figures(records, classes)})


if __name__ == "__main__":
    main()
