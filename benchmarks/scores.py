"""Scores of right answers, of look-alikes and of photos that show nothing: what a threshold divides.

All gallery pictures of ../shared/data/bench and the 3,000 distractors are in one channel, and in two more
from which half of the sets' targets was removed. A photo's best score there, without its own target, is that
of a look-alike where the set has some (banknotes), else of a picture that shows nothing registered. Run it
by `python -m benchmarks.scores`, some ten minutes; docs/figures.py draws what it writes.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.recognition import BENCH, arcli, expected_of, manifest, need_photo_sets, register
from benchmarks.results import ROOT, describe_run, print_table, write_json

Row = dict[str, Any]
LOOKALIKES = ("banknotes_iran", "banknotes_euro")  # sets whose targets resemble each other
OUTPUT = ROOT / "docs" / "results" / "scores.json"
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.99)
HALVES = (0, 1)


def half(identifier: str) -> int:
    """Return in which half of the gallery a target stays."""
    return hashlib.sha256(identifier.encode()).digest()[0] % 2


def prepare(entries: list[Row], data_dir: Path) -> None:
    """Make the channel `default`, and `half-0` and `half-1` without the targets of the other half."""
    register(entries, data_dir, distractors=True)
    targets = sorted(entry["id"] for entry in entries if entry["role"] == "gallery")
    for which in HALVES:
        arcli("channel", "copy", "default", f"half-{which}", data_dir=data_dir)
        others = "\n".join(name for name in targets if half(name) != which)
        arcli("rm", "-", "--yes", "--channel", f"half-{which}", data_dir=data_dir, stdin=others)


def best_scores(entries: Iterable[Row], channel: str, data_dir: Path, *, shown: bool) -> list[float]:
    """Return each photo's best score: of the targets that it shows, or of all others. No candidate: 0."""
    entries = list(entries)
    photos = "\n".join(str(BENCH / entry["file"]) for entry in entries)
    answer = arcli(
        *("find", "-", "--no-count", "--candidates", "10", "--channel", channel),
        data_dir=data_dir,
        stdin=photos,
    )
    scores = []
    for entry, result in zip(entries, answer["data"]["results"], strict=True):
        wanted = set().union(*expected_of(entry))
        answers = [*result["matches"], *result["candidates"]]
        of = [each["score"] or 0.0 for each in answers if (each["identifier"] in wanted) == shown]
        scores.append(round(max(of, default=0.0), 4))
    return scores


def without_own(photos: list[Row], data_dir: Path) -> list[float]:
    """Return the best scores of photos where none of the targets that they show is registered."""
    found: list[float] = []
    for which in HALVES:
        there = [
            photo for photo in photos if all(half(name) != which for name in set().union(*expected_of(photo)))
        ]
        found += best_scores(there, f"half-{which}", data_dir, shown=False)
    return found


def measure(entries: list[Row], data_dir: Path, every: int) -> dict[str, list[float]]:
    """Return the best scores of each kind of photo."""
    shows = [entry for entry in entries if entry["role"] == "query" and "boof" not in entry["file"]][::every]
    negatives = [entry for entry in entries if entry["role"] == "negative"][::every]
    alike = [entry for entry in shows if entry["set"] in LOOKALIKES]
    others = [entry for entry in shows if entry["set"] not in LOOKALIKES]
    return {
        "right": best_scores(shows, "default", data_dir, shown=True),
        "look-alike": without_own(alike, data_dir),
        "nothing": [
            *best_scores(negatives, "default", data_dir, shown=False),
            *without_own(others, data_dir),
        ],
    }


def main() -> None:
    """Measure, print what thresholds would give, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="each Nth photo")
    parser.add_argument("--data-dir", type=Path, help="kept, so that a second run need not register")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    need_photo_sets()
    with tempfile.TemporaryDirectory() as folder:
        data_dir, entries = given.data_dir or Path(folder), manifest()
        if not data_dir.exists() or not any(data_dir.iterdir()):
            prepare(entries, data_dir)
        scores = measure(entries, data_dir, given.every)
    write_json(given.output, describe_run() | {"scores": scores})
    print_table(
        ["threshold", *(f"{name}, {len(found)} photos" for name, found in scores.items())],
        [
            [limit, *(sum(score >= limit for score in found) for found in scores.values())]
            for limit in THRESHOLDS
        ],
    )


if __name__ == "__main__":
    main()
