"""`arcli find`: which targets do photos show?"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from arcli.bulk.lookups import LOOKUPS, look_up
from arcli.bulk.report import ReportFile
from arcli.commands.find.draw import Drawings, drawn
from arcli.commands.find.result_views import RESULTS
from arcli.console.faults import interruptible
from arcli.console.names import elsewhere
from arcli.console.options import (
    ImagesArgument,
    JobsOption,
    NulOption,
    ReportOption,
    ResumeOption,
    ThresholdOption,
    require_report,
)
from arcli.console.pictures import Photos, photos
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.errors import UsageError
from arcli.models import Effort, FindOptions, FindResult
from arcli.protocols.strict import whole_number
from arcli.timings import MeanTimes

NOTHING_MATCHED = 1
_STDOUT = Path("-")
ALL = "all"
_HINTS = ("with --report FILE a run can be continued", "the same command with --resume continues")


def find(
    ctx: typer.Context,
    images: ImagesArgument,
    limit: Annotated[
        str, typer.Option("--limit", metavar="N|all", help="The most targets to report per photo.")
    ] = "1",
    candidates: Annotated[
        int,
        typer.Option(
            "--candidates", min=0, metavar="N", help="Also show N candidates that were not accepted, and why."
        ),
    ] = 0,
    threshold: ThresholdOption = None,
    effort: Annotated[
        Effort, typer.Option("--effort", help="How hard to search: thorough finds more, and takes longer.")
    ] = Effort.NORMAL,
    all_channels: Annotated[
        bool, typer.Option("--all-channels", help="Search every channel, not only --channel.")
    ] = False,
    draw: Annotated[
        Path | None,
        typer.Option(
            "--draw",
            metavar="FILE|DIR",
            help="Write photos with the targets outlined: one into FILE (JPEG or PNG), several into DIR;"
            " - writes to stdout instead of the answer.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --draw overwrite files.")] = False,
    no_count: Annotated[
        bool, typer.Option("--no-count", help="Do not count these lookups in the statistics.")
    ] = False,
    jobs: JobsOption = None,
    nul: NulOption = False,
    report: ReportOption = None,
    resume: ResumeOption = False,
) -> None:
    """Say which targets photos show, and where.

    The score, 0 to 1, says how certain it is that a photo shows a target; inliers are details that agree in
    both. Targets that the photo cannot tell apart are marked as ambiguous.

    Example: arcli find photo.jpg --draw found.jpg
    """
    session = Session.of(ctx)
    options = FindOptions(
        limit=_limit(limit),
        candidates=candidates,
        threshold=threshold,
        effort=effort,
        count=not no_count,
        jobs=jobs,
    )
    channels = None if all_channels else [session.channel]
    given = photos(images, nul=nul)
    require_report(report, resume=resume)
    if draw == _STDOUT:
        _draw_to_stdout(session, given, channels, options)
        return
    drawings = None if draw is None else Drawings(draw, single=given.single, force=force)
    with nullcontext() if report is None else ReportFile.open(report, LOOKUPS, resume=resume) as reporting:
        _look_up(session, given, channels, options, drawings, reporting)


def _look_up(
    session: Session,
    given: Photos,
    channels: list[str] | None,
    options: FindOptions,
    drawings: Drawings | None,
    report: ReportFile[FindResult] | None,
) -> None:
    pictures = given.pictures if drawings is None else drawings.noting(given.pictures)
    answer = session.answer(RESULTS)
    looked = matched = 0
    times, start = MeanTimes(), 0.0
    before = 0 if report is None else report.lines
    with (
        interruptible(lambda: f"{plural(looked, 'photo')} looked up", _HINTS[report is not None]),
        session.progress("looking up", given.total, before) as advance,
    ):
        results = look_up(session.gallery, pictures, channels=channels, options=options, report=report)
        for result in results:
            answer.item(result, result.error)
            looked, matched = looked + 1, matched + result.matched
            if looked <= before:
                continue
            if drawings is not None:
                drawings.draw(result)
            if not times.number:
                start = (perf_counter() - session.began) * 1000 - result.elapsed_ms
            times.add(result.timings_ms)
            advance()
    for note in given.skipped.notes():
        session.warn(note)
    session.end(answer, {}, single=given.single, otherwise=0 if matched else NOTHING_MATCHED)
    more = elsewhere(session) if channels is not None and not matched else ""
    session.say(f"{matched:,} of {plural(looked, 'photo')} matched{_where(channels)}{more}")
    if session.verbose and times.mean:
        session.say(_spent(start, times))


def _spent(start_ms: float, times: MeanTimes) -> str:
    """Return where the time went: `start` until the first lookup, then the phases of a lookup."""
    phases = ", ".join(f"{name} {spent:.0f}" for name, spent in times.mean.items())
    many = f", the mean of {times.number:,}" if times.number > 1 else ""
    return f"milliseconds: start {start_ms:.0f}; lookup {sum(times.mean.values()):.0f} ({phases}){many}"


def _where(channels: list[str] | None) -> str:
    return "" if channels is None else f" in channel {channels[0]}"


def _draw_to_stdout(
    session: Session, given: Photos, channels: list[str] | None, options: FindOptions
) -> None:
    """Answer with the one photo drawn; what was found goes to stderr. Raises UsageError for several."""
    if not given.single:
        raise UsageError("--draw - writes one photo, but there may be several", hint="name a folder")
    picture = next(given.pictures)
    result = session.gallery.find(picture=picture, channels=channels, options=options)
    session.binary(drawn(picture, result))
    session.say(", ".join(match.identifier for match in result.matches) or "nothing matched")
    session.status = 0 if result.matched else NOTHING_MATCHED


def _limit(text: str) -> int | None:
    if text == ALL:
        return None
    try:
        return whole_number(text, "--limit", least=1, most=sys.maxsize)
    except UsageError:
        hint = "1 or more, or all"
        raise UsageError(f"--limit {text[:40]!r} is not a number of targets", hint=hint) from None
