"""Loads into the fake gallery, some of them killed and continued."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from arcli.bulk.add_plan import Defaults, Plan, plan_words
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.plan_run import load
from arcli.bulk.report import ADDITIONS, ReportFile
from arcli.models import AddItem, AddOptions, AddResult, OnExists
from tests.fakes.gallery import FakeGallery

Draw = Callable[..., Path]


class Killed(BaseException):
    """What a kill looks like from inside: nothing runs after it."""


def plan_of(folder: Path) -> Plan:
    return plan_words([str(folder)], IdFrom.STEM, Defaults())


def statuses(results: Iterator[AddResult]) -> dict[str, str]:
    return {result.identifier: result.status.value for result in results}


def run(
    gallery: FakeGallery, plan: Plan, on_exists: OnExists = OnExists.FAIL, **more: object
) -> dict[str, str]:
    options = AddOptions(on_exists=on_exists, **more)  # type: ignore[arg-type]
    return statuses(load(gallery, channel="c", plan=plan, options=options))


def reported(
    gallery: FakeGallery, plan: Plan, path: Path, *, resume: bool = True, **more: object
) -> list[AddResult]:
    with ReportFile.open(path, ADDITIONS, resume=resume) as report:
        options = AddOptions(**more)  # type: ignore[arg-type]
        return list(load(gallery, channel="c", plan=plan, options=options, report=report))


def many(draw: Draw, count: int = 20) -> None:
    for number in range(count):
        draw(f"p{number:03}.jpg", level=1 + number % 5)


def kill_at(gallery: FakeGallery, store: int) -> None:
    """Kill when the item after `store` more is about to be stored."""
    left = store

    def fault(_item: AddItem) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    gallery.fault = fault
