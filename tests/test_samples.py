"""The sample pictures: small, each with its source and licence, each photo with its answer."""

from __future__ import annotations

import csv
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "samples"
PICTURES = {
    str(f.relative_to(SAMPLES)) for folder in ("gallery", "photos") for f in (SAMPLES / folder).iterdir()
}


def test_every_picture_has_a_line_in_the_notice() -> None:
    rows = [
        line.split("|")[1].strip()
        for line in (SAMPLES / "NOTICE.md").read_text("utf-8").splitlines()
        if "|" in line
    ]
    assert sorted(row for row in rows if "/" in row) == sorted(PICTURES)


def test_every_photo_has_an_answer_among_the_gallery() -> None:
    with (SAMPLES / "photos.csv").open(encoding="utf-8", newline="") as file:
        answers = {row["photo"]: row["identifier"].split(";") for row in csv.DictReader(file)}
    assert sorted(answers) == sorted(name for name in PICTURES if name.startswith("photos/"))
    known = {Path(name).stem for name in PICTURES if name.startswith("gallery/")}
    assert {identifier for ids in answers.values() for identifier in ids} - {""} <= known


def test_the_pictures_are_small() -> None:
    sizes = [(SAMPLES / name).stat().st_size for name in PICTURES]
    assert max(sizes) < 200_000
    assert sum(sizes) < 2_500_000
