"""How often the pictures of each level are found by the simulated camera.

Pictures of ../shared/data and spoiled ones are photographed from every view of benchmarks/camera.py and
searched with the engine's recipe. The level was fitted on one half of the pictures, chosen by a hash of the
name; the other half checks it. Run it by `make bench-level`; ARGS: --every N (each Nth picture), --fit (print
the weights that the first half gives), --gallery N (also look for N of them in a gallery with distractors),
--effort, --output FILE.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from arcli.models import Effort
from arcli.vision.rating.enrolment import enough_features, rate
from arcli.vision.rating.traits import Traits, measure
from benchmarks.camera import VIEWS
from benchmarks.level_fit import fitted
from benchmarks.level_gallery import seen_in_gallery
from benchmarks.level_photos import enrolled, seen_in
from benchmarks.level_pictures import Image, Subject, near_the_limit, subjects
from benchmarks.recognition import need_photo_sets
from benchmarks.results import ROOT, describe_run, print_table, write_json

LEVELS = (0, 1, 2, 3, 4, 5)  # 0: refused, too few features
FEW = range(3, 13)  # places: around the fewest that are accepted
HALVES = ("fitted on", "held out")


@dataclass(slots=True)
class Measured:
    """A picture: its traits, its level, the views in which it was found, the codes of its hints."""

    name: str
    kind: str
    half: int
    level: int
    expected: float
    traits: Traits
    hints: list[str]
    seen: list[str]

    @property
    def recall(self) -> float:
        return len(self.seen) / len(VIEWS)


def measured(subject: Subject, effort: Effort) -> Measured:
    """Rate a picture as enrolment does, and photograph it."""
    features, decoded = enrolled(subject.pixels)
    rating = rate(features, decoded)
    level = rating.level if enough_features(features) else 0
    hints = [hint.code for hint in rating.hints]
    seen = seen_in(subject, effort)
    traits = measure(features, decoded)
    name, kind, half = subject.name, subject.kind, subject.half
    return Measured(name, kind, half, level, round(rating.expected, 3), traits, hints, seen)


def recall(rows: Sequence[Measured]) -> float | None:
    """Return the mean share of views, None without pictures."""
    return round(sum(row.recall for row in rows) / len(rows), 3) if rows else None


def by_level(rows: list[Measured]) -> dict[str, dict[str, Any]]:
    """Return for each level and half how many pictures there are and their recall."""
    table: dict[str, dict[str, Any]] = {}
    for level in LEVELS:
        halves = [[row for row in rows if (row.level, row.half) == (level, half)] for half in (0, 1)]
        table[str(level)] = {
            name: {"pictures": len(half), "recall": recall(half)}
            for name, half in zip(HALVES, halves, strict=True)
        }
    return table


def by_places(rows: list[Measured]) -> dict[str, dict[str, Any]]:
    """Return for each number of places near the limit how many pictures there are and their recall."""
    table = {str(places): [row for row in rows if row.traits.places == places] for places in FEW}
    return {
        places: {"pictures": len(each), "found": sum(bool(row.seen) for row in each), "recall": recall(each)}
        for places, each in table.items()
    }


def _places(pixels: Image) -> int:
    return measure(*enrolled(pixels)).places


def by_view(rows: list[Measured]) -> dict[str, dict[str, float | None]]:
    """Return for each view the share of the pictures of each level that were found in it."""
    levels = {level: [row for row in rows if row.level == level] for level in LEVELS}
    return {
        view: {
            str(level): round(sum(view in row.seen for row in found) / len(found), 2) if found else None
            for level, found in levels.items()
        }
        for view in VIEWS
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--gallery", type=int, default=0)
    parser.add_argument("--effort", type=Effort, default=Effort.NORMAL)
    parser.add_argument("--output", type=Path, default=ROOT / "bench-results" / "level.json")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    need_photo_sets()
    rows = [measured(subject, options.effort) for subject in subjects(options.every)]
    figures: dict[str, Any] = {**describe_run(), "effort": options.effort, "pictures": len(rows)}
    figures |= {"views": {name: asdict(camera) for name, camera in VIEWS.items()}}
    few = list(near_the_limit(_places, FEW))[::4]
    limit = [measured(subject, options.effort) for subject in few]
    figures |= {"by_places": by_places(limit), "by_level": by_level(rows), "by_view": by_view(rows)}
    if options.gallery:
        figures["in_a_gallery"] = compare(rows, options)
    figures["each"] = [
        {**asdict(row), "traits": {name: round(value, 3) for name, value in asdict(row.traits).items()}}
        for row in rows
    ]
    figures["each_near_the_limit"] = [
        {"name": row.name, "places": row.traits.places, "seen": row.seen} for row in limit
    ]
    report(figures)
    if options.fit:
        first = [row for row in rows if row.half == 0 and row.level]
        print(fitted([row.traits for row in first], [row.recall for row in first]))
    write_json(options.output, figures)


def compare(rows: list[Measured], options: argparse.Namespace) -> dict[str, int]:
    """Search some of the pictures in a gallery with distractors; count photos by both answers."""
    chosen = list(subjects(options.every))
    step = max(1, len(chosen) // options.gallery)
    found = seen_in_gallery(chosen[::step], options.effort)
    alone = {row.name: set(row.seen) for row in rows}
    pairs = [(view in alone[name], view in seen) for name, seen in found.items() for view in VIEWS]
    return {
        "photos": len(pairs),
        "found in both": sum(a and b for a, b in pairs),
        "only alone": sum(a and not b for a, b in pairs),
        "only in the gallery": sum(b and not a for a, b in pairs),
    }


def report(figures: dict[str, Any]) -> None:
    """Print recall by level and half, and by view and level."""
    heads = ["level", *(f"{name}: {what}" for name in HALVES for what in ("pictures", "recall"))]
    levels = figures["by_level"].items()
    print_table(
        heads,
        [
            (level, *(row[name][what] for name in HALVES for what in ("pictures", "recall")))
            for level, row in levels
        ],
    )
    print_table(
        ["view", *map(str, LEVELS)], [(view, *row.values()) for view, row in figures["by_view"].items()]
    )
    few = [(places, *row.values()) for places, row in figures["by_places"].items()]
    print_table(["places", "pictures", "found in any view", "recall"], few)
    if "in_a_gallery" in figures:
        print(figures["in_a_gallery"])


if __name__ == "__main__":
    main()
