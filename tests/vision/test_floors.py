"""Floors on real photographs of ../shared/data/bench: the right target verifies, another one does not."""

import json
from functools import cache
from pathlib import Path

import pytest

from arcli.features import Features
from arcli.models import Effort
from arcli.vision.decoding.decode import decode
from arcli.vision.features.extract import extract
from arcli.vision.features.options import CASCADE, ENROLL, ExtractOptions
from arcli.vision.matching.verify import verify
from arcli.vision.scoring.score import default_threshold, score
from benchmarks.camera import Camera, photograph

BENCH = Path(__file__).parents[2].parent / "shared" / "data" / "bench"
pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="needs ../shared/data/bench")
QUERY = ExtractOptions(max_side=640, max_keypoints=800)
SOME = 8  # inliers, which likeness makes an answer
SETS = {"smvs_book_covers": 19, "smvs_museum_paintings": 15, "banknotes_iran": 16}  # of 20


@cache
def manifest() -> list[dict]:
    return [json.loads(line) for line in (BENCH / "manifest.jsonl").read_text().splitlines()]


def features(row: dict, options: ExtractOptions) -> Features:
    decoded = decode((BENCH / row["file"]).read_bytes(), name=row["file"], max_side=options.max_side)
    return extract(decoded.pixels, max_side=options.max_side, max_keypoints=options.max_keypoints)


@pytest.mark.parametrize("name", SETS)
def test_photos_show_their_own_target_and_no_other(name: str) -> None:
    rows = [row for row in manifest() if row["set"] == name]
    queries = [row for row in rows if row["role"] == "query"][::4][:20]
    gallery = {row["id"]: row for row in rows if row["role"] == "gallery"}
    right = wrong = 0
    for row in queries:
        query = features(row, QUERY)
        own = row["id"] if isinstance(row["id"], str) else row["id"][0]
        right += score(verify(query, features(gallery[own], ENROLL))) >= default_threshold()
        if name != "banknotes_iran":  # notes share print elements: no note is surely another
            other = next(iter(gallery.keys() - {own}))
            wrong += score(verify(query, features(gallery[other], ENROLL))) >= default_threshold()
    assert right >= SETS[name]
    assert wrong == 0


def test_blurred_dim_photos_of_pictures_verify() -> None:
    """Simulated, of real pictures: their few weak keypoints are enough."""
    rows = [row for row in manifest() if row["role"] == "gallery" and row["set"] == "smvs_museum_paintings"]
    camera = Camera(share=0.7, tilt=25, roll=10, blur=3, light=0.4, noise=5)
    stage = CASCADE[Effort.NORMAL][0]
    found = 0
    for row in rows[::5]:
        pixels, _ = photograph(decode((BENCH / row["file"]).read_bytes(), name="x").pixels, camera, seed=1)
        query = extract(
            pixels, max_side=stage.max_side, max_keypoints=stage.max_keypoints, contrast=stage.contrast
        )
        found += verify(query, features(row, ENROLL)).num_inliers >= SOME
    assert len(rows[::5]) == 19
    assert found >= 15  # 11 with the contrast threshold of targets
