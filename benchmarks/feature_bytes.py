"""What it costs to store less of each target: fewer keypoints, fewer dimensions, fewer bits.

Run it by `make bench-features`. ARGS: --only NAME,NAME (of the ways below), --every N (each Nth photo that
shows something; 1), --negatives N (each Nth of the others; 10), --work DIR (where the gallery is kept for the
next run), --output FILE.json. The gallery of the photo sets and the 3,000 distractors is added once; for each
way a channel gets the same targets with features that hold less, is indexed, and is asked all photos.
Dimensions are left out of photos as well.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from arcli.engine import LocalGallery
from arcli.engine.indexing.upkeep import compact
from arcli.features import Features
from arcli.models import AddItem, FeaturePreset, FindOptions, Picture
from arcli.store.channel import ChannelStore
from arcli.store.rows import NewTarget
from arcli.vision.features.presets import load_preset
from benchmarks.recognition import BENCH, expected_of, manifest, need_photo_sets
from benchmarks.results import describe_run, print_table, write_json
from benchmarks.size import folder_of

GALLERY = "default"
POINT_BYTES = 8
AT_ONCE = 400

Row = dict[str, Any]
Less = Callable[[Features], Features]


def first_keypoints(count: int) -> Less:
    return lambda features: features.head(count)


def first_dimensions(count: int) -> Less:
    def less(features: Features) -> Features:
        codes = features.codes.copy()
        codes[:, count:] = 0
        return replace(features, codes=codes)

    return less


def fewer_bits(bits: int) -> Less:
    """Round codes to so many bits; those of photos stay as they are."""
    step = 1 << (8 - bits)

    def less(features: Features) -> Features:
        codes = np.rint(features.codes / step).clip(-(1 << (bits - 1)), (1 << (bits - 1)) - 1) * step
        return replace(features, codes=codes.clip(-127, 127).astype(np.int8))

    return less


COMPACT = "compact"
"""What is offered: the preset of that name, packed by the product itself, keypoints too."""
WAYS: dict[str, tuple[int, int, int]] = {
    "standard": (400, 64, 8),
    COMPACT: (400, 64, 8),
    "300 keypoints": (300, 64, 8),
    "200 keypoints": (200, 64, 8),
    "48 dimensions": (400, 48, 8),
    "32 dimensions": (400, 32, 8),
    "5 bits": (400, 64, 5),
    "4 bits": (400, 64, 4),
    "3 bits": (400, 64, 3),
}
"""Keypoints at most, dimensions, bits a number."""


def add_gallery(data_dir: Path) -> None:
    with LocalGallery(data_dir) as gallery:
        if GALLERY in gallery.settings():
            return
        rows = [row for row in manifest() if row["role"] in ("gallery", "distractor")]
        items = [
            AddItem(
                picture=Picture.from_path(BENCH / row["file"]), identifier=row["id"] or Path(row["file"]).stem
            )
            for row in rows
        ]
        list(gallery.add_many(channel=GALLERY, items=items))


def fill(data_dir: Path, channel: str, ways: Sequence[Less]) -> tuple[float, float]:
    """Make a channel of the gallery's targets with less of each; return keypoints and bytes of one."""
    with LocalGallery(data_dir) as gallery:
        if channel in gallery.settings():
            gallery.remove_channel(name=channel)
        gallery.create_channel(name=channel)
    total = size = number = 0
    source = ChannelStore.open(folder_of(data_dir, GALLERY))
    store = ChannelStore.open(folder_of(data_dir, channel))
    with source, store, source.read() as snapshot:
        rows = list(snapshot.live_rows(1, snapshot.last_row()))
        for at in range(0, len(rows), AT_ONCE):
            chosen = rows[at : at + AT_ONCE]
            known, stored = snapshot.rows(chosen), snapshot.features(chosen)
            small = snapshot.thumbnails(chosen)
            with store.write() as writer:
                for row in chosen:
                    features = Features.from_bytes(stored[row])
                    for less in ways:
                        features = less(features)
                    data, number = features.to_bytes(), number + 1
                    total, size = total + len(features), size + len(data)
                    writer.insert(
                        NewTarget(
                            identifier=known[row].identifier,
                            features=data,
                            level=known[row].level,
                            thumbnail=small.get(row),
                            picture=snapshot.picture(row),
                        )
                    )
        compact(store)
    return total / number, size / number


@contextmanager
def photos_with(dimensions: int) -> Iterator[None]:
    """Leave dimensions out of the codes of photos."""
    components = load_preset().components  # shared by all that is extracted in this process
    whole = components.copy()
    components[:, dimensions:] = 0
    try:
        yield
    finally:
        components[:] = whole


def ask(data_dir: Path, channel: str, photos: Sequence[Row]) -> Row:
    """Ask all photos; return recall at 1 by set, and how many answers were wrong."""
    right: dict[str, list[bool]] = {}
    wrong = 0
    with LocalGallery(data_dir) as gallery:
        pictures = (Picture.from_path(BENCH / photo["file"]) for photo in photos)
        options = FindOptions(count=False, jobs=1)
        for photo, found in zip(
            photos, gallery.find_many(pictures=pictures, channels=[channel], options=options), strict=True
        ):
            wanted = set().union(*expected_of(photo))
            answer = found.matches[0].identifier if found.matches else None
            if wanted:
                right.setdefault(photo["set"], []).append(answer in wanted)
            wrong += answer is not None and answer not in wanted
    shown = [each for known in right.values() for each in known]
    return {
        "recall_at_1": round(sum(shown) / len(shown), 4),
        "wrong": wrong,
        "right_by_set": {name: sum(known) for name, known in right.items()},
    }


def measure(data_dir: Path, name: str, photos: Sequence[Row]) -> Row:
    keypoints, dimensions, bits = WAYS[name]
    channel = name.replace(" ", "-")
    ways = [first_keypoints(keypoints), first_dimensions(dimensions), fewer_bits(bits)]
    if name == COMPACT:
        ways.append(lambda features: replace(features, preset=FeaturePreset.COMPACT.number))
    mean, stored = fill(data_dir, channel, ways)
    with photos_with(dimensions):
        figures = ask(data_dir, channel, photos)
    size = stored if name == COMPACT else mean * (POINT_BYTES + dimensions * bits / 8)
    return {"way": name, "keypoints": round(mean), "bytes_a_target": round(size), **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default=",".join(WAYS))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--negatives", type=int, default=10)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--output", type=Path, default=Path("bench-results/features.json"))
    asked = parser.parse_args()
    need_photo_sets()
    shown = [row for row in manifest() if row["role"] == "query"][:: asked.every]
    photos = shown + [row for row in manifest() if row["role"] == "negative"][:: asked.negatives]
    figures: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        data_dir = asked.work or Path(folder)
        add_gallery(data_dir)
        for name in asked.only.split(","):
            figures.append(measure(data_dir, name, photos))
            print(json.dumps(figures[-1]), flush=True)
    heads = ["way", "keypoints", "bytes_a_target", "recall_at_1", "wrong"]
    print_table(heads, [[row[head] for head in heads] for row in figures])
    write_json(asked.output, describe_run() | {"photos": len(photos), "ways": figures})


if __name__ == "__main__":
    main()
