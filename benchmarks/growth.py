"""An index that grows: load made-up pictures by hundreds, look up meanwhile, compare with a fresh build.

Run it by `make bench-index`. ARGS: --targets N (20000), --jobs N, --features FILE (kept for a second run),
--data-dir DIR, --output FILE.json. Requirements: bytes written at most 10 times the final index; the
acknowledgement in a full channel within 1.3 of that in a new one; no lock waits; recall within .005.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from arcli.engine.indexing.coverage import index_codes
from arcli.engine.indexing.shortlist import Shortlister
from arcli.engine.indexing.upkeep import compact, maybe_fold
from arcli.features import INDEX_DIM, Features
from arcli.index.flat import ExactIndex
from arcli.models import ChannelSettings
from arcli.store import segments
from arcli.store.channel import ChannelStore
from arcli.store.rows import NewTarget
from arcli.vision.decoding.decode import LOCAL, decode
from arcli.vision.features.extract import extract
from arcli.vision.features.options import CASCADE, ENROLL, Effort
from arcli.vision.features.presets import ALIKE, DEFAULT_PRESET
from benchmarks import growth_pictures
from benchmarks.growth_finder import finder
from benchmarks.recognition import BENCH, expected_of, manifest
from benchmarks.results import describe_run, print_table, write_json

BATCH = 100
PAIRS = 20
RANKS = (1, 5, 30)


class Written:
    """Counts the bytes of all segments that were ever published. Call it after each fold.

    A fold's jobs cover different rows, so everything that one of them writes is live when the fold ends.
    """

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}

    def note(self, published: Sequence[segments.SegmentRecord]) -> None:
        self._sizes |= {record.file.name: record.file.bytes for record in published}

    @property
    def bytes(self) -> int:
        return sum(self._sizes.values())


def gallery() -> list[tuple[str, bytes]]:
    """Return identifier and features of the sets' gallery pictures."""
    rows = [row for row in manifest() if row["role"] == "gallery"]
    return [(row["id"], features_of(BENCH / row["file"], ENROLL).to_bytes()) for row in rows]


def features_of(path: Path, options: Any) -> Features:
    decoded = decode(path.read_bytes(), name=path.name, limits=LOCAL, max_side=options.max_side)
    return extract(decoded.pixels, max_side=options.max_side, max_keypoints=options.max_keypoints)


def batches(source: Iterator[bytes], real: list[tuple[str, bytes]], count: int) -> Iterator[list[NewTarget]]:
    """Yield hundreds of targets; the real gallery pictures are spread over them."""
    share = -(-len(real) // (count // BATCH))
    for number in range(count // BATCH):
        chosen = real[number * share : (number + 1) * share]
        made = [(f"made{number}.{at}", data) for at, data in enumerate(islice(source, BATCH - len(chosen)))]
        yield [NewTarget(identifier=identifier, features=data) for identifier, data in chosen + made]


def load(store: ChannelStore, targets: Iterator[list[NewTarget]]) -> dict[str, Any]:
    """Add hundreds, folding after each; a process looks up the last of each once it is acknowledged."""
    written, acks, folds, counts = Written(), [], [], []
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=finder, args=(store.folder, theirs), daemon=True)
    process.start()
    ours.recv()  # it is ready
    for batch in targets:
        began = perf_counter()
        with store.write() as writer:
            rows = [writer.insert(target) for target in batch]
        acks.append(perf_counter() - began)
        ours.send(rows[-1])
        began = perf_counter()
        maybe_fold(store)  # while the other process searches
        folds.append(perf_counter() - began)
        assert ours.recv() == rows[-1]
        with store.read() as snapshot:
            published = segments.live(snapshot)
        written.note(published)
        counts.append(len(published))
    ours.send(None)
    seen = ours.recv()
    process.join()
    few = max(len(acks) // 10, 1)
    return {
        "bytes_written": written.bytes,
        "ack_ms_first": round(1000 * statistics.median(acks[:few]), 2),
        "ack_ms_last": round(1000 * statistics.median(acks[-few:]), 2),
        "fold_seconds": round(sum(folds), 1),
        "segments_mean": round(statistics.mean(counts), 2),
        "segments_most": max(counts),
        "finder": seen,
    }


def disturb(store: ChannelStore, targets: list[NewTarget]) -> None:
    """Remove one in a hundred of the made-up targets, replace as many, and leave a delta."""
    with store.read() as snapshot:
        rows = [row for row in snapshot.list()[1] if row.identifier.startswith("made")]
        old = snapshot.features(row.row_id for row in rows[50::100])
    with store.write() as writer:
        for row in rows[::100]:
            writer.remove(row.identifier)
        for row in rows[50::100]:
            writer.replace(NewTarget(identifier=row.identifier, features=old[row.row_id]))
        for target in targets:
            writer.insert(target)


Photo = tuple[list[set[str]], np.ndarray[tuple[int, int], np.dtype[np.int8]]]


def photos() -> list[Photo]:
    """Return for each photo what it shows and its codes."""
    rows = [row for row in manifest() if row["role"] == "query"]
    return [
        (expected_of(row), features_of(BENCH / row["file"], CASCADE[Effort.FAST][0]).codes) for row in rows
    ]


def recall(store: ChannelStore, queries: list[Photo]) -> tuple[dict[int, float], float]:
    """Return recall at RANKS of the shortlist, and the median time of a search in ms."""
    search, places, times = Shortlister(store), [], []
    for expected, codes in queries:
        with store.read() as snapshot:
            began = perf_counter()
            votes = search.search(snapshot, codes, limit=max(RANKS), alike=ALIKE[DEFAULT_PRESET])
            times.append(1000 * (perf_counter() - began))
            rows = snapshot.rows(vote.row_id for vote in votes)
        names = [rows[vote.row_id].identifier for vote in votes]
        wanted = set().union(*expected)
        places.append(next((place for place, name in enumerate(names, 1) if name in wanted), 10**9))
    found = {rank: round(float(np.mean([place <= rank for place in places])), 4) for rank in RANKS}
    return found, round(statistics.median(times), 1)


def acknowledgement(full: ChannelStore, small: ChannelStore, data: Sequence[bytes]) -> dict[str, float]:
    """Add hundreds to a full channel and to a new one alternately, so that other work slows both."""
    times: dict[ChannelStore, list[float]] = {full: [], small: []}
    for pair in range(PAIRS):
        for store, taken in times.items():
            began = perf_counter()
            with store.write() as writer:
                for number, features in enumerate(data):
                    writer.insert(NewTarget(identifier=f"pair{pair}.{number}", features=features))
            taken.append(1000 * (perf_counter() - began))
    medians = [statistics.median(each) for each in times.values()]
    return {
        "ack_ms_full": round(medians[0], 2),
        "ack_ms_new": round(medians[1], 2),
        "ack_ratio": round(medians[0] / medians[1], 3),
    }


def delta_ms(data: Sequence[bytes], queries: list[Photo]) -> float:
    """Return the median time of a search in a delta that is about to be folded."""
    codes = [index_codes(features) for features in data]
    index = ExactIndex(np.concatenate(codes), np.repeat(np.arange(len(codes)), [len(c) for c in codes]))
    times = []
    for _, query in queries:
        began = perf_counter()
        index.search(query[:, :INDEX_DIM], 10)
        times.append(1000 * (perf_counter() - began))
    return round(statistics.median(times), 1)


def new_channel(folder: Path) -> ChannelStore:
    folder.mkdir()
    ChannelStore.create(folder, name="growth", settings=ChannelSettings(), preset=1, created="")
    return ChannelStore.open(folder)


def measure(folder: Path, features: Path, count: int) -> dict[str, Any]:
    real, source = gallery(), growth_pictures.read(features)
    queries = photos()
    with new_channel(folder) as store:
        figures: dict[str, Any] = {"targets": count} | load(store, batches(source, real, count))
        extra = enumerate(islice(source, BATCH // 2))
        disturb(store, [NewTarget(identifier=f"late{at}", features=data) for at, data in extra])
        figures["grown"], figures["grown_ms"] = recall(store, queries)
        began = perf_counter()
        with store.write() as writer:  # a fresh build reuses nothing
            segments.publish(writer, [], [record.file.name for record in segments.live(writer)])
        compact(store)
        figures["fresh_build_seconds"] = round(perf_counter() - began, 1)
        figures["fresh"], figures["fresh_ms"] = recall(store, queries)
        with store.read() as snapshot:
            figures["index_bytes"] = sum(record.file.bytes for record in segments.live(snapshot))
        hundred = [*islice(source, BATCH)]
        figures["delta_ms"] = delta_ms(hundred, queries)
        with new_channel(folder.with_name("new")) as small:
            figures |= acknowledgement(store, small, hundred)
    figures["amplification"] = round(figures["bytes_written"] / figures["index_bytes"], 2)
    return figures


def verdicts(figures: dict[str, Any]) -> dict[str, bool]:
    shortlist = max(RANKS)  # the order of nearly equal votes differs between fresh builds too
    apart = abs(figures["grown"][shortlist] - figures["fresh"][shortlist])
    return {
        "bytes written at most 10 times the index": figures["amplification"] <= 10,
        "acknowledgement within 1.3": 1 / 1.3 <= figures["ack_ratio"] <= 1.3,
        "no lock waits": figures["finder"]["waits"] == 0,
        "each acknowledged target seen at once": figures["finder"]["missed"] == [],
        "recall of the shortlist within .005 of a fresh build": apart <= 0.005,
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--targets", type=int, default=20_000)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--features", type=Path)
    options.add_argument("--data-dir", type=Path)
    options.add_argument("--output", type=Path, default=Path("bench-results/index-growth.json"))
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.data_dir) as scratch:
        features = asked.features or Path(scratch) / "features"
        if not features.exists():
            growth_pictures.make(features, asked.targets + 2 * BATCH, asked.jobs)
        figures = describe_run() | measure(Path(scratch) / "channel", features, asked.targets)
    figures["holds"] = verdicts(figures)
    print_table(["what", "figure"], [(key, value) for key, value in figures.items() if key != "holds"])
    print_table(["holds", ""], [*figures["holds"].items()])
    write_json(asked.output, figures)


if __name__ == "__main__":
    main()
