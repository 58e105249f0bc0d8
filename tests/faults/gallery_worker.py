"""Processes that use one gallery at the same time: python gallery_worker.py COMMAND DATA_DIR LOG ARGUMENT…

Each writes one JSON line an operation to LOG: what it did, when it began and when it knew (CLOCK_MONOTONIC,
which all processes of a machine share). `add`, `remove` and `replace` name the pictures that came and went.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from arcli.engine import LocalGallery
from arcli.engine.cluster.gallery import ClusterGallery
from arcli.errors import Locked, TargetNotFound
from arcli.features import Features
from arcli.models import AddItem, AddOptions, AddStatus, Picture, TargetChanges
from arcli.store.repair.backup import opened_backup
from arcli.store.repair.backup_folder import Backups
from tests.engine.conftest import encoded

CHANNEL = "default"
CLUSTER = "ARCLI_TEST_CREW"
BLOCK = 2500  # pictures that an adder may bring
REPLACED = 4 * BLOCK  # what is added to the number of a picture that replaces another


def pixels_of(seed: int) -> np.ndarray:
    """A picture like no other: random clouds of several sizes (posters with letters look alike)."""
    rng = np.random.default_rng(seed)
    clouds = [rng.integers(0, 255, (320 // size, 240 // size, 3), np.uint8) for size in (5, 10, 20)]
    return np.mean([cv2.resize(cloud, (240, 320)) for cloud in clouds], axis=0).astype(np.uint8)


def picture_of(seed: int) -> Picture:
    return Picture(name=f"{seed}.png", data=encoded(pixels_of(seed)))


def photo_of(seed: int) -> Picture:
    """The picture on a wall, a little turned."""
    turn = cv2.getRotationMatrix2D((120, 160), 8, 1.0)
    turn[:, 2] += (90, 80)
    wall = cv2.warpAffine(pixels_of(seed), turn, (420, 500), borderValue=(200, 200, 200))
    return Picture(name=str(seed), data=encoded(wall, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 85))


class Log:
    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def __call__(self, work: Callable[[], Any], **facts: Any) -> Any:
        began = time.monotonic()
        answer = work()
        line = {**facts, "began": began, "ended": time.monotonic(), "answer": answer}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return answer


def add(gallery: LocalGallery, log: Log, first: str, count: str) -> None:
    """Add pictures one at a time, and put another picture in the place of every third."""
    for seed in range(int(first), int(first) + int(count)):
        name = f"poster{seed}"
        new = AddItem(picture=picture_of(seed), identifier=name)
        log(
            partial(add_one, gallery, new),
            target=name,
            comes=seed,
        )
        if seed % 3 == 0:
            changes = TargetChanges(picture=picture_of(seed + REPLACED))
            log(
                partial(replace, gallery, name, changes),
                target=name,
                comes=seed + REPLACED,
                goes=seed,
            )


def add_one(gallery: LocalGallery, new: AddItem) -> AddStatus:
    return gallery.add(channel=CHANNEL, item=new, options=AddOptions(jobs=1)).status


def replace(gallery: LocalGallery, name: str, changes: TargetChanges) -> bool:
    try:
        gallery.update(channel=CHANNEL, identifier=name, changes=changes)
    except TargetNotFound:  # a remover was faster
        return False
    return True


def remove(gallery: LocalGallery, log: Log, first: str, count: str) -> None:
    """Remove every second picture soon after it came."""
    left = {seed for seed in range(int(first), int(first) + int(count)) if seed % 2 == 0}
    while left:
        for seed in sorted(left):
            name = f"poster{seed}"
            if target_is_there(gallery, name):
                log(partial(gallery.remove, channel=CHANNEL, identifier=name), target=name, goes="*")
                left.discard(seed)


def target_is_there(gallery: LocalGallery, name: str) -> bool:
    try:
        gallery.get(channel=CHANNEL, identifier=name)
    except TargetNotFound:
        return False
    return True


def find(gallery: LocalGallery, log: Log, step: str, *seeds: str) -> None:
    """Look photos of all pictures up again and again until stdin closes."""
    photos = {int(seed): photo_of(int(seed)) for seed in seeds}
    os.set_blocking(0, False)
    order = sorted(photos, key=lambda seed: seed * int(step) % 101)
    while True:
        for seed in order:
            if sys.stdin.buffer.read(1) is not None:
                return
            log(partial(found, gallery, photos[seed]), photo=seed)


def found(gallery: LocalGallery, photo: Picture) -> list[str]:
    result = gallery.find(picture=photo, channels=[CHANNEL])
    assert "wait" not in result.timings_ms, "it waited for a lock"
    return [match.identifier for match in result.matches]


def compact(gallery: LocalGallery, log: Log) -> None:
    """Fold and merge until stdin closes."""
    os.set_blocking(0, False)
    while sys.stdin.buffer.read(1) is None:
        log(lambda: compacted(gallery))


def compacted(gallery: LocalGallery) -> str:
    try:
        gallery.compact(channel=CHANNEL)
    except Locked:  # an adder folds at this moment
        return "busy"
    return "done"


def backup(gallery: LocalGallery, log: Log, data_dir: str) -> None:
    """Write the channel to a file again and again until stdin closes."""
    os.set_blocking(0, False)
    backups, file = Backups(Path(data_dir), Features.from_bytes), Path(data_dir).with_name("one.arcli")
    while sys.stdin.buffer.read(1) is None:
        log(partial(backed_up, backups, file))


def backed_up(backups: Backups, file: Path) -> list[str]:
    backups.write_channel(CHANNEL, file)
    with opened_backup(file, Features.from_bytes) as snapshot:
        names = [row.identifier for row in snapshot.list()[1]]
    file.unlink()
    return names


def opened(data_dir: Path) -> LocalGallery:
    """Open the gallery of a folder, or of the cluster whose PostgreSQL and Milvus CLUSTER names."""
    if place := os.environ.get(CLUSTER):
        return ClusterGallery(*json.loads(place))
    return LocalGallery(data_dir)


def main(command: str, data_dir: str, log: str, *words: str) -> None:
    with opened(Path(data_dir)) as gallery:
        globals()[command](gallery, Log(log), *words)


if __name__ == "__main__":
    main(*sys.argv[1:])
