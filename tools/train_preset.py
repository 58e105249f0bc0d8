"""Train a feature preset: the mean, PCA and scale that turn RootSIFT into int8 codes.

    python tools/train_preset.py FOLDER arcli/vision/data/preset-1.npz

Deterministic: every picture of FOLDER in sorted order, gallery extraction size. Preset 1 was trained on
../shared/data/bench/distractors: 1,628 photos of clothes (CC0-1.0, clothing-dataset) and 1,372 of groceries
(MIT, GroceryStoreDataset); none of them is a test target or a query photo.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from arcli.features import CODE_DIM
from arcli.vision.decoding.decode import decode
from arcli.vision.features.extract import raw_features, shrink
from arcli.vision.features.options import ENROLL
from arcli.vision.features.presets import root_sift

CLIPPED = 1e-4  # share of the code values that may fall outside int8


def descriptors(folder: Path) -> np.ndarray:
    """Return (N, 128) RootSIFT of all pictures below `folder`."""
    rows = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png")):
        decoded = decode(path.read_bytes(), name=path.name, max_side=ENROLL.max_side)
        gray = shrink(cv2.cvtColor(decoded.pixels, cv2.COLOR_BGR2GRAY), ENROLL.max_side)
        rows.append(root_sift(raw_features(gray, ENROLL.max_keypoints)[1]))
    print(f"{len(rows)} pictures, {sum(map(len, rows))} descriptors")
    return np.concatenate(rows)


def train(data: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return mean (128,), components (128, 64) with fixed signs, and scale."""
    mean = data.mean(0, dtype=np.float64)
    covariance = np.cov(data - mean, rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    components = vectors[:, ::-1][:, :CODE_DIM]
    components *= np.sign(components[np.abs(components).argmax(0), range(CODE_DIM)])
    kept = values[::-1][:CODE_DIM].sum() / values.sum()
    scale = 127 / np.quantile(np.abs((data - mean) @ components), 1 - CLIPPED)
    print(f"variance kept: {kept:.3f}, scale {scale:.1f}")
    return mean, components, scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    mean, components, scale = train(descriptors(arguments.folder))
    np.savez(
        arguments.output,
        mean=mean.astype(np.float32),
        components=components.astype(np.float32),
        scale=np.float32(scale),
    )


if __name__ == "__main__":
    main()
