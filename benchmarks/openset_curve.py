"""The results of the open-set benchmark: accepts by kind, the threshold curve, the meaning of scores.

A record counts as chance unless it was examined and classified as shared content (openset-classes.csv).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from zlib import crc32

from arcli.evaluation.measure import share, upper_bound
from benchmarks.openset_run import Record

OPEN = ("left out", "distractors", "debian")  # not screened by any matcher; the negatives were, by SIFT
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
BINS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0001)
SHARED, CHANCE = "shared", "chance"

Classes = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """Photos of one kind: looked up (enough features), accepted, and the accepted by class."""

    name: str
    photos: int
    accepted: int
    shared: int
    chance: int
    unclassed: int


@dataclass(frozen=True, slots=True)
class Point:
    """The result of a threshold: chance accepts of the open-set photos with the 95 % bound; recall by set."""

    threshold: float
    chance: int
    rate: float
    bound: float
    right: dict[str, int]
    wrong: int


@dataclass(frozen=True, slots=True)
class Bin:
    """Best candidates with a score in [low, high): right ones of photos that show a target, chance ones.

    balanced: the share of right ones if as many photos showed a target as show none; halves: the same for
    each half of the photos. None if there is no candidate.
    """

    low: float
    high: float
    right: int
    chance: int
    balanced: float | None
    halves: tuple[float | None, float | None]


def read_classes(path: Path) -> dict[tuple[str, str], str]:
    """Return the class of each (photo, target) that was examined."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["photo"], row["target"]): row["class"] for row in csv.DictReader(file)}


def class_of(record: Record, classes: Classes) -> str | None:
    return classes.get((record.photo, str(record.target)))


def kinds(records: Sequence[Record], classes: Classes) -> Iterator[Kind]:
    for name in dict.fromkeys(record.kind for record in records):
        usable = [record for record in records if record.kind == name and record.usable]
        accepted = [record for record in usable if record.accepted]
        found = [class_of(record, classes) for record in accepted]
        shown = name.startswith("shown")
        yield Kind(
            name,
            len(usable),
            len(accepted),
            found.count(SHARED),
            0 if shown else found.count(CHANCE),
            0 if shown else found.count(None),
        )


def curve(records: Sequence[Record], classes: Classes) -> Iterator[Point]:
    """Yield a point for each threshold."""
    strangers = [record for record in records if record.kind in OPEN and record.usable]
    showing = [record for record in records if record.kind.startswith("shown")]
    sets = sorted({record.kind for record in showing})
    for threshold in THRESHOLDS:
        chance = sum(
            record.score >= threshold and class_of(record, classes) != SHARED for record in strangers
        )
        answered = [record for record in showing if record.score >= threshold]
        yield Point(
            threshold,
            chance,
            chance / len(strangers) if strangers else 0.0,
            upper_bound(chance, len(strangers)) if strangers else 1.0,
            {name: sum(record.right for record in answered if record.kind == name) for name in sets},
            sum(not record.right and class_of(record, classes) != SHARED for record in answered),
        )


def bins(records: Sequence[Record], classes: Classes) -> Iterator[Bin]:
    """Yield the results of the best candidates by score, for all photos and for each half."""
    used = [
        record
        for record in records
        if record.usable and (record.kind in OPEN or record.kind.startswith("shown"))
    ]
    halves = [[r for r in used if crc32(r.photo.encode()) % 2 == half] for half in (0, 1)]
    for low, high in pairwise(BINS):
        right, chance, balanced = _bin(used, classes, low, high)
        first, second = (_bin(half, classes, low, high)[2] for half in halves)
        yield Bin(low, high, right, chance, balanced, (first, second))


def _bin(
    records: Sequence[Record], classes: Classes, low: float, high: float
) -> tuple[int, int, float | None]:
    showing = sum(record.kind not in OPEN for record in records)
    here = [r for r in records if r.target is not None and low <= r.score < high]
    here = [record for record in here if class_of(record, classes) != SHARED]
    right = sum(record.right for record in here)
    chance = len(here) - right
    weight = showing / max(1, len(records) - showing)
    balanced = share(right, right + weight * chance)
    return right, chance, None if balanced is None else round(balanced, 3)


def figures(records: Sequence[Record], classes: Classes) -> dict[str, object]:
    """Return everything as JSON values."""
    return {
        "kinds": [asdict(each) for each in kinds(records, classes)],
        "curve": [asdict(each) for each in curve(records, classes)],
        "scores": [asdict(each) for each in bins(records, classes)],
    }
