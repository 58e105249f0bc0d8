"""The gallery of the size benchmark: real pictures, warped before extraction, and variants made after it.

The pool is a channel of its own, loaded by `add_many` as any gallery is: the sets' pictures, the 3,000
distractors, and crops, warps and blurred copies of these, made from their pixels, until there are 20,000.
Larger galleries add variants of the pool made *after* extraction: every code gets noise of half the standard
deviation of its dimension, and the keypoints change places.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import cv2
import numpy as np

from arcli.engine import LocalGallery
from arcli.features import Features
from arcli.models import AddItem, AddOptions, AddStatus, OnExists, Picture
from arcli.store.channel import ChannelStore
from arcli.store.rows import NewTarget
from arcli.store.snapshot import Snapshot
from benchmarks.baseline import IndexWork, Stopwatch
from benchmarks.growth_pictures import varied as warped
from benchmarks.recognition import BENCH, manifest

CHANNEL = "size"
REAL = 20_000  # targets whose pictures were varied before extraction
BLOCK = 2500  # pictures of one load
NOISE = 0.5  # of the standard deviation of a dimension


@cache
def _files() -> tuple[list[tuple[str, Path]], list[Path]]:
    """Return identifier and file of the pictures that photos show, and the files of the distractors."""
    rows = manifest()
    shown = [(str(row["id"]), BENCH / row["file"]) for row in rows if row["role"] == "gallery"]
    return shown, [BENCH / row["file"] for row in rows if row["role"] == "distractor"]


def source(number: int) -> AddItem:
    """Return one of endlessly many pictures: those that photos show, the distractors, then warps of these."""
    shown, others = _files()
    if number < len(shown):
        identifier, path = shown[number]
        return AddItem(picture=Picture.from_path(path), identifier=identifier)
    seed, at = divmod(number - len(shown), len(others))
    name, path = f"other.{seed}.{at}", others[at]
    picture = Picture.from_path(path) if seed == 0 else Picture(name=name, data=_variant(path, seed))
    return AddItem(picture=picture, identifier=name)


def _variant(path: Path, seed: int) -> bytes:
    """Return a JPEG of a picture cropped, turned, sheared, and in every third seed blurred."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert pixels is not None
    shown = warped(pixels, seed)
    if seed % 3 == 0:
        shown = cv2.GaussianBlur(shown, (0, 0), 0.8)
    return bytes(cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def load_pool(folder: Path, log: Path, need: int, until: float) -> bool:
    """Load blocks of the pool until it has `need` targets (True) or the clock says `until`; a later call
    goes on.

    log: a JSON file with a line for each block: how many were added, and what that cost.
    """
    blocks = json.loads(log.read_text()) if log.exists() else []
    folder.mkdir(exist_ok=True)
    with LocalGallery(folder) as gallery:
        if CHANNEL not in gallery.settings():
            gallery.create_channel(name=CHANNEL)
    while (done := sum(block["added"] for block in blocks)) < need and monotonic() < until:
        blocks.append(_load_block(folder, sum(block["read"] for block in blocks), min(BLOCK, need - done)))
        log.write_text(json.dumps(blocks))
    return done >= need


def _load_block(folder: Path, start: int, count: int) -> dict[str, Any]:
    items = _Timed(start, count)
    with IndexWork() as indexing, Stopwatch() as watch, LocalGallery(folder) as gallery:
        options = AddOptions(on_exists=OnExists.SKIP)
        results = list(gallery.add_many(channel=CHANNEL, items=items, options=options))
    added = sum(result.status is not AddStatus.FAILED for result in results)
    return {
        "read": len(results),
        "added": added,
        "cpu_seconds": round(watch.cpu - items.cpu, 2),
        "index_cpu_seconds": round(indexing.cpu, 2),
        "index_own_cpu_seconds": round(indexing.own_cpu, 2),
        "seconds": round(watch.seconds, 1),
    }


class _Timed:
    """Some pictures of `source`; cpu: seconds that making them took, which no real load has."""

    def __init__(self, start: int, count: int) -> None:
        self._start, self._count, self.cpu = start, count, 0.0

    def __iter__(self) -> Iterator[AddItem]:
        for number in range(self._start, self._start + self._count):
            began = process_time()
            item = source(number)
            self.cpu += process_time() - began
            yield item


@dataclass(frozen=True)
class Pool:
    """The rows of the pool by what they are: targets that photos show, and others."""

    shown: Sequence[int]
    others: Sequence[int]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Pool:
        found = [snapshot.row_id(name) for name, _ in _files()[0]]
        shown = [row for row in found if row is not None]
        return cls(shown, sorted({*snapshot.live_rows(1, snapshot.last_row())} - {*shown}))

    def place(self, place: int, number: int) -> tuple[int, int]:
        """Return row and seed (0: as it is) of one of `number` targets: the shown spread evenly."""
        step = max(1, number // len(self.shown))
        before = min(-(-place // step), len(self.shown))
        if place % step == 0 and place // step < len(self.shown):
            return self.shown[place // step], 0
        seed, at = divmod(place - before, len(self.others))
        return self.others[at], seed

    def targets(self, store: ChannelStore, places: Sequence[int], number: int) -> list[NewTarget]:
        """Return some of `number` targets, by their places."""
        chosen = [self.place(place, number) for place in places]
        rows = {row for row, _ in chosen}
        with store.read() as snapshot:
            stored, features = snapshot.rows(rows), snapshot.features(rows)
            small = snapshot.thumbnails(rows)
        return [
            NewTarget(
                identifier=stored[row].identifier if seed == 0 else f"varied.{place}",
                features=features[row] if seed == 0 else varied(features[row], seed),
                level=stored[row].level,
                thumbnail=small.get(row),
            )
            for place, (row, seed) in zip(places, chosen, strict=True)
        ]


def varied(stored: bytes, seed: int) -> bytes:
    """Return a variant of stored features: other codes near the real ones, at each other's places."""
    features = Features.from_bytes(stored)
    rng = np.random.default_rng((seed, len(features), int(features.codes[0, 0]) + 128))
    spread = features.codes.std(axis=0) * NOISE
    noise = rng.standard_normal(features.codes.shape, np.float32) * spread.astype(np.float32)
    codes = np.rint(features.codes + noise).clip(-127, 127).astype(np.int8)
    moved = features.keypoints[rng.permutation(len(features))]
    return replace(features, codes=codes, keypoints=moved).to_bytes()
