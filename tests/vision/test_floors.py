"""Floors on real photographs of ../shared/data/bench: the right target verifies, another one does not."""

import json
from functools import cache
from pathlib import Path

import pytest

from arcli.features import Features
from arcli.vision.decode import decode
from arcli.vision.extract import extract
from arcli.vision.options import ENROLL, ExtractOptions
from arcli.vision.score import default_threshold, score
from arcli.vision.verify import verify

BENCH = Path(__file__).parents[2].parent / "shared" / "data" / "bench"
pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="needs ../shared/data/bench")
QUERY = ExtractOptions(max_side=640, max_keypoints=800)
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
