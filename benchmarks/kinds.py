"""Compares the kinds of segments: what they cost to build, keep, open and search, and what they find.

Run it by `make bench-kinds`. ARGS: --photos N (all), --output FILE.json. One thread, CPU; the gallery is the
sets' pictures and the 3,000 distractors, and the first of them for smaller sizes; the photos are those of the
sets; the query is that of the first stage of a lookup. Inverted lists are also searched without faiss.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from arcli.engine.indexing.coverage import INDEXING
from arcli.features import INDEX_DIM
from arcli.index.seam import Chunk, Codes, DescriptorIndex
from arcli.index.segment import open_segment, write_segment
from arcli.index.votes import shortlist
from arcli.models import Effort, IndexKind
from arcli.parallel import prepare_worker
from arcli.vision.decoding.decode import decode
from arcli.vision.features.extract import extract
from arcli.vision.features.options import CASCADE, ENROLL
from arcli.vision.features.presets import ALIKE, DEFAULT_PRESET
from benchmarks.recognition import BENCH, expected_of, manifest, need_photo_sets
from benchmarks.results import describe_run, print_table, write_json

RANKS = (1, 5, 15, 30, 100)
KINDS = {
    "flat": IndexKind.FLAT,
    "hnsw": IndexKind.HNSW,
    "ivf": IndexKind.IVF,
    "ivf without faiss": IndexKind.IVF,
}
SIZES = (100, 1000, 3274)  # targets
CHUNK = 400  # targets


@dataclass(frozen=True)
class Query:
    """The codes (Q, INDEX_DIM) of a photo, and the row ids of the targets it shows."""

    codes: Codes
    rows: frozenset[int]


def gallery() -> tuple[list[Codes], dict[str, int]]:
    """Return the index codes of each target (row ids count from 1), and rows by identifier."""
    rows = [row for row in manifest() if row["role"] in ("gallery", "distractor")]
    codes = []
    for row in rows:
        decoded = decode((BENCH / row["file"]).read_bytes(), name=row["file"], max_side=ENROLL.max_side)
        features = extract(decoded.pixels, max_side=ENROLL.max_side, max_keypoints=ENROLL.max_keypoints)
        codes.append(features.codes[: INDEXING.keypoints, :INDEX_DIM])
    return codes, {row["id"]: number for number, row in enumerate(rows, 1) if row["id"]}


def queries(rows: dict[str, int], limit: int | None) -> Iterator[Query]:
    """Yield the query of a lookup's first stage for each photo that shows something."""
    stage = CASCADE[Effort.NORMAL][0]
    for photo in [row for row in manifest() if row["role"] == "query"][:limit]:
        decoded = decode((BENCH / photo["file"]).read_bytes(), name=photo["file"], max_side=stage.max_side)
        features = extract(
            decoded.pixels,
            max_side=stage.max_side,
            max_keypoints=stage.max_keypoints,
            contrast=stage.contrast,
        )
        names = {name for each in expected_of(photo) for name in each & rows.keys()}
        shown = frozenset(rows[name] for name in names)
        yield Query(features.head(stage.voters or len(features)).codes[:, :INDEX_DIM], shown)


def chunks(codes: Sequence[Codes]) -> Iterator[Chunk]:
    for first in range(0, len(codes), CHUNK):
        part = codes[first : first + CHUNK]
        numbers = np.arange(first + 1, first + 1 + len(part))
        yield np.concatenate(part), np.repeat(numbers, [len(each) for each in part])


def searched(index: DescriptorIndex, photos: Sequence[Query]) -> tuple[float, list[float]]:
    """Return CPU milliseconds a photo, votes included, and the share of photos right in the best of RANKS."""
    places = []
    began = process_time()
    for photo in photos:
        found = shortlist(
            index.search(photo.codes, INDEXING.neighbours), RANKS[-1], alike=ALIKE[DEFAULT_PRESET]
        )
        hits = [place for place, entry in enumerate(found) if entry.row_id in photo.rows]
        places.append(hits[0] if hits else RANKS[-1])
    spent = (process_time() - began) * 1000 / len(photos)
    return spent, [float(np.mean(np.array(places) < rank)) for rank in RANKS]


def measured(task: tuple[str, Sequence[Codes], Sequence[Query]]) -> dict[str, Any]:
    """Build, open and search one index; runs in a process of its own, without faiss where that is asked."""
    name, codes, photos = task
    prepare_worker()
    if name.endswith("without faiss"):
        sys.modules["faiss"] = None  # type: ignore[assignment]
    count = sum(map(len, codes))
    with tempfile.TemporaryDirectory() as scratch:
        folder, kind = Path(scratch) / "index", KINDS[name]
        began = process_time()
        file = write_segment(folder, (1, len(codes)), chunks(codes), kind=kind, dim=INDEX_DIM, capacity=count)
        assert file is not None
        built = (process_time() - began) * 1000
        opening = process_time()
        index = open_segment(folder, file)
        opened = (process_time() - opening) * 1000
        searched(index, photos[:2])  # loads what is loaded at first use
        cpu, recall = searched(index, photos)
        return {
            "kind": name,
            "targets": len(codes),
            "descriptors": count,
            "bytes": file.bytes,
            "build_cpu_ms": round(built),
            "open_cpu_ms": round(opened, 1),
            "memory_bytes": index.memory,
            "search_cpu_ms": round(cpu, 2),
            "right_in_best": dict(zip(map(str, RANKS), [round(share, 3) for share in recall], strict=True)),
        }


def tasks(
    codes: Sequence[Codes], photos: Sequence[Query]
) -> Iterator[tuple[str, Sequence[Codes], Sequence[Query]]]:
    for name in KINDS:
        for size in SIZES:
            yield name, codes[:size], photos[:: 1 if size == SIZES[-1] else 4]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--photos", type=int)
    parser.add_argument("--output", type=Path, default=Path("bench-results/kinds.json"))
    arguments = parser.parse_args()
    need_photo_sets()
    codes, rows = gallery()
    photos = list(queries(rows, arguments.photos))
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as workers:
        figures = []
        for task in tasks(codes, photos):
            figures.append(workers.apply(measured, (task,)))
            print(task[0], len(task[1]), figures[-1]["search_cpu_ms"], flush=True)
    heads = ["kind", "targets", "descriptors", "bytes", "build ms", "open ms", "memory", "search ms"]
    heads += [f"best {rank}" for rank in RANKS]
    print_table(heads, [[*list(each.values())[:-1], *each["right_in_best"].values()] for each in figures])
    write_json(arguments.output, {**describe_run(), "photos": len(photos), "kinds": figures})


if __name__ == "__main__":
    main()
