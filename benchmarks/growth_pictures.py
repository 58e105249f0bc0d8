"""Features of many pictures made from the 3,000 distractors by crops and warps, kept in one file."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

import cv2
import numpy as np

from arcli.parallel import prepare_worker
from arcli.vision.decoding.decode import LOCAL, decode
from arcli.vision.features.extract import Pixels, extract
from arcli.vision.features.options import ENROLL
from benchmarks.recognition import BENCH, manifest

_LENGTH = Struct("<I")
_MIN_KEYPOINTS = 50


def distractors() -> list[Path]:
    return [BENCH / row["file"] for row in manifest() if row["role"] == "distractor"]


def varied(pixels: Pixels, seed: int) -> Pixels:
    """Return a crop of 60 to 95 % of a picture, turned up to 180 degrees and sheared; seed 0: as it is."""
    if seed == 0:
        return pixels
    rng = np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    part = rng.uniform(0.6, 0.95)
    x, y = rng.uniform(0, 1 - part, 2) * (width, height)
    corners = np.array([[x, y], [x + part * width, y], [x, y + part * height]], np.float32)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-180, 180), 1.0)
    goal = cv2.transform(np.array([[[0, 0], [width, 0], [0, height]]], np.float32), turn)[0]
    goal += rng.uniform(-0.1, 0.1, (3, 2)) * (width, height)
    warp = cv2.getAffineTransform(corners, goal.astype(np.float32))
    return cv2.warpAffine(pixels, warp, (width, height), borderMode=cv2.BORDER_REFLECT)


def extracted(task: tuple[Path, int]) -> bytes:
    """Return the stored features of one variant of a picture; nothing when it has too few."""
    path, seed = task
    pixels = varied(decode(path.read_bytes(), name=path.name, limits=LOCAL).pixels, seed)
    features = extract(pixels, max_side=ENROLL.max_side, max_keypoints=ENROLL.max_keypoints)
    return features.to_bytes() if len(features) >= _MIN_KEYPOINTS else b""


def make(path: Path, count: int, jobs: int) -> None:
    """Write the features of at least `count` made-up pictures to `path`."""
    originals, done = distractors(), 0
    tasks = ((original, seed) for seed in range(count) for original in originals)
    aside = path.with_suffix(".part")
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, initializer=prepare_worker) as pool, aside.open("wb") as file:
        for data in pool.imap(extracted, tasks, chunksize=16):
            if data:
                file.write(_LENGTH.pack(len(data)) + data)
                done += 1
            if done == count:
                break
    aside.rename(path)


def read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while head := file.read(_LENGTH.size):
            yield file.read(*_LENGTH.unpack(head))
