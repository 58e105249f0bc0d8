"""A gallery on PostgreSQL and Milvus standalone beside the same one in a data folder.

Run it by `make bench-cluster`, as root on Linux. The channel grows in the data folder; `arcli migrate` brings
what is new into the cluster, the last part of it while the loader, PostgreSQL and Milvus are killed by -9.
At each size: seconds, bytes, and the same photos asked in both. Then pictures are added through `arcli serve`
while each server is killed, and targets at 100 a second. ARGS: --sizes N,N,… (5000,10000,20000), --photos N
(60; at the last size all that show something), --work DIR, --output FILE.json. A part that is in the output
already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

from arcli.engine import LocalGallery
from arcli.engine.indexing.coverage import INDEXING
from arcli.engine.indexing.upkeep import compact, maybe_fold
from arcli.features import INDEX_DIM
from arcli.index.milvus import MilvusCollection
from arcli.models import FindOptions, FindResult, Picture
from arcli.store.channel import ChannelStore
from arcli.store.postgres.catalog import channel_number
from arcli.vision.decoding.decode import decode
from arcli.vision.features.extract import extract
from benchmarks.cluster_load import exact_search, killed_adds, steady_adds
from benchmarks.cluster_rig import CHANNEL, Rig, Row, Strike, complete, migrate, rig, settled, sizes
from benchmarks.recognition import BENCH, expected_of, manifest, need_photo_sets
from benchmarks.results import describe_run, print_table, write_json
from benchmarks.size import BATCH, FOLD_ROWS, disk, folder_of, stored
from benchmarks.size_costs import PHASES
from benchmarks.size_pool import Pool, load_pool
from tests.cluster.servers import alone, ending_at_sigterm

POOL = 3000  # extracted pictures: all that photos show, and distractors; the others are variants of these
WARM = 5
DELTA_ROWS = (20, 40, 100, 200, 400, 1000)


@dataclass(frozen=True)
class Bench:
    """photos: asked at each size. every: asked at the last one."""

    of: Rig
    pool: Pool
    source: ChannelStore
    photos: Sequence[Row]
    every: Sequence[Row]
    output: Path

    def part(self, figures: Row, name: str, measure: Callable[[], Row]) -> Row:
        """Measure what is not in the output yet, and write it there."""
        parts = figures.setdefault("parts", {})
        if name not in parts:
            parts[name] = measure() | {"date": describe_run()["date"]}
            write_json(self.output, figures | describe_run())
        found: Row = parts[name]
        return found


def grown(bench: Bench, size: int) -> Row:
    """Have the data folder's channel hold `size` targets; return what it takes there."""
    with LocalGallery(bench.of.data_dir) as gallery:
        if CHANNEL not in gallery.settings():
            gallery.create_channel(name=CHANNEL)
    with ChannelStore.open(folder_of(bench.of.data_dir, CHANNEL)) as store:
        with store.read() as snapshot:
            number = snapshot.count()
        while number < size:
            places = range(number, min(number + BATCH, size))
            stored(store, bench.pool, bench.source, places, 1)
            number += len(places)
            if number % FOLD_ROWS == 0:
                maybe_fold(store)
        compact(store)
        return disk(store, size)


def asked(gallery: LocalGallery, photos: Sequence[Row]) -> list[FindResult]:
    """Look photos up one after another, some of them twice to warm up."""
    options = FindOptions(count=False, jobs=1)
    pictures = [Picture.from_path(BENCH / photo["file"]) for photo in photos]
    for picture in pictures[:WARM]:
        gallery.find(picture=picture, channels=[CHANNEL], options=options)
    return [gallery.find(picture=one, channels=[CHANNEL], options=options) for one in pictures]


def recall(photos: Sequence[Row], results: Sequence[FindResult]) -> float:
    right = 0
    for photo, result in zip(photos, results, strict=True):
        wanted = set().union(*expected_of(photo))
        right += bool(result.matches) and result.matches[0].identifier in wanted
    return round(right / len(photos), 4)


def lookups(bench: Bench, photos: Sequence[Row]) -> Row:
    """Ask the same photos of both galleries."""
    with LocalGallery(bench.of.data_dir) as local:
        here = asked(local, photos)
    with bench.of.gallery() as cluster:
        there = asked(cluster, photos)
    same = sum(
        [m.identifier for m in one.matches] == [m.identifier for m in other.matches]
        for one, other in zip(here, there, strict=True)
    )
    return {
        "photos": len(photos),
        "recall_at_1_local": recall(photos, here),
        "recall_at_1_cluster": recall(photos, there),
        "same_answer": same,
        "local_ms": latency(here),
        "cluster_ms": latency(there),
    }


def latency(results: Sequence[FindResult]) -> Row:
    """Return the median and the 95th percentile of matched photos, and the medians of the parts."""
    matched = [result for result in results if result.matched]
    whole = sorted(result.elapsed_ms for result in matched)
    parts = {
        name: round(statistics.median(result.timings_ms.get(name, 0.0) for result in matched), 1)
        for name in PHASES
    }
    p95 = whole[int(0.95 * (len(whole) - 1))]
    return {"median": round(statistics.median(whole), 1), "p95": round(p95, 1), "parts": parts}


def levels(bench: Bench, photos: Sequence[Row]) -> Row:
    """Return how long Milvus alone takes for a photo's descriptors at each level of consistency."""
    with bench.of.gallery() as gallery:
        channels = gallery.channels_opened
        number = channel_number(channels.get(CHANNEL).record)
        collection = MilvusCollection(channels.service, channels.transit.place().collection)
        spent: dict[str, list[float]] = {}
        for photo in photos:
            decoded = decode((BENCH / photo["file"]).read_bytes(), name=photo["file"], max_side=640)
            codes = extract(decoded.pixels, max_side=640, max_keypoints=400).codes[:, :INDEX_DIM]
            for name, guarantee in (("strong", 0), ("guarantee timestamp", collection.now())):
                began = perf_counter()
                collection.search(number, codes, INDEXING.neighbours, guarantee=guarantee)
                spent.setdefault(name, []).append((perf_counter() - began) * 1000)
    return {name: {"median_ms": round(statistics.median(times), 1)} for name, times in spent.items()}


def struck(of: Rig, before: int, size: int) -> dict[int, tuple[str, Strike]]:
    """Return who is killed at how many targets, while the channel grows from one size to the next."""
    quarter = (size - before) // 4
    return {
        before + quarter: ("PostgreSQL killed", lambda _: of.restart(of.postgres)),
        before + 2 * quarter: ("Milvus killed", lambda _: of.restart(of.milvus)),
        before + 3 * quarter: ("loader killed", lambda process: process.kill()),
    }


def run(bench: Bench, wanted: Sequence[int], figures: Row) -> None:
    before = 0
    for size in wanted:
        last = size == wanted[-1]
        kills = struck(bench.of, before, size) if last else {}
        photos = bench.every if last else bench.photos

        def load(size: int = size, kills: Any = kills) -> Row:
            data_folder = grown(bench, size)
            loaded = migrate(bench.of, size, kills)
            return {"data_folder": data_folder, "load": loaded, "settled_seconds": settled(bench.of)}

        bench.part(figures, f"load {size}", load)
        bench.part(figures, f"check {size}", lambda: complete(bench.of))
        bench.part(figures, f"bytes {size}", lambda size=size: sizes(bench.of, size))  # type: ignore[misc]
        bench.part(figures, f"find {size}", lambda photos=photos: lookups(bench, photos))  # type: ignore[misc]
        before = size
    bench.part(figures, "consistency", lambda: levels(bench, bench.photos))
    bench.part(figures, "exact search", lambda: exact_search(bench.source, bench.pool, DELTA_ROWS))
    bench.part(figures, "100 a second", lambda: steady_adds(bench.of, bench.source, bench.pool))
    bench.part(figures, "killed adds", lambda: killed_adds(bench.of, 4 * POOL, 100))


def show(figures: Row) -> None:
    rows = []
    for name, part in figures["parts"].items():
        if name.startswith("find "):
            size = name.removeprefix("find ")
            load, held = figures["parts"][f"load {size}"]["load"], figures["parts"][f"bytes {size}"]
            row = [size, load["seconds"], held["postgres_bytes_a_target"], held["milvus_memory_mb"]]
            row += [part["recall_at_1_local"], part["recall_at_1_cluster"]]
            rows.append([*row, part["local_ms"]["median"], part["cluster_ms"]["median"]])
    heads = ["targets", "load s", "PostgreSQL B", "Milvus MB", "local recall", "cluster recall"]
    print_table([*heads, "local ms", "cluster ms"], rows)


def spread(photos: Sequence[Row], number: int) -> list[Row]:
    return list(photos[:: max(1, len(photos) // number)][:number])


def main() -> None:
    alone("benchmarks.cluster")
    ending_at_sigterm()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", default="5000,10000,20000")
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "arcli-cluster")
    parser.add_argument("--output", type=Path, default=Path("bench-results/cluster.json"))
    given = parser.parse_args()
    need_photo_sets()
    given.work.mkdir(parents=True, exist_ok=True)
    began = monotonic()
    if not load_pool(given.work / "pool", given.work / "pool.json", POOL, began + 3600):
        raise SystemExit("the pool is not complete yet: run this again")
    queries = [row for row in manifest() if row["role"] == "query" and row["set"] != "oxford_affine"]
    figures = json.loads(given.output.read_text()) if given.output.exists() else {}
    with (
        rig(given.work) as of,
        ChannelStore.open(folder_of(given.work / "pool", CHANNEL)) as source,
    ):
        with source.read() as snapshot:
            pool = Pool.of(snapshot)
        bench = Bench(of, pool, source, spread(queries, given.photos), queries, given.output)
        run(bench, [int(text) for text in given.sizes.split(",")], figures)
    show(figures)


if __name__ == "__main__":
    main()
