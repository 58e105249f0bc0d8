"""`arcli check`: how well will pictures be found?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arcli.bulk.check import Gates
from arcli.bulk.check import check as judged
from arcli.bulk.identifiers import IdFrom
from arcli.console.items import ItemView, Record
from arcli.console.options import IdFromOption, ImagesArgument, JobsOption, MinLevelOption, NulOption
from arcli.console.pictures import photos
from arcli.console.session import Session
from arcli.models import CheckResult
from arcli.settings import Kind
from arcli.vision.rating.rules import ARCLOUD

if TYPE_CHECKING:
    from arcli.gallery import Gallery


class Rules(StrEnum):
    """Whose rules for pictures are checked beside what the engine sees."""

    ARCLOUD = "arcloud"
    NONE = "none"


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


CHECKS: ItemView[CheckResult] = ItemView(
    key="items",
    record=_record,
    columns=("image", "level", "hints", "duplicates"),
    names=lambda result: [] if result.error else [result.image],
    headings=("picture", "level", "remarks"),
    lines=_lines,
)


def check(
    ctx: typer.Context,
    images: ImagesArgument,
    rules: Annotated[
        Rules, typer.Option("--rules", help="Whose rules for pictures to check besides.")
    ] = Rules.ARCLOUD,
    min_level: MinLevelOption = None,
    no_duplicates: Annotated[
        bool, typer.Option("--no-duplicates", help="Fail pictures that are there already.")
    ] = False,
    id_from: IdFromOption = IdFrom.STEM,
    jobs: JobsOption = None,
    nul: NulOption = False,
) -> None:
    """Rate pictures before they are added: level, reasons, advice, duplicates; writes nothing.

    Example: arcli check posters/ --channel posters
    """
    session = Session.of(ctx)
    given = photos(images, nul=nul)
    wanted = ARCLOUD if rules is Rules.ARCLOUD else None
    gates = Gates(min_level=min_level, no_duplicates=no_duplicates, rules=wanted, id_from=id_from)
    answer = session.answer(CHECKS)
    with _judges(session) as (judge, gallery), session.progress("checking", given.total) as advance:
        results = judged(
            given.pictures, judge=judge, gallery=gallery, channel=session.channel, gates=gates, jobs=jobs
        )
        for result in results:
            answer.item(result, result.error)
            advance()
    for note in given.skipped.notes():
        session.warn(note)
    session.end(answer, {}, single=given.single)


@contextmanager
def _judges(session: Session) -> Iterator[tuple[Gallery, Gallery | None]]:
    """Give who rates the pictures, and the service that knows the channel where it is another.

    A service sees one picture at a time, so pictures are compared with each other by an engine of our own.
    """
    if session.settings.kind.value == Kind.LOCAL:
        yield session.gallery, None
        return
    import tempfile

    from arcli.connect import scratch

    with tempfile.TemporaryDirectory(prefix="arcli-check-") as folder, scratch(Path(folder)) as judge:
        knows = "check" in session.gallery.capabilities().features
        if not knows:
            session.warn("the service checks no pictures: duplicates in its channel are not looked for")
        yield judge, session.gallery if knows else None
