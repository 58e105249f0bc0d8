"""Look-alikes and crowds: which of several look-alikes a photo shows, and how many of many targets are found.

Four parts: real photos of pictures, each registered with five made look-alikes; real photos of pictures with
24 look-alikes, among 3,000 distractors; other pictures and their look-alikes under the simulated camera in
coloured light; simulated photos of walls with 6 to 24 pictures. Run it by `make bench-lookalikes`; ARGS:
--every N (each Nth photo), --output FILE.json.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from arcli.engine import LocalGallery
from arcli.errors import TooFewFeatures
from arcli.models import AddItem, FindOptions, FindResult, Picture
from benchmarks.lookalikes_pictures import GRIDS, KINDS, Image, chance, family, in_coloured_light, wall
from benchmarks.recognition import BENCH, expected_of, manifest, need_photo_sets
from benchmarks.results import ROOT, describe_run, print_table, write_json

FAMILY, FAMILIES = 24, 60
WALLS, SIMULATED = 24, 150
HUNG = ("smvs_book_covers", "smvs_museum_paintings")
MARKS = "ar_pairs/query/boof_image"  # photos of marks without texture
OUTCOMES = ("right", "right, ambiguous", "look-alike", "look-alike, ambiguous", "other", "none")

Entries = list[dict[str, Any]]
Row = dict[str, int]
Asked = tuple[Image, set[str]]  # a photo and the right answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--output", type=Path, default=ROOT / "bench-results" / "lookalikes.json")
    asked = parser.parse_args()
    need_photo_sets()
    entries = manifest()
    targets = {entry["id"]: _read(entry) for entry in entries if entry["role"] == "gallery"}
    with tempfile.TemporaryDirectory() as folder:
        with LocalGallery(Path(folder) / "five") as gallery:
            parts = {"five look-alikes, real photos": _five(gallery, targets, entries, asked.every)}
        with LocalGallery(Path(folder) / "light") as gallery:
            parts["five look-alikes, coloured light"] = _in_light(gallery, entries, asked.every)
        with LocalGallery(Path(folder) / "many") as gallery:
            _add(gallery, targets.items())
            _add(
                gallery, ((_stem(entry), _read(entry)) for entry in entries if entry["role"] == "distractor")
            )
            walls = _on_walls(gallery, targets, entries, asked.every)
            large = f"{FAMILY} look-alikes, real photos"
            parts[large] = _large(gallery, targets, entries, asked.every)
    print_table(["photos", *OUTCOMES], [[part, *map(row.get, OUTCOMES)] for part, row in parts.items()])
    print(f"walls: {walls['found']} of {walls['hung']} pictures found, {walls['extra']} answers not there")
    write_json(asked.output, describe_run() | {"every": asked.every, "look-alikes": parts, "walls": walls})


def _five(gallery: LocalGallery, targets: dict[str, Image], entries: Entries, every: int) -> Row:
    others = list(targets.values())
    made = (_look_alikes(name, pixels, others).items() for name, pixels in targets.items())
    _add(gallery, chain.from_iterable(made))
    return _ask(gallery, list(_real(entries))[::every])


def _in_light(gallery: LocalGallery, entries: Entries, every: int) -> Row:
    groceries = [entry for entry in entries if entry["role"] == "distractor" and "/g" in entry["file"]]
    chosen = {_stem(entry): _read(entry) for entry in groceries[:: len(groceries) // SIMULATED]}
    made: dict[str, Image] = {}
    shown: list[Asked] = []
    for name, pixels in chosen.items():
        for look_alike, look in _look_alikes(name, pixels, list(chosen.values())).items():
            made[look_alike] = look
            shown.append((in_coloured_light(look, len(shown)), {look_alike}))
    _add(gallery, made.items())
    return _ask(gallery, shown[::every])


def _large(gallery: LocalGallery, targets: dict[str, Image], entries: Entries, every: int) -> Row:
    chosen = [str(name) for name in chance("families").choice(sorted(targets), FAMILIES, replace=False)]
    others = list(targets.values())
    families = ((name, family(targets[name], others, FAMILY, name)) for name in chosen)
    _add(gallery, ((f"{name}.{number}", one) for name, made in families for number, one in enumerate(made)))
    return _ask(gallery, [(photo, right) for photo, right in _real(entries) if right & {*chosen}][::every])


def _on_walls(
    gallery: LocalGallery, targets: dict[str, Image], entries: Entries, every: int
) -> dict[str, int]:
    hung = [entry["id"] for entry in entries if entry["role"] == "gallery" and entry["set"] in HUNG]
    counts: Counter[str] = Counter(hung=0, found=0, extra=0)
    for number in range(0, WALLS, every):
        grid = GRIDS[number % len(GRIDS)]
        names = [
            str(name) for name in chance(f"wall {number}").choice(hung, grid[0] * grid[1], replace=False)
        ]
        photo, middles = wall([targets[name] for name in names], grid, number)
        left = dict(zip(names, middles, strict=True))
        counts["hung"] += len(left)
        for match in _find(gallery, photo, FindOptions(limit=None)).matches:
            middle = left.pop(match.identifier, None)
            quad = np.array(match.quad, np.float32)
            inside = middle is not None and cv2.pointPolygonTest(quad, middle, measureDist=False) >= 0
            counts["found" if inside else "extra"] += 1
    return dict(counts)


def _look_alikes(name: str, pixels: Image, others: Sequence[Image]) -> dict[str, Image]:
    """Return a picture and one look-alike of each kind, by name."""
    made = {name: pixels}
    for kind, make in KINDS.items():
        rng = chance(f"{kind} {name}")
        made[f"{name}.{kind}"] = make(pixels, others[int(rng.integers(len(others)))], rng)
    return made


def _real(entries: Entries) -> Iterator[Asked]:
    for entry in entries:
        if entry["role"] == "query" and not entry["file"].startswith(MARKS):
            yield _read(entry), set().union(*expected_of(entry))


def _ask(gallery: LocalGallery, asked: Sequence[Asked]) -> Row:
    """Look photos up. other: answers that are no relative of a right answer."""
    counts: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
    with ThreadPoolExecutor(2) as pool:
        for (_, right), result in zip(
            asked, pool.map(lambda one: _find(gallery, one[0]), asked), strict=True
        ):
            counts[_outcome(result, right)] += 1
    return dict(counts)


def _outcome(result: FindResult, right: set[str]) -> str:
    if not result.matches:
        return "none"
    match = result.matches[0]
    name = match.identifier
    sure = ", ambiguous" if match.ambiguous else ""
    if name in right:
        return f"right{sure}"
    return f"look-alike{sure}" if any(_base(name) == _base(one) for one in right) else "other"


def _find(gallery: LocalGallery, photo: Image, options: FindOptions = FindOptions()) -> FindResult:
    try:
        return gallery.find(
            picture=Picture(name="photo", data=_encoded(photo)), channels=None, options=options
        )
    except TooFewFeatures:
        return FindResult(image="photo")


def _add(gallery: LocalGallery, pictures: Iterable[tuple[str, Image]]) -> None:
    items = [
        AddItem(picture=Picture(name=name, data=_encoded(pixels)), identifier=name)
        for name, pixels in pictures
    ]
    for result in gallery.add_many(channel="default", items=items):
        if result.error:
            print(f"{result.identifier}: {result.error}")


def _base(name: str) -> str:
    """Return the picture from which a look-alike was made."""
    return name.partition(".")[0]


def _stem(entry: dict[str, Any]) -> str:
    return Path(entry["file"]).stem


def _read(entry: dict[str, Any]) -> Image:
    pixels = cv2.imread(str(BENCH / entry["file"]), cv2.IMREAD_COLOR)
    assert pixels is not None, entry["file"]
    return np.asarray(pixels, np.uint8)


def _encoded(pixels: Image) -> bytes:
    return cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, 92))[1].tobytes()


if __name__ == "__main__":
    main()
