"""How large a target must be in the photo, and what margins, gloss and curved surfaces cost.

Size: real photos of ../shared/data/bench, shrunk and put onto photos of groceries, are looked up in a gallery
of all targets. The rest: the pictures of samples/gallery before the simulated camera. Run it by
`python -m benchmarks.printing`, some five minutes; docs/figures.py draws what it writes. --parts NAME…
measures these alone; the others stay as the file has them.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import arcli
from arcli.models import FindOptions
from arcli.vision.drawing.thumbnail import thumbnail
from arcli.vision.rating.enrolment import rate
from benchmarks.camera import VIEWS, photograph
from benchmarks.level_photos import OneTarget, enrolled, found_in
from benchmarks.level_pictures import Image, fitted
from benchmarks.recognition import BENCH, expected_of, manifest, need_photo_sets, register
from benchmarks.results import ROOT, describe_run, print_table, write_json

Row = dict[str, Any]
SETS = ("smvs_book_covers", "smvs_museum_paintings", "banknotes_iran")
SHARES = (0.4, 0.25, 0.18, 0.13, 0.09, 0.06)  # of the photo's long side
SEEN = ("on a table", "distance 1")  # views in which a good target is always found
MARGINS = (0.0, 0.25, 1.0)  # of the picture's sides, on each side
DEGREES = (60, 90, 120, 150)  # of a bottle or a column that the picture covers
GLARE = (0.5, 1.0)  # Camera.glare
OUTPUT = ROOT / "docs" / "results" / "printing.json"


def read(path: Path) -> Image:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert pixels is not None, path
    return np.asarray(pixels, np.uint8)


def long_side(quad: Sequence[Sequence[float]]) -> float:
    """Return the longest side of a quad in px."""
    return max(math.dist(quad[i], quad[i - 1]) for i in range(4))


def on_ground(photo: Image, ground: Image, factor: float) -> bytes:
    """Return a JPEG as large as the photo: the photo, `factor` as large, in the middle of the ground."""
    height, width = photo.shape[:2]
    scene = cv2.resize(ground, (width, height), interpolation=cv2.INTER_AREA)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    scene[y : y + size[1], x : x + size[0]] = small
    return bytes(cv2.imencode(".jpg", scene, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def sizes(entries: list[Row], every: int) -> Iterator[Row]:
    """Yield for each photo the level of its target and the shares at which it is found."""
    grounds = [BENCH / e["file"] for e in entries if e["file"].startswith("negatives/g")]
    photos = [e for e in entries if e["role"] == "query" and e["set"] in SETS][::every]
    with tempfile.TemporaryDirectory() as folder:
        register(entries, Path(folder), distractors=False)
        with arcli.open(folder) as gallery:
            for number, entry in enumerate(photos):
                (wanted,) = expected_of(entry)
                photo, ground = read(BENCH / entry["file"]), read(grounds[number % len(grounds)])
                first = gallery.find(BENCH / entry["file"], count=False)
                quad = first.matches[0].quad if first.matches else None
                if quad is None or first.matches[0].identifier not in wanted:
                    continue
                share = long_side(quad) / max(photo.shape)
                yield {
                    "photo": Path(entry["file"]).name,
                    "level": gallery.get(first.matches[0].identifier).level,
                    "share": round(share, 3),
                    "tried": [each for each in SHARES if each <= share],
                    "found": [
                        each
                        for each in SHARES
                        if each <= share
                        and any(
                            match.identifier in wanted
                            for match in gallery.find(
                                on_ground(photo, ground, each / share), count=False
                            ).matches
                        )
                    ],
                }


def with_margin(pixels: Image, share: float) -> Image:
    """Return the picture with white margins."""
    height, width = pixels.shape[:2]
    y, x = round(height * share), round(width * share)
    return np.asarray(cv2.copyMakeBorder(pixels, y, y, x, x, cv2.BORDER_CONSTANT, value=(250,) * 3), np.uint8)


def around_a_column(pixels: Image, degrees: float) -> Image:
    """Return the picture as it looks from the front, if it covers so much of a column."""
    if not degrees:
        return pixels
    height, width = pixels.shape[:2]
    wrap = math.radians(degrees)
    radius = width / wrap
    wide = int(2 * radius * math.sin(min(wrap, math.pi) / 2))
    angles = np.arcsin((np.arange(wide) + 0.5 - wide / 2) / radius)
    across = np.broadcast_to((angles / wrap + 0.5) * width - 0.5, (height, wide)).astype(np.float32)
    down = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], (height, wide))
    return np.asarray(cv2.remap(pixels, across, np.ascontiguousarray(down), cv2.INTER_AREA), np.uint8)


def simulated(
    values: Sequence[float],
    registered: Callable[[Image, float], Image],
    seen: Callable[[Image, float], Image],
    glare: Callable[[float], float],
) -> Iterator[Row]:
    """Yield for each value in how many photos the sample pictures are found, and their mean level."""
    pictures = [fitted(read(path)) for path in sorted((ROOT / "samples" / "gallery").iterdir())]
    for value in values:
        found, levels = 0, []
        for number, pixels in enumerate(pictures):
            features, decoded = enrolled(registered(pixels, value))
            levels.append(rate(features, decoded).level)
            channel = OneTarget(features, thumbnail(decoded))
            for view in SEEN:
                camera = replace(VIEWS[view], glare=glare(value))
                photo = photograph(seen(pixels, value), camera, seed=number)[0]
                found += found_in(photo, channel, FindOptions(count=False))
        photos = len(pictures) * len(SEEN)
        yield {
            "value": value,
            "found": found,
            "photos": photos,
            "level": round(sum(levels) / len(levels), 1),
        }


def same(pixels: Image, value: float) -> Image:
    return pixels


def none(value: float) -> float:
    return 0.0


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "sizes": lambda every: sizes(manifest(), every),
    "curved": lambda every: simulated(DEGREES, same, around_a_column, none),
    "margins": lambda every: simulated(MARGINS, with_margin, with_margin, none),
    "margins_not_registered": lambda every: simulated(MARGINS, same, with_margin, none),
    "glare": lambda every: simulated(GLARE, same, same, float),
}


def main() -> None:
    """Measure, and write the file after each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=8, help="each Nth photo")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    need_photo_sets()
    figures = json.loads(given.output.read_text()) if given.output.exists() else {}
    for part in given.parts:
        figures[part] = list(PARTS[part](given.every))
        write_json(given.output, figures | describe_run())
        if part == "sizes":
            print_table(["share", "photos", "found"], [list(row) for row in by_share(figures[part])])
        else:
            print_table([part, "found", "photos", "level"], [list(row.values()) for row in figures[part]])


def by_share(rows: list[Row]) -> Iterator[tuple[float, int, int]]:
    """Yield (share, photos, found) of the photos that show their target at least so large."""
    for share in SHARES:
        tried = [row for row in rows if share in row["tried"]]
        yield share, len(tried), sum(share in row["found"] for row in tried)


if __name__ == "__main__":
    main()
