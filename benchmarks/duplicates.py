"""Duplicates by content: none of 200 pairs of a series, at least 195 of 200 copies.

Series: 100 made pairs with one template and other art, and 100 real pairs that `check` calls look-alikes
(groceries, banknotes). Copies: smaller, cropped, encoded again, rotated by EXIF, or several of these. Run it
by `make bench-duplicates`; ARGS: --every N (each Nth pair), --output FILE.json.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pil

from arcli.engine import LocalGallery
from arcli.models import AddItem, AddOptions, OnExists, Picture
from benchmarks.recognition import BENCH, manifest, need_photo_sets
from benchmarks.results import ROOT, describe_run, print_table, write_json

Image = npt.NDArray[np.uint8]
PAIRS, MADE = 200, 100
KINDS = ("small", "crop", "jpeg", "webp", "exif", "small crop", "gif")
UPRIGHT = {6: Pil.Transpose.ROTATE_90, 3: Pil.Transpose.ROTATE_180, 8: Pil.Transpose.ROTATE_270}
EQUAL = {frozenset({"ocv_graf", "oxf_graf"})}  # one picture in two sets: the README of the data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--output", type=Path, default=ROOT / "bench-results" / "duplicates.json")
    asked = parser.parse_args()
    need_photo_sets()
    files = dict(_files())
    names = sorted(files)
    made = {f"series.{k:03}": series(k, files, names) for k in range(0, MADE, asked.every)}
    with tempfile.TemporaryDirectory() as folder, LocalGallery(Path(folder) / "data") as gallery:
        _add(gallery, files, {name: pair[0] for name, pair in made.items()})
        rows = {
            "series, made": _ask(gallery, {name: _png(pair[1]) for name, pair in made.items()}),
            "series, real": _real(gallery, files, names, asked.every),
        }
        chosen = np.random.default_rng(7).choice(names, PAIRS, replace=False)[:: asked.every]
        for kind in KINDS:
            which = [str(name) for k, name in enumerate(chosen) if KINDS[k % len(KINDS)] == kind]
            copies = {name: copy(_read(files[name]), kind, _chance(name)) for name in which}
            rows[f"copies: {kind}"] = _ask(gallery, copies)
    heads = ("pairs", "duplicate", "look-alike", "none")
    print_table(["pictures", *heads], [[part, *map(row.get, heads)] for part, row in rows.items()])
    write_json(asked.output, describe_run() | {"every": asked.every, "pictures": rows})


def series(number: int, files: dict[str, Path], names: Sequence[str]) -> tuple[Image, Image]:
    """Return two pictures on one template with different art, which covers 8 to 60 %."""
    rng = _chance(f"series {number}")
    width, height = [(400, 560), (560, 400), (480, 480), (360, 640)][number % 4]
    ground = _template(width, height, rng, files[str(rng.choice(names))] if number % 3 == 0 else None)
    share = rng.uniform(0.08, 0.6)
    wide = round(width * min(0.95, share**0.5 * rng.uniform(0.8, 1.2)))
    tall = round(min(0.95 * height, share * width * height / wide))
    left, top = int(rng.integers(0, width - wide)), int(rng.integers(0, height - tall))
    pair = []
    for title in ("No. 1 Lion", "No. 2 Tiger"):
        page = ground.copy()
        art = _read(files[str(rng.choice(names))])
        page[top : top + tall, left : left + wide] = cv2.resize(art, (wide, tall))
        place = (left + 4, min(height - 6, top + tall + 18))
        cv2.putText(page, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 2, cv2.LINE_AA)
        pair.append(page)
    return pair[0], pair[1]


def _template(width: int, height: int, rng: np.random.Generator, photo: Path | None) -> Image:
    if photo is not None:
        return np.asarray(cv2.resize(_read(photo), (width, height)), np.uint8)
    page = np.full((height, width, 3), rng.integers(30, 240, 3), np.uint8)
    for _ in range(int(rng.integers(6, 20))):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        page[y : y + int(rng.integers(5, 80)), x : x + int(rng.integers(10, 160))] = rng.integers(0, 255, 3)
    for line in range(8):
        colour = rng.integers(0, 255, 3).tolist()
        words = f"SERIES {rng.integers(1, 99)} EDITION club card"
        cv2.putText(
            page, words, (10, 30 + line * height // 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 2, cv2.LINE_AA
        )
    return page


def copy(pixels: Image, kind: str, rng: np.random.Generator) -> bytes:
    """Return a file of the same picture: long side 120 px at least, up to a fifth cropped from each way."""
    picture = Pil.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
    if "crop" in kind:
        wide, tall = picture.size
        left, top, right, bottom = rng.uniform(0, 0.1, 4)
        box = (left * wide, top * tall, (1 - right) * wide, (1 - bottom) * tall)
        picture = picture.crop(tuple(round(side) for side in box))
    if "small" in kind:
        side = int(rng.integers(120, 240))
        picture.thumbnail((side, side), Pil.Resampling.LANCZOS)
    options: dict[str, Any] = {"format": "JPEG", "quality": int(rng.integers(40, 95))}
    if kind == "exif":
        orientation = int(rng.choice(sorted(UPRIGHT)))
        picture = picture.transpose(UPRIGHT[orientation])
        exif = Pil.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    if kind in ("webp", "gif"):
        options["format"] = kind.upper()
    file = BytesIO()
    picture.save(file, **options)
    return file.getvalue()


def _real(gallery: LocalGallery, files: dict[str, Path], names: Sequence[str], every: int) -> dict[str, int]:
    """Check banknotes and groceries until enough pairs resemble each other; each is in the gallery."""
    pairs: dict[frozenset[str], str] = {}
    likely = [name for name in names if "banknotes" in str(files[name])]
    likely += [name for name in names if "distractors" in str(files[name])]
    for start in range(0, len(likely), 20):
        part = likely[start : start + 20]
        pictures = [Picture(name=name, path=files[name]) for name in part]
        for result in gallery.check(pictures=pictures, channel="default"):
            for one in result.duplicates:
                other = str(one.identifier)  # not a made page: its art may be a crop of this picture
                if one.image is None and other != result.image and not other.startswith("series."):
                    pairs.setdefault(frozenset({result.image, other}), one.kind)
        if len(pairs) >= (PAIRS - MADE) / every:
            break
    found = [kind for pair, kind in pairs.items() if pair not in EQUAL][: PAIRS - MADE]
    return {"pairs": len(found)} | {kind: found.count(kind) for kind in ("duplicate", "look-alike")}


def _ask(gallery: LocalGallery, pictures: dict[str, bytes]) -> dict[str, int]:
    """Check each picture, and count the verdicts about the target with the same name."""
    counts: Counter[str] = Counter(pairs=len(pictures), duplicate=0, none=0)
    listed = [Picture(name=name, data=data) for name, data in pictures.items()]
    for result in gallery.check(pictures=listed, channel="default"):
        own = [one.kind for one in result.duplicates if one.identifier == result.image]
        counts[own[0] if own else "none"] += 1
    return dict(counts)


def _add(gallery: LocalGallery, files: dict[str, Path], made: dict[str, Image]) -> None:
    pictures = {name: Picture(name=name, path=path) for name, path in files.items()}
    pictures |= {name: Picture(name=name, data=_png(pixels)) for name, pixels in made.items()}
    items = (AddItem(picture=picture, identifier=name) for name, picture in pictures.items())
    for _ in gallery.add_many(channel="default", items=items, options=AddOptions(on_exists=OnExists.SKIP)):
        pass


def _files() -> Iterator[tuple[str, Path]]:
    for entry in manifest():
        if entry["role"] == "gallery" or (entry["role"] == "distractor" and "/g" in entry["file"]):
            yield entry["id"] or Path(entry["file"]).stem, BENCH / entry["file"]


def _read(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path)), np.uint8)


def _png(pixels: Image) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1])


def _chance(name: str) -> np.random.Generator:
    return np.random.default_rng(int(hashlib.sha256(name.encode()).hexdigest()[:8], 16))


if __name__ == "__main__":
    main()
