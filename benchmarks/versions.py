"""Versions of one art: which of them a file or a photo shows, and how often a sure answer is wrong.

Each picture is registered with eleven versions of itself: other tones, inks and papers, a second scan, a
title elsewhere. Asked are their own files, copies saved anew, and photos by the simulated camera in coloured
light; and labels of one series on bottles. Each row of the table is of one half of the pictures. Run it by
`make bench-versions`; ARGS: --pictures N (each with its versions), --minutes N, --output FILE.json.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from arcli.engine import LocalGallery
from benchmarks.lookalikes import OUTCOMES, _add, _find, _look_alikes, _outcome, _read
from benchmarks.lookalikes_pictures import Image, in_coloured_light
from benchmarks.recognition import manifest, need_photo_sets
from benchmarks.results import ROOT, describe_run, print_table, write_json
from benchmarks.versions_pictures import SEEN, on_a_bottle, saved_anew, versions

PICTURES = 180
TOGETHER = 6  # pictures whose families are in one gallery
SETS = ("smvs_book_covers", "smvs_museum_paintings", "ar_pairs", "banknotes_iran")

Rows = dict[str, Counter[str]]
Family = dict[str, Image]


class Chosen(NamedTuple):
    """A picture from which families are made; half: A or B, by the SHA-256 of its file's name."""

    name: str
    pixels: Image
    half: str


class Asked(NamedTuple):
    """A photo, the version that it shows, and the row of the table that it belongs to."""

    photo: Image
    right: str
    row: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no further pictures after these"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "bench-results" / "versions.json")
    asked = parser.parse_args()
    need_photo_sets()
    chosen = pictures(asked.pictures)
    rows: Rows = defaultdict(Counter)
    end, done = time.monotonic() + 60 * asked.minutes, 0
    while done < len(chosen) and time.monotonic() < end:
        some = chosen[done : done + TOGETHER]
        _measure(some, lambda one: versions(one.pixels, one.name), _shown, rows, done)
        beside = {one.name for one in some}  # what is pasted into labels is registered nowhere
        others = [one.pixels for one in chosen if one.name not in beside] or [one.pixels for one in chosen]
        _measure(some, partial(_labels, others), _on_bottles, rows, done)
        done += len(some)
    print_table(["shown", *OUTCOMES], [[row, *(rows[row][o] for o in OUTCOMES)] for row in sorted(rows)])
    write_json(asked.output, describe_run() | {"pictures": done, "rows": rows})


def pictures(number: int) -> list[Chosen]:
    """Return pictures from all over the sets, in an order of chance, so that a first part is fair."""
    entries = [entry for entry in manifest() if entry["role"] == "gallery" and entry["set"] in SETS]
    step = max(1, len(entries) // number)
    some = sorted(entries[::step][:number], key=lambda entry: sha256(entry["id"].encode()).digest())
    return [
        Chosen(entry["id"], _read(entry), "B" if sha256(entry["file"].encode()).digest()[0] % 2 else "A")
        for entry in some
    ]


def _measure(
    chosen: list[Chosen],
    make: Callable[[Chosen], Family],
    show: Callable[[str, Family, int], Iterator[Asked]],
    rows: Rows,
    before: int,
) -> None:
    """Register the families of all pictures, ask for each member, count the outcomes.

    before: pictures that were measured before these: no two photos have the same light and noise.
    """
    number = before * len(make(chosen[0]))
    with tempfile.TemporaryDirectory() as folder, LocalGallery(Path(folder) / "data") as gallery:
        for one in chosen:
            _add(gallery, make(one).items())
        for one in chosen:
            family = make(one)
            asked = list(show(one.name, family, number))
            number += len(family)
            with ThreadPoolExecutor(2) as pool:
                results = pool.map(lambda each: _find(gallery, each.photo), asked)
                for each, result in zip(asked, results, strict=True):
                    outcome = _outcome(result, {each.right})
                    rows[f"{each.row}, {one.half}"][outcome] += 1
                    if outcome == "look-alike":
                        print(f"{each.row} of {each.right}: surely {result.matches[0].identifier}")


def _labels(others: list[Image], one: Chosen) -> Family:
    return _look_alikes(one.name, one.pixels, others)


def _shown(name: str, family: Family, number: int) -> Iterator[Asked]:
    for place, (version, pixels) in enumerate(family.items()):
        yield Asked(pixels, version, "own file")
        yield Asked(saved_anew(pixels), version, "copy saved anew")
        told = version[len(name) + 1 :] in SEEN
        row = "photo of another ink or title" if told else "photo of other tones"
        yield Asked(in_coloured_light(pixels, number + place), version, row)


def _on_bottles(name: str, family: Family, number: int) -> Iterator[Asked]:
    for place, (version, pixels) in enumerate(family.items()):
        yield Asked(on_a_bottle(pixels, number + place), version, "label on a bottle")


if __name__ == "__main__":
    main()
