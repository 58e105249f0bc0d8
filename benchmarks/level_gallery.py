"""Searches the same photos in a whole gallery: with an index, a shortlist, and distractors that compete."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2

from arcli.engine import LocalGallery
from arcli.errors import TooFewFeatures
from arcli.models import AddItem, AddOptions, Effort, FindOptions, OnExists, Picture
from benchmarks.camera import VIEWS
from benchmarks.level_photos import photo_of
from benchmarks.level_pictures import Image, Subject
from benchmarks.recognition import BENCH, manifest


def seen_in_gallery(subjects: Sequence[Subject], effort: Effort) -> dict[str, set[str]]:
    """Return, by the picture's name, the views in which it is the first answer.

    A picture and its spoiled versions count as one answer. Pictures with too few features are found in none.
    """
    seen: dict[str, set[str]] = {subject.name: set() for subject in subjects}
    with tempfile.TemporaryDirectory() as folder, LocalGallery(Path(folder) / "data") as gallery:
        _register(gallery, subjects)
        for number, subject in enumerate(subjects):
            for view in VIEWS:
                if f"subject{number}" in _answers(gallery, photo_of(subject, view), effort):
                    seen[subject.name].add(view)
    return seen


def _register(gallery: LocalGallery, subjects: Sequence[Subject]) -> None:
    """Add the pictures, and every second distractor from which none of them was made."""
    bases = {subject.name.split(",")[0].split("/")[-1] for subject in subjects}
    rows = [row for row in manifest() if row["role"] == "distractor"][::2]
    items = [
        AddItem(
            picture=Picture(name=row["file"], path=BENCH / row["file"]), identifier=Path(row["file"]).stem
        )
        for row in rows
        if Path(row["file"]).name not in bases
    ]
    items += [
        AddItem(picture=_picture(subject.pixels), identifier=f"subject{number}")
        for number, subject in enumerate(subjects)
    ]
    for result in gallery.add_many(
        channel="default", items=items, options=AddOptions(on_exists=OnExists.FAIL)
    ):
        if result.error is not None and not isinstance(result.error, TooFewFeatures):
            raise result.error


def _answers(gallery: LocalGallery, photo: Image, effort: Effort) -> list[str]:
    options = FindOptions(effort=effort, count=False)
    try:
        result = gallery.find(picture=_picture(photo), channels=None, options=options)
    except TooFewFeatures:
        return []
    return [match.identifier for match in result.matches]


def _picture(pixels: Image) -> Picture:
    return Picture(name="picture.png", data=cv2.imencode(".png", pixels)[1].tobytes())
