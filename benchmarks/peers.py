"""arcli beside what a user would do otherwise, in one run: brute force with OpenCV, voting with faiss, pHash.

Run it by `make bench-peers`, which installs ImageHash. ARGS: --targets N (1000), --every N (each Nth
photo; 1), --slow N (photos with a target that brute force is asked, and a third as many without; 6),
--output FILE.json, of which `python docs/figures.py peers` draws the plot. It needs ../shared/data. One
thread each; CPU, without loading libraries. The gallery are the sets' pictures and distractors. An answer of
OpenCV's ways needs 8 inliers, one of pHash at most 12 bits of difference; `strict` is the recall with the
lowest limit at which at most 1 % of the photos are answered wrongly, chosen on these photos.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import faiss
import imagehash
import numpy as np
from PIL import Image

from arcli.engine import LocalGallery
from arcli.models import AddItem, FindOptions, Picture
from arcli.parallel import machine_memory
from benchmarks.recognition import BENCH, expected_of, manifest, need_photo_sets
from benchmarks.results import describe_run, print_table, write_json

SIDE, KEYPOINTS = 640, 800
MIN_INLIERS, RATIO, RANSAC_PX = 8, 0.8, 5.0
VOTED, PROBES, LISTS = (
    500,
    8,
    256,
)  # ORB keypoints; lists searched of so many: the fewest with recall@10 >= .9
PHASH_BITS = 12  # of 64 that may differ
CHANNEL = "peers"
WHEN = ("", "_warm")  # the first comparison with a target searches its picture for codes

Row = dict[str, Any]
Answer = tuple[str | None, float]
"""An identifier, and what speaks for it: more is better. None: nothing is found."""
Find = Callable[[Path], Answer]


def gray(path: Path) -> Any:
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    factor = SIDE / max(pixels.shape)
    return (
        cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else pixels
    )


class Keypoints:
    """Keypoints and descriptors of the gallery by a detector of OpenCV."""

    def __init__(self, detector: Any, norm: int, gallery: Sequence[tuple[Path, str]]) -> None:
        self.detector, self._matcher = detector, cv2.BFMatcher(norm)
        self.names = [name for _, name in gallery]
        self.stored = [self.of(path) for path, _ in gallery]

    def of(self, path: Path) -> tuple[Any, Any]:
        found, codes = self.detector.detectAndCompute(gray(path), None)
        return np.array([point.pt for point in found], np.float32).reshape(-1, 2), codes

    def inliers(self, query: tuple[Any, Any], number: int) -> int:
        """Match by ratio, fit a homography by RANSAC, return how many agree."""
        points, codes = self.stored[number]
        if codes is None or query[1] is None or min(len(codes), len(query[1])) < 2:
            return 0
        pairs = self._matcher.knnMatch(query[1], codes, k=2)
        good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < RATIO * pair[1].distance]
        if len(good) < MIN_INLIERS:
            return 0
        ours = query[0][[match.queryIdx for match in good]]
        _, mask = cv2.findHomography(points[[m.trainIdx for m in good]], ours, cv2.RANSAC, RANSAC_PX)
        return 0 if mask is None else int(mask.sum())

    def best(self, query: tuple[Any, Any], among: Sequence[int]) -> Answer:
        counts = [self.inliers(query, number) for number in among]
        if not counts or max(counts) < MIN_INLIERS:
            return None, 0.0
        return self.names[among[int(np.argmax(counts))]], max(counts)

    def brute_force(self, photo: Path) -> Answer:
        return self.best(self.of(photo), range(len(self.names)))


class Voting:
    """ORB descriptors in a binary index of faiss: each votes for its nearest, the ten first are verified."""

    def __init__(self, gallery: Sequence[tuple[Path, str]]) -> None:
        self._keys = Keypoints(cv2.ORB.create(VOTED), cv2.NORM_HAMMING, gallery)
        codes = [
            codes if codes is not None else np.zeros((0, 32), np.uint8) for _, codes in self._keys.stored
        ]
        self._owners = np.repeat(np.arange(len(codes)), [len(each) for each in codes])
        self._quantizer = faiss.IndexBinaryFlat(256)
        self._index = faiss.IndexBinaryIVF(self._quantizer, 256, LISTS)
        self._index.nprobe = PROBES
        together = np.concatenate(codes)
        self._index.train(together)
        self._index.add(together)
        self.shortlisted: list[list[str]] = []

    def find(self, photo: Path) -> Answer:
        query = self._keys.of(photo)
        if query[1] is None:
            self.shortlisted.append([])
            return None, 0.0
        _, near = self._index.search(query[1], 1)
        votes = np.bincount(self._owners[near[near >= 0]], minlength=len(self._keys.names))
        first = np.argsort(-votes, kind="stable")[:10].tolist()
        self.shortlisted.append([self._keys.names[number] for number in first])
        return self._keys.best(query, first)


class Hashes:
    """The perceptual hash of each picture; the nearest, if near enough, is the answer."""

    def __init__(self, gallery: Sequence[tuple[Path, str]]) -> None:
        self._names = [name for _, name in gallery]
        self._hashes = [self._of(path) for path, _ in gallery]

    def _of(self, path: Path) -> Any:
        with Image.open(path) as picture:
            return imagehash.phash(picture)

    def find(self, photo: Path) -> Answer:
        mine = self._of(photo)
        apart = [int(mine - each) for each in self._hashes]
        return self._names[int(np.argmin(apart))] if min(apart) <= PHASH_BITS else None, -float(min(apart))


class Arcli:
    def __init__(self, folder: Path, gallery: Sequence[tuple[Path, str]]) -> None:
        self._gallery = LocalGallery(folder)
        items = [AddItem(picture=Picture.from_path(path), identifier=name) for path, name in gallery]
        for at in range(0, len(items), 8):  # so few are added by this process, whose CPU is measured
            list(self._gallery.add_many(channel=CHANNEL, items=items[at : at + 8]))
        self._gallery.compact(channel=CHANNEL)

    def find(self, photo: Path) -> Answer:
        options = FindOptions(count=False, jobs=1)
        found = self._gallery.find(picture=Picture.from_path(photo), channels=[CHANNEL], options=options)
        return (found.matches[0].identifier, found.matches[0].score or 0.0) if found.matches else (None, 0.0)


def anonymous_mb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1]) >> 10


def recall_of(photos: Sequence[Row], answers: Sequence[Answer]) -> tuple[dict[str, float], int]:
    """Return the share of photos answered rightly by set, of all as "all", and how many are wrong."""
    right: dict[str, list[bool]] = {"all": []}
    wrong = 0
    for photo, (answer, _) in zip(photos, answers, strict=True):
        wanted = set().union(*expected_of(photo))
        for name in ("all", photo["set"]) if wanted else ():
            right.setdefault(name, []).append(answer in wanted)
        wrong += answer is not None and answer not in wanted
    return {name: round(sum(known) / len(known), 3) for name, known in right.items()}, wrong


def strict_recall(photos: Sequence[Row], answers: Sequence[Answer]) -> float:
    """Return the recall with the lowest limit at which at most 1 % of the photos get a wrong answer."""
    for limit in sorted({strength for _, strength in answers}):
        kept = [(name if strength >= limit else None, strength) for name, strength in answers]
        recall, wrong = recall_of(photos, kept)
        if wrong <= len(photos) / 100:
            return recall["all"]
    return 0.0


def asked_all(ask: Find, photos: Sequence[Row]) -> Row:
    """Ask the photos; return recall, wrong answers and CPU."""
    ask(BENCH / photos[0]["file"])  # what is loaded at the first time
    began = process_time()
    answers = [ask(BENCH / photo["file"]) for photo in photos]
    spent = process_time() - began
    by_set, wrong = recall_of(photos, answers)
    return {
        "photos": len(photos),
        "recall": by_set.pop("all"),
        "wrong": wrong,
        "strict": strict_recall(photos, answers),
        "find_cpu_ms": round(1000 * spent / len(photos), 1),
        "recall_by_set": by_set,
    }


def measured(name: str, make: Callable[[], Any], targets: int, find: str, photos: Sequence[Row]) -> Row:
    """Build one way and ask it the photos; return recall, wrong answers and costs."""
    before, began = anonymous_mb(), process_time()
    built = make()
    costs = {
        "build_cpu_ms_a_target": round(1000 * (process_time() - began) / targets, 2),
        "memory_mb": anonymous_mb() - before,
    }
    row = {"way": name} | asked_all(getattr(built, find), photos) | costs
    if isinstance(built, Voting):
        lists = zip(built.shortlisted[1:], photos, strict=True)
        hits = [bool({*first} & set().union(*expected_of(photo))) for first, photo in lists if photo["id"]]
        row["recall_at_10"] = round(sum(hits) / len(hits), 3)
    return row


def ways(gallery: Sequence[tuple[Path, str]], folder: Path) -> dict[str, tuple[Callable[[], Any], str]]:
    """Return how each way is built, and the name of its method that finds."""
    orb, sift = cv2.ORB.create(KEYPOINTS), cv2.SIFT.create(KEYPOINTS, contrastThreshold=0.02)
    return {
        "arcli": (lambda: Arcli(folder, gallery), "find"),
        "ORB + faiss": (lambda: Voting(gallery), "find"),
        "pHash": (lambda: Hashes(gallery), "find"),
        "ORB, brute force": (lambda: Keypoints(orb, cv2.NORM_HAMMING, gallery), "brute_force"),
        "SIFT, brute force": (lambda: Keypoints(sift, cv2.NORM_L2, gallery), "brute_force"),
    }


def spread(photos: Sequence[Row], count: int) -> Sequence[Row]:
    return photos[:: max(1, -(-len(photos) // max(1, count)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--slow", type=int, default=6)
    parser.add_argument("--output", type=Path, default=Path("bench-results/peers.json"))
    asked = parser.parse_args()
    need_photo_sets()
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    rows = sorted(manifest(), key=lambda row: str(row["role"]) != "gallery")
    stored = [row for row in rows if row["role"] in ("gallery", "distractor")][: asked.targets]
    gallery = [(BENCH / row["file"], str(row["id"] or Path(row["file"]).stem)) for row in stored]
    photos = [row for row in rows if row["role"] in ("query", "negative")][:: asked.every]
    few = [*spread([row for row in photos if row["id"]], asked.slow)]
    few += spread([row for row in photos if not row["id"]], asked.slow // 3)
    figures: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (make, find) in ways(gallery, Path(folder)).items():
            figures.append(measured(name, make, len(gallery), find, few if "brute" in name else photos))
            print(figures[-1], flush=True)
        ours = Arcli(Path(folder), [])
        again = {f"arcli_on_the_photos_of_brute_force{when}": asked_all(ours.find, few) for when in WHEN}
    heads = [
        "way",
        "photos",
        "recall",
        "wrong",
        "strict",
        "build_cpu_ms_a_target",
        "find_cpu_ms",
        "memory_mb",
    ]
    print_table(heads, [[row[head] for head in heads] for row in figures])
    sizes = {"targets": len(gallery), "memory_gib": machine_memory() >> 30}
    write_json(asked.output, describe_run() | sizes | {"ways": figures} | again)


if __name__ == "__main__":
    main()
