"""`arcli stats`: how often was each target found?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from arcli.bulk.sorting import Sorted
from arcli.bulk.statistics import Period, append_statistics, summed
from arcli.commands.stats.count_views import Order, bars, bars_by_name, chosen, iso, series, view
from arcli.commands.stats.days import Range, asked_range
from arcli.console.files import render_into, write_file
from arcli.console.names import identifiers
from arcli.console.plotting import CHARTS
from arcli.console.session import Session
from arcli.console.tables import render_bars
from arcli.console.text import plural
from arcli.errors import UsageError
from arcli.models import StatisticsQuery, StatRecord, valid_identifier
from arcli.settings import Format

_FILES = {".json": Format.JSON, ".jsonl": Format.JSONL}


@dataclass(frozen=True, slots=True)
class Files:
    """Where the records go in addition to stdout, or instead."""

    output: Path | None
    append: bool
    plot: Path | None


def stats(
    ctx: typer.Context,
    start: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day. Default: 30 days ago.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day. Default: today.")] = None,
    identifier: Annotated[
        str | None,
        typer.Option("--identifier", metavar="ID", help="Only this target.", autocompletion=identifiers),
    ] = None,
    all_channels: Annotated[
        bool, typer.Option("--all-channels", help="One line per channel and day.")
    ] = False,
    by: Annotated[
        Period | None,
        typer.Option(
            "--by",
            help="What one record sums up: a day, a month, a year, or the whole range."
            " Default: day; with --top, total.",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option("--top", min=1, metavar="N", help="Only the N targets that were found most often."),
    ] = None,
    sort: Annotated[
        Order | None,
        typer.Option("--sort", help="Order of the records. Default: date; of totals, count."),
    ] = None,
    misses: Annotated[
        bool, typer.Option("--misses", help="Also count photos in which nothing was found.")
    ] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw bars instead of the table.")] = False,
    plot_file: Annotated[
        Path | None, typer.Option("--plot-file", metavar="FILE", help="Draw a chart: .png or .svg.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to FILE: .json, .jsonl, else CSV."),
    ] = None,
    append: Annotated[
        bool,
        typer.Option("--append", help="Merge into the CSV file: no row twice, incomplete days completed."),
    ] = False,
) -> None:
    """Show how often targets were found, by day (UTC).

    Dates: yyyy, yyyyMM, yyyyMMdd, yyyy-MM-dd, today, yesterday, this-month, last-month.

    Example: arcli stats --from this-month -f csv
    """
    session = Session.of(ctx)
    by = by or (Period.DAY if top is None else Period.TOTAL)
    files = _files(output, append, plot_file, by, top)
    asked = asked_range(start, end, by, whole=append)
    query = StatisticsQuery(
        start=asked.first,
        end=asked.last,
        channel=None if all_channels else session.channel,
        identifier=None if identifier is None else valid_identifier(identifier),
        misses=misses,
    )
    order = sort or (Order.COUNT if by is Period.TOTAL else Order.DATE)
    records = chosen(summed(session.gallery.statistics(query=query), by), top=top, sort=order)
    data = {"from": f"{asked.first}", "to": f"{asked.last}", "by": by.value, "timezone": _timezone(session)}
    title = f"Finds in {_where(query)}, {asked.words(data['timezone'])}"
    mark = session.format is Format.EXCEL
    _write(files, records, asked, data, title, misses=misses, mark=mark)
    if plot:
        _draw(session, title, records, asked)
    if not (plot and session.format is Format.TABLE) and (output is None or session.named("format")):
        answer = session.answer(view(misses=misses))
        for record in records:
            answer.item(record)
        session.end(answer, dict(data))
    _say(session, records, title)


def _files(output: Path | None, append: bool, plot: Path | None, by: Period, top: int | None) -> Files:
    if append and output is None:
        raise UsageError("--append adds to a file", hint="name it: --output FILE --append")
    if append and output is not None and output.suffix.lower() in _FILES:
        raise UsageError(f"--append merges CSV files, and {output} is not named as one")
    if append and (by is Period.TOTAL or top is not None):
        raise UsageError("--append keeps whole periods of all targets", hint="leave out --top and --by total")
    if plot is not None:
        from arcli.console.plotting import plot_format

        plot_format(plot)
    return Files(output, append, plot)


def _timezone(session: Session) -> str | None:
    """Return the time zone of days: UTC here and on our server; a vendor's service does not say."""
    if session.settings.own or session.gallery.capabilities().features:
        return "UTC"
    return None


def _where(query: StatisticsQuery) -> str:
    place = "all channels" if query.channel is None else f"channel {query.channel}"
    return place if query.identifier is None else f"{place}, target {query.identifier}"


def _write(
    files: Files,
    records: Sorted[StatRecord],
    asked: Range,
    data: dict[str, str | None],
    title: str,
    *,
    misses: bool,
    mark: bool,
) -> None:
    if files.output is not None and files.append:
        append_statistics(files.output, records, misses=misses, mark=mark)
    elif files.output is not None:
        kind = _FILES.get(files.output.suffix.lower(), Format.EXCEL if mark else Format.CSV)
        answer = partial(
            render_into, format=kind, view=view(misses=misses), items=records, command="stats", data=data
        )
        write_file(files.output, answer, overwrite=True)
    if files.plot is not None:
        from arcli.console.plotting import save_stacked_bars

        if asked.period is Period.TOTAL:
            shown = bars_by_name(records)[: CHARTS.bars]
            labels, counts = [bar.label for bar in shown], {"": [bar.count for bar in shown]}
        else:
            periods = asked.labels()
            labels, counts = [iso(label) for label in periods], series(records, periods)
        save_stacked_bars(files.plot, labels, counts, title)


def _draw(session: Session, title: str, records: Sorted[StatRecord], asked: Range) -> None:
    """Draw bars where people look: on stdout instead of the table, with any other format on stderr."""
    total = asked.period is Period.TOTAL
    drawn = bars_by_name(records) if total else bars(records, asked.labels())
    text = render_bars(drawn, session.streams.width() or CHARTS.columns) if records else "nothing was found\n"
    if session.format is Format.TABLE:
        session.streams.write(f"{title}\n{text}")
    else:
        for line in [title, *text.splitlines()]:
            session.streams.complain(line)


def _say(session: Session, records: Sorted[StatRecord], title: str) -> None:
    found = sum(record.count for record in records if not record.missed)
    missed = sum(record.count for record in records if record.missed)
    summary = plural(found, "find") + (f" and {missed:,} that found nothing" if missed else "")
    session.say(f"{summary}{title.removeprefix('Finds')}")
