"""Train the codebook of the `ivf` index: cells, groups of cells and product quantiser for one preset.

    python tools/train_codebook.py FOLDER arcli/index/data/codebook-1.npz

Deterministic: all keypoints of every picture of FOLDER in sorted order, at gallery extraction size. Codebook
1 was trained on the same pictures as preset 1 (see train_preset.py): 1,089,144 descriptors, 66 for each of
its 16,384 cells. Needs faiss (extra `large`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import faiss
import numpy as np

from arcli.features import INDEX_DIM
from arcli.vision.decoding.decode import decode
from arcli.vision.features.extract import extract
from arcli.vision.features.options import ENROLL

CELLS = 16_384
GROUPS = 128
ROUNDS = 8
PROBED = 8  # groups whose cells are compared while training
QUANTISER = 16  # bytes per code
SEED = 1


def codes_of(folder: Path) -> np.ndarray:
    """Return (N, INDEX_DIM) float32 index codes of all pictures below `folder`."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png")):
        pixels = decode(path.read_bytes(), name=path.name, max_side=ENROLL.max_side).pixels
        features = extract(pixels, max_side=ENROLL.max_side, max_keypoints=ENROLL.max_keypoints)
        found.append(features.codes[:, :INDEX_DIM])
    print(f"{len(found)} pictures, {sum(map(len, found))} descriptors")
    return np.concatenate(found).astype(np.float32)


def kmeans(data: np.ndarray, count: int, *, rounds: int) -> np.ndarray:
    """Return (count, dim) centres, each the mean of at least 39 of `data` on average, from a fixed seed."""
    clustering = faiss.Kmeans(data.shape[1], count, niter=rounds, seed=SEED, max_points_per_centroid=10**9)
    clustering.train(data)
    return np.asarray(clustering.centroids)


def cells_of(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centres of the groups (GROUPS, dim) and of the cells (CELLS, dim)."""
    rng = np.random.default_rng(SEED)
    cells = data[rng.choice(len(data), CELLS, replace=False)]
    for round_ in range(ROUNDS):
        groups = kmeans(cells, GROUPS, rounds=10)
        coarse = faiss.IndexIVFFlat(faiss.IndexFlatL2(INDEX_DIM), INDEX_DIM, GROUPS)
        coarse.quantizer.add(groups)
        coarse.is_trained, coarse.nprobe, coarse.own_fields = True, PROBED, False
        coarse.add(cells)
        distances, nearest = coarse.search(data, 1)
        nearest = nearest[:, 0]
        sizes = np.bincount(nearest, minlength=CELLS)
        order = np.argsort(nearest, kind="stable")
        starts = np.cumsum(sizes) - sizes
        held = sizes > 0
        sums = np.zeros_like(cells)
        sums[held] = np.add.reduceat(data[order], starts[held], axis=0)
        cells = (sums / np.maximum(sizes, 1)[:, None]).astype(np.float32)
        empty = np.flatnonzero(sizes == 0)
        cells[empty] = data[np.argsort(-distances[:, 0])[: len(empty)]]
        print(f"round {round_}: mean squared distance {distances.mean():.1f}, empty {len(empty)}", flush=True)
    return kmeans(cells, GROUPS, rounds=20), cells


def quantiser_of(data: np.ndarray) -> np.ndarray:
    """Return (QUANTISER, 256, dim / QUANTISER) float32 tables."""
    quantiser = faiss.ProductQuantizer(INDEX_DIM, QUANTISER, 8)
    quantiser.train(data)
    tables: np.ndarray = faiss.vector_to_array(quantiser.centroids)
    return tables.reshape(QUANTISER, 256, -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    data = codes_of(arguments.folder)
    groups, cells = cells_of(data)
    np.savez_compressed(
        arguments.output,
        groups=groups.astype(np.float32),
        cells=np.rint(cells).clip(-127, 127).astype(np.int8),  # rounding moves a centre by 1.6 on average
        tables=quantiser_of(data).astype(np.float16),
    )


if __name__ == "__main__":
    main()
