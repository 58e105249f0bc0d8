"""`arcli check`: how well will pictures be found?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from arcli.console.options import ImagesArgument, JobsOption, NulOption
from arcli.console.pictures import photos
from arcli.console.session import Session
from arcli.console.view import Record, View
from arcli.models import CheckResult


def _record(result: CheckResult) -> Record:
    return {
        "image": result.image,
        "level": result.level,
        "hints": [asdict(hint) for hint in result.hints],
        "duplicates": [asdict(duplicate) for duplicate in result.duplicates],
    }


def _lines(result: CheckResult) -> list[tuple[Any, ...]]:
    words = ["failed"] if result.error else []
    words += [f"{hint.message}; {hint.advice}" if hint.advice else hint.message for hint in result.hints]
    words += [f"{d.kind} of {d.identifier or d.image}" for d in result.duplicates]
    first, *others = words or ["nothing to say"]
    return [(result.image, result.level, first), *(("", None, word) for word in others)]


CHECKS: View[CheckResult] = View(
    key="items",
    record=_record,
    columns=("image", "level", "hints", "duplicates"),
    names=lambda result: [] if result.error else [result.image],
    headings=("picture", "level", "remarks"),
    lines=_lines,
)


def check(
    ctx: typer.Context, images: ImagesArgument, jobs: JobsOption = None, nul: NulOption = False
) -> None:
    """Rate pictures before they are added: level, reasons, advice, duplicates; writes nothing.

    Example: arcli check posters/ --channel posters
    """
    session = Session.of(ctx)
    given = photos(images, nul=nul)
    answer = session.answer(CHECKS)
    with session.progress("checking", given.total) as advance:
        for result in session.gallery.check(pictures=given.pictures, channel=session.channel, jobs=jobs):
            answer.item(result, result.error)
            advance()
    session.end(answer, {}, single=given.single)
