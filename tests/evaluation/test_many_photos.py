"""An evaluation of many photos keeps only a few answers in memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcli.evaluation.evaluate import evaluate
from arcli.evaluation.html import SIZES, WrongPhotos
from arcli.evaluation.judge import Outcome
from arcli.evaluation.measure import Measurement
from arcli.evaluation.photos import LabelledPhoto, PhotoList
from arcli.models import FindOptions, FindResult, Match, Picture
from tests.fakes.gallery import FakeGallery

PHOTOS = 4_000


def listed() -> Iterator[LabelledPhoto]:
    for number in range(PHOTOS):
        expected = frozenset({"lion"} if number % 4 else {"lion", "bear"})
        yield LabelledPhoto(picture=Picture(name=f"{number}.jpg", path=Path("none")), expected=expected)


def alive(kind: type) -> int:
    return sum(isinstance(one, kind) for one in gc.get_objects())


def test_answers_are_summed_up_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = FakeGallery()

    def find_many(*, pictures: Iterator[Picture], **_: object) -> Iterator[FindResult]:
        for picture in pictures:
            wrong = int(picture.name.removesuffix(".jpg")) % 2
            match = Match(identifier="wolf" if wrong else "lion", channel="default", score=0.8)
            yield FindResult(image=picture.name, matches=(match,), elapsed_ms=1.0)

    monkeypatch.setattr(gallery, "find_many", find_many)
    monkeypatch.setattr("arcli.evaluation.evaluate.has_options", lambda _: False)
    photos = PhotoList.of(listed)
    assert (photos.total, photos.wanted, photos.several) == (PHOTOS, {"lion", "bear"}, True)

    measured, wrong = Measurement(), WrongPhotos()
    before, most = (alive(FindResult), alive(LabelledPhoto)), [0, 0]
    for number, each in enumerate(evaluate(gallery, photos, ["default"], FindOptions())):
        measured.add(each)
        wrong.add(each)
        if number % 500 == 499:
            most = [max(most[0], alive(FindResult)), max(most[1], alive(LabelledPhoto))]
    assert most[0] - before[0] <= SIZES.photos + 10
    assert most[1] - before[1] <= SIZES.photos + 10
    report = measured.report()
    assert (report.queries, report.right, report.wrong) == (PHOTOS, PHOTOS // 2, PHOTOS // 2)
    assert (wrong.count, len(wrong.first)) == (PHOTOS * 3 // 4, SIZES.photos)
    assert wrong.first[1].outcome is Outcome.WRONG
