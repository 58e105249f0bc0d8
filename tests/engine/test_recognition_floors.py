"""Floors of recognition on a part of the photo sets, through the command line, which changes must keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arcli.engine import LocalGallery
from arcli.models import FindOptions, Picture
from benchmarks.recognition import BENCH, judge, manifest, register

pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="needs ../shared/data/bench")
DISTRACTORS = 300
# of the set's photos each Nth; how many of these, right at least, wrong at most
FLOORS = {
    "smvs_book_covers": (4, 26, 25, 0),
    "smvs_museum_paintings": (5, 19, 17, 0),
    "banknotes_iran": (4, 22, 20, 1),
}
NEGATIVES = 12
SEVERAL = "banknotes_euro"


def photos(name: str, every: int) -> list[dict[str, Any]]:
    return [row for row in manifest() if row["set"] == name and row["role"] in ("query", "negative")][::every]


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel with the gallery pictures of these sets and some distractors."""
    data_dir = tmp_path_factory.mktemp("recognition") / "data"
    rows = manifest()
    distractors = [row for row in rows if row["role"] == "distractor"][:: 3000 // DISTRACTORS]
    gallery = [row for row in rows if row["role"] == "gallery" and row["set"] in (*FLOORS, SEVERAL)]
    register(gallery + distractors, data_dir, True)
    return data_dir


@pytest.mark.parametrize("name", FLOORS)
def test_photos_are_answered_with_what_they_show(registered: Path, name: str) -> None:
    every, count, right, wrong = FLOORS[name]
    score = judge(name, photos(name, every), registered, "normal")
    assert score.photos == count
    assert score.right >= right, score.missed
    assert len(score.wrong) <= wrong, score.wrong


def test_photos_that_show_nothing_are_not_answered(registered: Path) -> None:
    score = judge("negatives", photos("negatives", NEGATIVES), registered, "normal")
    assert score.photos == 300 // NEGATIVES
    assert score.extra == []


def test_every_note_of_a_photo_is_found_and_no_other(registered: Path) -> None:
    """Fans, overlapping notes, and a stack that is seen from the side."""
    rows = [
        row for row in photos(SEVERAL, 1) if isinstance(row["id"], list) or row["file"].endswith("/100.jpg")
    ]
    score = judge(SEVERAL, rows, registered, "normal")
    assert score.shown == 24
    assert score.found >= 23, score.missed
    assert score.extra == []


@pytest.mark.parametrize("photo", ["20000_7", "50000_3"])
def test_a_photo_that_a_single_lookup_answers_is_answered_with_a_limit_too(
    registered: Path, photo: str
) -> None:
    """Small notes, which the larger resolutions of a lookup for several targets do not find."""
    picture = Picture.from_path(BENCH / "banknotes_iran" / "query" / f"{photo}.jpg")
    with LocalGallery(registered) as gallery:
        one, several = (
            gallery.find(picture=picture, channels=None, options=FindOptions(limit=limit, count=False))
            for limit in (1, 3)
        )
    assert one.matched
    assert [match.identifier for match in several.matches] == [match.identifier for match in one.matches]
