"""What a channel costs at each size: to build, to keep, to open, to search, to serve; and what it finds.

Run it by `make bench-size` or, for all sizes, `make bench-size-full`. ARGS: --sizes N,N,… (10,1000), --photos
N (60), --minutes N (55): what is not done by then is done by the next run; --real N (20,000): how many
targets are made before extraction, the others are variants of their features; --work DIR (for the channels; a
million targets take 30 GB), --output FILE.json. A size that is in the output already is not measured again,
and a channel that was not completed is gone on with. benchmarks/size_pool.py says what the galleries are made
of. Times of a lookup: CPU, because other processes share the machine; the clock's best of three, too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, process_time
from typing import Any

from arcli.engine import LocalGallery
from arcli.engine.indexing.upkeep import compact, maybe_fold
from arcli.models import AddItem, ChannelSettings, Picture
from arcli.store import segments
from arcli.store.catalog import Catalog
from arcli.store.channel import ChannelStore
from benchmarks.recognition import BENCH, manifest, need_photo_sets
from benchmarks.results import describe_run, print_table, write_json
from benchmarks.size_costs import lookups, memory, nearest, one_shots
from benchmarks.size_pool import CHANNEL, REAL, Pool, load_pool
from benchmarks.size_server import throughput

BATCH = 500
FOLD_ROWS = 5000  # targets between two folds: what a bulk load leaves to its builder
SMALL, SMALL_TARGETS = "sixteen", 16  # what a one-shot lookup is compared with

Row = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """work: folder of the channels. until: when to stop, by the clock. photos: rows of the manifest.
    real: targets that are made before extraction."""

    work: Path
    until: float
    photos: Sequence[Row]
    real: int = REAL


def build(data_dir: Path, pool: Pool, source: ChannelStore, size: int, until: float) -> Row | None:
    """Add targets as a bulk load does, folding now and then; CPU of store and index apart.

    None when time is up; a later call goes on.
    """
    log = data_dir / "build.json"
    with LocalGallery(data_dir) as gallery:
        if CHANNEL not in gallery.settings():
            gallery.create_channel(name=CHANNEL, settings=ChannelSettings())
    spent = json.loads(log.read_text()) if log.exists() else {"stored": 0.0, "indexed": 0.0}
    with ChannelStore.open(folder_of(data_dir, CHANNEL)) as store:
        with store.read() as snapshot:
            number = snapshot.count()
        while number < size:
            if monotonic() > until:
                return None
            places = range(number, min(number + BATCH, size))
            spent["stored"] += stored(store, pool, source, places, size)
            number += len(places)
            if number % FOLD_ROWS == 0:
                spent["indexed"] += timed(lambda: maybe_fold(store))
            log.write_text(json.dumps(spent))
        spent["indexed"] += timed(lambda: compact(store))
        return disk(store, size) | {
            "store_cpu_ms_a_target": round(spent["stored"] * 1000 / size, 3),
            "index_cpu_ms_a_target": round(spent["indexed"] * 1000 / size, 3),
        }


def stored(store: ChannelStore, pool: Pool, source: ChannelStore, places: Sequence[int], size: int) -> float:
    """Store some targets in one transaction; return the CPU seconds."""
    targets = pool.targets(source, places, size)
    began = process_time()
    with store.write() as writer:
        for target in targets:
            writer.insert(target)
    return process_time() - began


def disk(store: ChannelStore, size: int) -> Row:
    with store.read() as snapshot:
        live = segments.live(snapshot)
    used = sum(file.stat().st_size for file in store.folder.glob("store.sqlite*"))
    return {
        "store_bytes_a_target": round(used / size),
        "index_bytes_a_target": round(sum(record.file.bytes for record in live) / size),
        "kinds": sorted({record.file.kind for record in live}),
    }


def timed(work: Any) -> float:
    began = process_time()
    work()
    return process_time() - began


def folder_of(data_dir: Path, channel: str) -> Path:
    with Catalog.open(data_dir, create=False) as catalog:
        return catalog.channel(channel).folder


def add_sixteen(data_dir: Path) -> None:
    """Add a channel of sixteen targets beside the large one."""
    rows = [row for row in manifest() if row["role"] == "gallery"][:SMALL_TARGETS]
    items = [AddItem(picture=Picture.from_path(BENCH / row["file"]), identifier=row["id"]) for row in rows]
    with LocalGallery(data_dir) as gallery:
        if SMALL not in gallery.settings():
            list(gallery.add_many(channel=SMALL, items=items))


def measure(bench: Bench, pool: Pool, source: ChannelStore, size: int) -> Row | None:
    """Return the figures of a size, None when time was up while its channel was built."""
    data_dir = bench.work / str(size)
    data_dir.mkdir(parents=True, exist_ok=True)
    built = build(data_dir, pool, source, size, bench.until)
    if built is None:
        return None
    add_sixteen(data_dir)
    with LocalGallery(data_dir) as gallery:
        found = lookups(gallery, CHANNEL, bench.photos)
    figures = {"targets": size, **built, **found, **memory(data_dir, CHANNEL, bench.photos[:10])}
    figures |= one_shots(data_dir, (CHANNEL, SMALL), bench.photos[0])
    figures["serving"] = throughput(data_dir, CHANNEL, bench.photos)
    shutil.rmtree(data_dir)
    return figures


def run(bench: Bench, sizes: Sequence[int], output: Path) -> None:
    figures = json.loads(output.read_text()) if output.exists() else {"sizes": []}
    done = {row["targets"] for row in figures["sizes"]}
    need = min(bench.real, max(sizes))
    if not load_pool(bench.work / "pool", bench.work / "pool.json", need, bench.until):
        raise SystemExit("the pool is not complete yet: run this again")
    figures |= {"pool": json.loads((bench.work / "pool.json").read_text()), "photos": len(bench.photos)}
    figures["real"] = need
    with ChannelStore.open(folder_of(bench.work / "pool", CHANNEL)) as source:
        with source.read() as snapshot:
            pool = Pool.of(snapshot)
        for size in sizes:
            if size in done:
                continue
            row = measure(bench, pool, source, size)
            if row is None:
                raise SystemExit(f"{size:,} targets are not complete yet: run this again")
            measured = describe_run()
            figures["sizes"].append(row | {name: measured[name] for name in ("date", "commit")})
            figures |= measured
            write_json(output, figures)
        if "picture_bytes" not in figures:
            figures["picture_bytes"] = picture_bytes(source, pool)
            write_json(output, figures)
        if "nearest" not in figures:
            figures["nearest"] = nearest(source, pool, bench.photos[:20])
            write_json(output, figures)
    show(figures["sizes"])


def picture_bytes(source: ChannelStore, pool: Pool) -> int:
    """Return the mean size of a kept picture of the pool, of a thousand of them."""
    with source.read() as snapshot:
        kept = [snapshot.picture(row) for row in pool.others[:1000]]
    return round(sum(len(data) for data in kept if data) / len(kept))


def show(rows: Sequence[Row]) -> None:
    shown = ["targets", "index_bytes_a_target", "index_cpu_ms_a_target", "without_extraction_cpu_ms"]
    shown += ["without_extraction_ms", "recall_at_1", "anonymous_mb", "file_backed_mb"]
    print_table(shown, [[row[name] for name in shown] for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", default="10,1000")
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=55)
    parser.add_argument("--real", type=int, default=REAL)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "arcli-size")
    parser.add_argument("--output", type=Path, default=Path("bench-results/size.json"))
    asked = parser.parse_args()
    need_photo_sets()
    queries = [row for row in manifest() if row["role"] == "query" and row["set"] != "oxford_affine"]
    photos = queries[:: max(1, len(queries) // asked.photos)][: asked.photos]
    asked.work.mkdir(parents=True, exist_ok=True)
    bench = Bench(asked.work, monotonic() + 60 * asked.minutes, photos, asked.real)
    run(bench, [int(text) for text in asked.sizes.split(",")], asked.output)


if __name__ == "__main__":
    main()
