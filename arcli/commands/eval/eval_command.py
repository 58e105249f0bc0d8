"""`arcli eval`: how well are one's own photos recognised?"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arcli import __version__
from arcli.bulk.table import open_table
from arcli.bulk.walk import as_on_disk
from arcli.commands.eval.report_views import report_lines, report_record
from arcli.commands.eval.searched_channels import Searched, label_faults, registered_of, searched_in
from arcli.console.files import write_file
from arcli.console.formats import to_json
from arcli.console.items import record_view
from arcli.console.options import EncodingOption, JobsOption, ThresholdOption
from arcli.console.session import Session
from arcli.errors import ArcliError, EmptyInput, InvalidManifest, NotSupported
from arcli.files import Spool
from arcli.models import Effort, FindOptions

if TYPE_CHECKING:
    from arcli.evaluation.judge import Judged
    from arcli.evaluation.measure import Conditions
    from arcli.evaluation.photos import LabelledPhoto, PhotoList, Registered
    from arcli.gallery import Gallery


def eval(  # noqa: A001 (the verb is fixed)
    ctx: typer.Context,
    photos: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTOS.csv",
            help="A list with the columns photo and identifier (several separated by ;).",
        ),
    ],
    encoding: EncodingOption = None,
    targets: Annotated[
        Path | None,
        typer.Option("--targets", metavar="DIR", help="A folder of target pictures, instead of a channel."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=1, metavar="N", help="The most targets per photo. Default: as many as labelled."
        ),
    ] = None,
    threshold: ThresholdOption = None,
    effort: Annotated[
        Effort, typer.Option("--effort", help="How hard to search: thorough finds more, and takes longer.")
    ] = Effort.NORMAL,
    all_channels: Annotated[bool, typer.Option("--all-channels", help="Search every channel.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write a report with curves and photos."),
    ] = None,
    jobs: JobsOption = None,
) -> None:
    """Measure recognition on your own photos: what is found, missed, mistaken; counts nothing.

    It reports recall (the share of targets that is found) and false accepts (photos of no target that are
    answered), at the threshold and at others, and the time of a lookup.

    PHOTOS.csv has the columns photo and identifier, in any format that add --manifest reads. A photo with an
    empty identifier shows no target.

    Example: arcli eval photos.csv --channel posters --html report.html
    """
    from arcli.evaluation.html import Covers, WrongPhotos, page
    from arcli.evaluation.measure import Measurement

    session = Session.of(ctx)
    labelled = _labelled(session, photos, encoding)
    options = FindOptions(limit=limit, threshold=threshold, effort=effort, jobs=jobs)
    with searched_in(session, targets, all_channels) as searched:
        registered = registered_of(searched, labelled)
        options = _with_limit(searched.gallery, labelled, options)
        measured, wrong, failures = Measurement(), WrongPhotos(), Spool()
        for each in _judge(session, searched, labelled, options, registered):
            measured.add(each)
            wrong.add(each)
            if each.result.error is not None:
                failures.add(to_json(each.result.error.as_record()))
        report = measured.report()
        conditions = _conditions(searched, options)
        if html is not None:
            covers = Covers(searched.gallery, searched.names)
            text = page(f"arcli eval {photos.name}", wrong, report, conditions, covers)
            write_file(html, text.encode(), overwrite=True)
    record = report_record(report, conditions)
    answer = session.answer(record_view(record, "eval", report_lines(report, conditions)))
    answer.item(record)
    failed = (ArcliError.from_record(json.loads(line)) for line in failures.lines())
    for fault in chain(label_faults(searched, registered), failed):
        answer.fault(fault)
    session.end(answer, {})


def _labelled(session: Session, path: Path, encoding: str | None) -> PhotoList:
    """Read the list. Raises EmptyInput, InvalidManifest."""
    from arcli.evaluation.photos import COLUMNS, PhotoList, labelled_photos

    table = open_table(path, COLUMNS, encoding)
    if table.header is not None and "identifier" not in table.header.columns:
        raise InvalidManifest(
            f"{path}: no column is named identifier", hint="begin the file with: photo,identifier"
        )
    for note in table.notes:
        session.warn(note)

    def read() -> Iterator[LabelledPhoto]:
        rows = ((row.line, row.values, row.error) for row in table.rows())
        return labelled_photos(rows, path, as_on_disk)

    labelled = PhotoList.of(read)
    if not labelled.total:
        raise EmptyInput(f"{path} lists no photos", item=str(path))
    return labelled


def _with_limit(gallery: Gallery, labelled: PhotoList, options: FindOptions) -> FindOptions:
    from arcli.evaluation.evaluate import best_limit

    return options if options.limit is not None else replace(options, limit=best_limit(gallery, labelled))


def _conditions(searched: Searched, options: FindOptions) -> Conditions:
    from arcli.evaluation.measure import Conditions

    named = searched.channels[0] if searched.channels and searched.folder is None else None
    return Conditions(
        channel=named,
        targets=None if searched.folder is None else str(searched.folder),
        date=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        version=__version__,
        threshold=options.threshold if options.threshold is not None else _threshold(searched),
        effort=options.effort.value,
        limit=options.limit,
    )


def _threshold(searched: Searched) -> float | None:
    """Return the channel's threshold, None if there are several or a service does not say."""
    from arcli.connect import channel_admin
    from arcli.vision.scoring.score import default_threshold

    if not searched.channels:
        return None
    try:
        info = channel_admin(searched.gallery).channel(name=searched.channels[0])
    except NotSupported:
        return None
    return (
        info.settings.threshold
        if info.settings.threshold is not None
        else default_threshold(int(info.preset))
    )


def _judge(
    session: Session,
    searched: Searched,
    labelled: PhotoList,
    options: FindOptions,
    registered: Registered,
) -> Iterator[Judged]:
    from arcli.evaluation.evaluate import evaluate, has_options

    if not has_options(searched.gallery):
        session.warn("this service counts each lookup in its statistics")
    with session.progress("looking up", labelled.total) as advance:
        for each in evaluate(searched.gallery, labelled, searched.channels, options, registered):
            yield each
            advance()
