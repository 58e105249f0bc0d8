"""What a channel costs at each size: to build, to keep, to open, to search; and what it finds.

Run it by `make bench-size`. ARGS: --sizes N,N,… (10,1000,10000), --photos N (60), --data-dir DIR (for the
channels; a million targets take 32 GB), --output FILE.json. A size that is in the output file already is not
measured again, so a long run goes on where it ended. The gallery are the sets' pictures and the 3,000
distractors. Larger sizes add variants of the distractors made *after* extraction: every code gets noise of
half the standard deviation of its dimension, and the keypoints change places. How near the nearest stored
descriptor of a photo then is stands in the result, beside the same for made-up pictures warped before
extraction (`--compare FILE` of `make bench-index ARGS="--features FILE"`).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from arcli.engine import LocalGallery
from arcli.engine.indexing.coverage import INDEXING
from arcli.engine.indexing.upkeep import compact, maybe_fold
from arcli.features import INDEX_DIM, Features
from arcli.index.flat import ExactIndex
from arcli.models import ChannelSettings, FindOptions, Picture
from arcli.store import segments
from arcli.store.channel import ChannelStore
from arcli.store.rows import NewTarget
from arcli.vision.decoding.decode import decode
from arcli.vision.decoding.limits import LOCAL
from arcli.vision.features.extract import extract
from arcli.vision.features.presets import DEFAULT_PRESET
from arcli.vision.rating.enrolment import enrolled
from benchmarks import growth_pictures
from benchmarks.recognition import BENCH, expected_of, manifest, need_photo_sets
from benchmarks.results import describe_run, print_table, write_json

CHANNEL = "size"
BATCH = 500
FOLD_ROWS = 5000  # targets between two folds: what a bulk load leaves to its builder
NOISE = 0.5  # of the standard deviation of a dimension
PHASES = ("decode", "extract", "shortlist", "load", "verify", "other")

Row = dict[str, Any]


@dataclass(frozen=True)
class Pool:
    """Real pictures as they are stored (no picture kept): targets that photos show, and others."""

    shown: list[NewTarget]
    others: list[NewTarget]

    def targets(self, number: int) -> Iterator[NewTarget]:
        """Yield `number` targets; those that photos show are spread evenly over them."""
        step = max(1, number // len(self.shown))
        shown, others = iter(self.shown), self.endless()
        for place in range(number):
            one = next(shown, None) if place % step == 0 else None
            yield one or replace(next(others), identifier=f"other{place}")

    def endless(self) -> Iterator[NewTarget]:
        """Yield the others, then variants of them."""
        for seed in count():
            for one in self.others:
                yield one if seed == 0 else replace(one, features=varied(one.features, seed))


def varied(stored: bytes, seed: int) -> bytes:
    """Return a variant of stored features: other codes near the real ones, at each other's places."""
    features = Features.from_bytes(stored)
    rng = np.random.default_rng((seed, len(features), int(features.codes[0, 0]) + 128))
    spread = features.codes.std(axis=0) * NOISE
    noise = rng.normal(size=features.codes.shape) * spread
    codes = np.rint(features.codes + noise).clip(-127, 127).astype(np.int8)
    moved = features.keypoints[rng.permutation(len(features))]
    return replace(features, codes=codes, keypoints=moved).to_bytes()


def pool() -> Pool:
    stored: dict[str, list[NewTarget]] = {"gallery": [], "distractor": []}
    for row in manifest():
        if row["role"] in stored:
            stored[row["role"]].append(_enrolled(row))
    return Pool(stored["gallery"], stored["distractor"])


def _enrolled(row: Row) -> NewTarget:
    data = (BENCH / row["file"]).read_bytes()
    shown = enrolled(data, name=row["file"], limits=LOCAL, keep_picture=False, preset=DEFAULT_PRESET)
    features = shown.features.to_bytes()
    return NewTarget(
        identifier=str(row["id"]), features=features, level=shown.level, thumbnail=shown.thumbnail
    )


def build(gallery: LocalGallery, data_dir: Path, targets: Iterator[NewTarget]) -> Row:
    """Add targets by hundreds as a bulk load does, folding now and then; CPU of store and index apart."""
    gallery.create_channel(name=CHANNEL, settings=ChannelSettings())
    stored = indexed = 0.0
    number = since = 0
    with ChannelStore.open(folder_of(data_dir)) as store:
        while batch := list(islice(targets, BATCH)):
            began = process_time()
            with store.write() as writer:
                for target in batch:
                    writer.insert(target)
            stored += process_time() - began
            number, since = number + len(batch), since + len(batch)
            if since >= FOLD_ROWS:
                indexed, since = indexed + timed(lambda: maybe_fold(store)), 0
        indexed += timed(lambda: compact(store))
        with store.read() as snapshot:
            live = segments.live(snapshot)
    return {
        "store_bytes_a_target": round(store_bytes(data_dir) / number),
        "index_bytes_a_target": round(sum(record.file.bytes for record in live) / number),
        "kinds": sorted({record.file.kind for record in live}),
        "store_cpu_ms_a_target": round(stored * 1000 / number, 3),
        "index_cpu_ms_a_target": round(indexed * 1000 / number, 3),
    }


def timed(work: Any) -> float:
    began = process_time()
    work()
    return process_time() - began


def folder_of(data_dir: Path) -> Path:
    (folder,) = (data_dir / "channels").iterdir()
    return folder


def store_bytes(data_dir: Path) -> int:
    return sum(file.stat().st_size for file in folder_of(data_dir).glob("store.sqlite*"))


def lookups(gallery: LocalGallery, photos: Sequence[Row]) -> Row:
    """Look photos up one after another in this process, once to warm up and once to measure."""
    options = FindOptions(count=False, jobs=1)
    pictures = [Picture.from_path(BENCH / photo["file"]) for photo in photos]
    for picture in pictures:
        gallery.find(picture=picture, channels=[CHANNEL], options=options)
    right, cpu, times = 0, [], []
    for photo, picture in zip(photos, pictures, strict=True):
        began = process_time()
        result = gallery.find(picture=picture, channels=[CHANNEL], options=options)
        cpu.append((process_time() - began) * 1000)
        times.append(result)
        wanted = set().union(*expected_of(photo))
        right += bool(result.matches) and result.matches[0].identifier in wanted
    matched = [result for result in times if result.matched]
    return {
        "recall_at_1": round(right / len(photos), 4),
        "find_cpu_ms": round(statistics.median(cpu), 1),
        "find_ms_matched": round(statistics.median(result.elapsed_ms for result in matched), 1),
        "without_extraction_ms": round(
            statistics.median(without_extraction(r.timings_ms) for r in matched), 1
        ),
        "phases_ms": {
            name: round(statistics.median(result.timings_ms.get(name, 0.0) for result in matched), 1)
            for name in PHASES
        },
    }


def without_extraction(timings: Any) -> float:
    return sum(spent for name, spent in timings.items() if name not in ("decode", "extract"))


def one_shot(data_dir: Path, photo: Row) -> Row:
    """Run `arcli find` as a shell does, five times: CPU and wall medians, and the most memory."""
    environment = os.environ | {"ARCLI_DATA_DIR": str(data_dir)}
    words = [sys.executable, "-m", "arcli", "find", str(BENCH / photo["file"]), "-c", CHANNEL, "--no-count"]
    cpu, wall = [], []
    for _ in range(5):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
        subprocess.run(words, env=environment, capture_output=True, check=False, timeout=600)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(perf_counter() - began)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {
        "one_shot_seconds": round(statistics.median(wall), 2),
        "one_shot_cpu_seconds": round(statistics.median(cpu), 2),
        "one_shot_peak_mb": peak_mb(words, environment),
    }


def peak_mb(words: Sequence[str], environment: dict[str, str]) -> int:
    """Return the most memory that a command held, pages of mapped files included."""
    watch = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True);"
    watch += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run(
        [sys.executable, "-c", watch, *words], env=environment, capture_output=True, text=True, check=True
    )
    return round(int(done.stdout) / 1024)


def memory(data_dir: Path, photos: Sequence[Row]) -> Row:
    """Return what a process that looks photos up holds: anonymous memory, and pages of files."""
    work = (
        "import sys; from pathlib import Path; from arcli.engine import LocalGallery;"
        "from arcli.models import FindOptions, Picture;"
        "g = LocalGallery(Path(sys.argv[1]));"
        f"[g.find(picture=Picture.from_path(p), channels=['{CHANNEL}'], options=FindOptions(count=False))"
        " for p in sys.argv[2:]];"
        "print(open('/proc/self/status').read())"
    )
    paths = [str(BENCH / photo["file"]) for photo in photos]
    words = [sys.executable, "-c", work, str(data_dir), *paths]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    held = dict(line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    return {
        "anonymous_mb": round(int(held["RssAnon"].split()[0]) / 1024),
        "file_backed_mb": round(int(held["RssFile"].split()[0]) / 1024),
    }


def nearest(features: Iterator[bytes], photos: Sequence[Row], number: int) -> float:
    """Return the median distance of a photo's descriptors to the nearest of `number` targets."""
    codes = [
        Features.from_bytes(data).codes[: INDEXING.keypoints, :INDEX_DIM] for data in islice(features, number)
    ]
    index = ExactIndex(np.concatenate(codes), np.repeat(np.arange(len(codes)), [len(c) for c in codes]))
    found = []
    for photo in photos:
        decoded = decode((BENCH / photo["file"]).read_bytes(), name=photo["file"], max_side=400)
        query = extract(decoded.pixels, max_side=400, max_keypoints=100).codes[:, :INDEX_DIM]
        distances = index.search(query, 1).distances
        found.append(np.sqrt(distances[:, 0]))
    return round(float(np.median(np.concatenate(found))), 1)


def measure(size: int, made: Pool, photos: Sequence[Row], scratch: Path) -> Row:
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        data_dir = Path(name)
        gallery = LocalGallery(data_dir)
        figures = {"targets": size, **build(gallery, data_dir, made.targets(size))}
        figures |= lookups(gallery, photos)
        gallery.close()
        return figures | memory(data_dir, photos[:10]) | one_shot(data_dir, photos[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", default="10,1000,10000")
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--compare", type=Path)
    parser.add_argument("--output", type=Path, default=Path("bench-results/size.json"))
    asked = parser.parse_args()
    need_photo_sets()
    queries = [row for row in manifest() if row["role"] == "query" and row["set"] != "oxford_affine"]
    photos = queries[:: max(1, len(queries) // asked.photos)][: asked.photos]
    figures = json.loads(asked.output.read_text()) if asked.output.exists() else {"sizes": []}
    done = {row["targets"] for row in figures["sizes"]}
    made = pool()
    if asked.compare:
        number = 6000
        figures["nearest"] = {
            "varied after extraction": nearest((one.features for one in made.endless()), photos[:20], number),
            "warped before extraction": nearest(growth_pictures.read(asked.compare), photos[:20], number),
        }
    for size in [int(text) for text in asked.sizes.split(",")]:
        if size not in done:
            figures["sizes"].append(measure(size, made, photos, asked.data_dir))
            write_json(asked.output, figures | describe_run() | {"photos": len(photos)})
    shown = [
        "targets",
        "index_bytes_a_target",
        "index_cpu_ms_a_target",
        "without_extraction_ms",
        "recall_at_1",
    ]
    shown += ["anonymous_mb", "file_backed_mb", "one_shot_seconds", "one_shot_peak_mb"]
    print_table(shown, [[row[name] for name in shown] for row in figures["sizes"]])


if __name__ == "__main__":
    main()
