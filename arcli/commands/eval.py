"""`arcli eval`: how well are one's own photos recognised?"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arcli.bulk.identifiers import IdFrom
from arcli.commands.eval_view import report_lines, report_record
from arcli.console.files import write_file
from arcli.console.items import record_view
from arcli.console.options import JobsOption, ThresholdOption
from arcli.console.session import Session
from arcli.errors import UsageError
from arcli.models import AddOptions, Effort, FindOptions

if TYPE_CHECKING:
    from arcli.evaluation.judge import Judged
    from arcli.evaluation.measure import Report
    from arcli.evaluation.photos import LabelledPhoto
    from arcli.gallery import Gallery


def eval(  # noqa: A001 (the verb is fixed)
    ctx: typer.Context,
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS.csv", help="photo,identifier (several with ;).")],
    targets: Annotated[
        Path | None,
        typer.Option("--targets", metavar="DIR", help="A folder of target pictures, instead of a channel."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=1, metavar="N", help="Most targets a photo. Default: as many as labelled."
        ),
    ] = None,
    threshold: ThresholdOption = None,
    effort: Annotated[Effort, typer.Option("--effort", help="How long to look.")] = Effort.NORMAL,
    all_channels: Annotated[bool, typer.Option("--all-channels", help="Search every channel.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also a report with curves and photos.")
    ] = None,
    jobs: JobsOption = None,
) -> None:
    """Measure recognition on your own photos: recall, false accepts, by threshold; counts nothing.

    PHOTOS.csv has the columns photo and identifier; an empty identifier is a photo that shows no target.

    Example: arcli eval photos.csv --channel posters --html report.html
    """
    from arcli.evaluation.measure import summarize
    from arcli.evaluation.photos import read_photos

    session = Session.of(ctx)
    labelled = read_photos(photos)
    if not labelled:
        raise UsageError(f"{photos} lists no photos")
    options = FindOptions(limit=limit, threshold=threshold, effort=effort, jobs=jobs)
    if targets is not None:
        judged = _judge_folder(session, targets, labelled, options)
    else:
        channels = None if all_channels else [session.channel]
        judged = _judge(session, session.gallery, labelled, channels, options)
    report = summarize(judged)
    if html is not None:
        from arcli.evaluation.html import page

        write_file(html, page(f"arcli eval {photos.name}", judged, report).encode(), overwrite=True)
    _show(session, report, judged)


def _show(session: Session, report: Report, judged: list[Judged]) -> None:
    record = report_record(report)
    answer = session.answer(record_view(record, "eval", report_lines(report)))
    answer.item(record)
    for each in judged:
        if each.result.error is not None:
            answer.fault(each.result.error)
    session.end(answer, {})


def _judge_folder(
    session: Session, folder: Path, labelled: list[LabelledPhoto], options: FindOptions
) -> list[Judged]:
    """Register the folder's pictures in a gallery that is thrown away, by the identifiers of `add`."""
    from arcli.bulk.load import load
    from arcli.bulk.plan import Defaults, plan_words
    from arcli.connect import scratch

    with (
        tempfile.TemporaryDirectory(prefix="arcli-") as data_dir,
        scratch(Path(data_dir) / "data") as gallery,
    ):
        plan = plan_words([str(folder)], IdFrom.STEM, Defaults())
        with session.progress("registering", plan.total) as advance:
            for outcome in load(gallery, channel=session.channel, plan=plan, options=AddOptions()):
                if outcome.error is not None:
                    session.warn(f"{outcome.image}: {outcome.error}")
                advance()
        return _judge(session, gallery, labelled, [session.channel], options)


def _judge(
    session: Session,
    gallery: Gallery,
    labelled: list[LabelledPhoto],
    channels: list[str] | None,
    options: FindOptions,
) -> list[Judged]:
    from arcli.evaluation.evaluate import best_limit, evaluate, has_options

    if not has_options(gallery):
        session.warn("this service counts each lookup in its statistics")
    if options.limit is None:
        options = replace(options, limit=best_limit(gallery, labelled))
    judged = []
    with session.progress("looking up", len(labelled)) as advance:
        for each in evaluate(gallery, labelled, channels, options):
            judged.append(each)
            advance()
    return judged
