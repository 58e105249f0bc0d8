"""`arcli check`: how well will pictures be found?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arcli.bulk.add_plan import Defaults, PlanEntry, plan_manifest
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.manifest import open_manifest
from arcli.bulk.picture_checks import Gates, entries_of
from arcli.bulk.picture_checks import check as judged
from arcli.console.items import ItemView, Record
from arcli.console.options import (
    EncodingOption,
    ExcludeOption,
    IdFromOption,
    JobsOption,
    MinLevelOption,
    NulOption,
)
from arcli.console.pictures import photos
from arcli.console.session import Session
from arcli.errors import UsageError
from arcli.models import CheckResult
from arcli.vision.rating.rules import ARCLOUD

if TYPE_CHECKING:
    from arcli.gallery import Gallery


class Rules(StrEnum):
    """Whose rules for pictures are checked, in addition to the engine's own rating."""

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
    first, *others = words or ["no remarks"]
    return [(result.image, result.level, first), *(("", None, word) for word in others)]


CHECKS: ItemView[CheckResult] = ItemView(
    key="items",
    record=_record,
    columns=("image", "level", "hints", "duplicates"),
    names=lambda result: [] if result.error else [result.image],
    headings=("picture", "level", "remarks"),
    lines=_lines,
    wrap=True,
)


def check(
    ctx: typer.Context,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE…",
            help="Pictures, folders or URLs; - reads stdin: a picture, or paths of pictures.",
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest", metavar="FILE", help="Check the pictures of a manifest, under its identifiers."
        ),
    ] = None,
    encoding: EncodingOption = None,
    exclude: ExcludeOption = None,
    rules: Annotated[
        Rules, typer.Option("--rules", help="Also check a service's own rules for pictures.")
    ] = Rules.ARCLOUD,
    min_level: MinLevelOption = None,
    no_duplicates: Annotated[
        bool, typer.Option("--no-duplicates", help="Fail pictures that the channel already has.")
    ] = False,
    complete: Annotated[
        bool,
        typer.Option(
            "--complete",
            help="The channel shall have just these pictures, as with sync --delete: they are compared"
            " only with each other.",
        ),
    ] = False,
    id_from: IdFromOption = IdFrom.STEM,
    jobs: JobsOption = None,
    nul: NulOption = False,
) -> None:
    """Rate pictures before they are added: how well they will be found, duplicates; writes nothing.

    The level says how well a picture can be found, from 1 (hardly ever) to 5 (in nearly all photos), with
    reasons and advice. A duplicate is a copy of a target's picture: smaller, cropped or encoded again; a
    look-alike shares much of it.

    A target with the picture's own identifier does not count as a duplicate.

    Example: arcli check posters/ --channel posters
    """
    session = Session.of(ctx)
    given = _given(images or [], manifest, encoding, exclude or [], id_from, nul=nul)
    for note in given.before:
        session.warn(note)
    wanted = ARCLOUD if rules is Rules.ARCLOUD else None
    gates = Gates(min_level=min_level, no_duplicates=no_duplicates, rules=wanted)
    answer = session.answer(CHECKS)
    with (
        _judges(session, complete) as (judge, gallery, channel),
        session.progress("checking", given.total) as advance,
    ):
        results = judged(given.entries, judge=judge, gallery=gallery, channel=channel, gates=gates, jobs=jobs)
        for result in results:
            answer.item(result, result.error)
            advance()
    for note in given.after():
        session.warn(note)
    session.end(answer, {}, single=given.single)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What to check. before, after: notes to show, once they are known."""

    entries: Iterable[PlanEntry]
    total: int | None
    single: bool
    before: tuple[str, ...] = ()
    after: Callable[[], tuple[str, ...]] = tuple


def _given(
    images: list[str],
    manifest: Path | None,
    encoding: str | None,
    exclude: list[str],
    id_from: IdFrom,
    *,
    nul: bool,
) -> _Given:
    if manifest is None:
        if not images:
            raise UsageError("nothing to check", hint="arcli check IMAGE…, or arcli check --manifest FILE")
        given = photos(images, nul=nul, exclude=exclude)
        return _Given(
            entries=entries_of(given.pictures, id_from),
            total=given.total,
            single=given.single,
            after=given.skipped.notes,
        )
    if images or exclude:
        raise UsageError("--manifest names the pictures itself", hint="leave out IMAGE and --exclude")
    plan = plan_manifest(open_manifest(manifest, encoding), id_from, Defaults())
    return _Given(entries=plan.entries(), total=plan.total, single=False, before=plan.notes)


@contextmanager
def _judges(session: Session, complete: bool) -> Iterator[tuple[Gallery, Gallery | None, str | None]]:
    """Yield what rates the pictures, the service that has the channel (if another), and the channel.

    A service sees one picture at a time, so our own engine compares the pictures with each other.
    """
    if session.settings.own:
        yield session.gallery, None, None if complete else session.channel
        return
    import tempfile

    from arcli.connect import scratch

    with tempfile.TemporaryDirectory(prefix="arcli-check-") as folder, scratch(Path(folder)) as judge:
        if complete:
            yield judge, None, None
            return
        knows = "check" in session.gallery.capabilities().features
        if not knows:
            session.warn("the service cannot check pictures: its channel is not searched for duplicates")
        yield judge, session.gallery if knows else None, session.channel
