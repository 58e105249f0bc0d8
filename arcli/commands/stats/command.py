"""`arcli stats`: how often was what found?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from arcli.bulk.statistics import Period, append_statistics, summed
from arcli.commands.stats.days import Range, asked_range
from arcli.commands.stats.view import bars, series, view
from arcli.console.files import rendered, write_file
from arcli.console.names import identifiers
from arcli.console.session import Session
from arcli.console.tables import render_bars
from arcli.console.text import plural
from arcli.errors import UsageError
from arcli.models import StatisticsQuery, StatRecord, valid_identifier
from arcli.settings import Format, Kind

_WIDTH = 80  # columns of bars where there is no terminal
_FILES = {".json": Format.JSON, ".jsonl": Format.JSONL}


@dataclass(frozen=True, slots=True)
class Files:
    """Where the records go besides, or instead of, stdout."""

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
    all_channels: Annotated[bool, typer.Option("--all-channels", help="One line a channel and day.")] = False,
    by: Annotated[Period, typer.Option("--by", help="What one record sums up.")] = Period.DAY,
    misses: Annotated[bool, typer.Option("--misses", help="Count photos that showed nothing too.")] = False,
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
    files = _files(output, append, plot_file)
    asked = asked_range(start, end, by, whole=append)
    query = StatisticsQuery(
        start=asked.first,
        end=asked.last,
        channel=None if all_channels else session.channel,
        identifier=None if identifier is None else valid_identifier(identifier),
        misses=misses,
    )
    records = summed(session.gallery.statistics(query=query), by)
    data = {"from": f"{asked.first}", "to": f"{asked.last}", "by": by.value, "timezone": _timezone(session)}
    _write(files, records, asked, data, misses=misses)
    labels = asked.labels(records)
    if plot:
        _draw(session, render_bars(bars(records, labels), session.streams.width() or _WIDTH))
    if not (plot and session.format is Format.TABLE) and (output is None or session.named("format")):
        answer = session.answer(view(misses=misses))
        for record in records:
            answer.item(record)
        session.end(answer, data)
    _say(session, records, asked, data["timezone"])


def _files(output: Path | None, append: bool, plot: Path | None) -> Files:
    if append and output is None:
        raise UsageError("--append adds to a file", hint="name it: --output FILE --append")
    if append and output is not None and output.suffix.lower() in _FILES:
        raise UsageError(f"--append merges CSV files, and {output} is none by its name")
    if plot is not None:
        from arcli.console.plotting import plot_format

        plot_format(plot)
    return Files(output, append, plot)


def _timezone(session: Session) -> str | None:
    """Days are UTC here and on our server; which days a vendor's service means it does not say."""
    if session.settings.kind.value == Kind.LOCAL or session.gallery.capabilities().features:
        return "UTC"
    return None


def _write(
    files: Files, records: Sequence[StatRecord], asked: Range, data: dict[str, str | None], *, misses: bool
) -> None:
    if files.output is not None and files.append:
        append_statistics(files.output, records, misses=misses)
    elif files.output is not None:
        kind = _FILES.get(files.output.suffix.lower(), Format.CSV)
        write_file(files.output, rendered(kind, view(misses=misses), records, "stats", data), overwrite=True)
    if files.plot is not None:
        from arcli.console.plotting import save_stacked_bars

        labels = asked.labels(records)
        title = f"{asked.first} to {asked.last}"
        save_stacked_bars(files.plot, labels, series(records, labels), title)


def _draw(session: Session, text: str) -> None:
    """Draw where people look: on stdout in place of the table, beside any other format on stderr."""
    if session.format is Format.TABLE:
        session.streams.write(text)
    else:
        for line in text.splitlines():
            session.streams.complain(line)


def _say(session: Session, records: Sequence[StatRecord], asked: Range, timezone: str | None) -> None:
    found = sum(record.count for record in records if not record.missed)
    missed = sum(record.count for record in records if record.missed)
    told = plural(found, "find") + (f" and {missed:,} that found nothing" if missed else "")
    days = f"{timezone} days" if timezone else "days as the service counts them"
    session.say(f"{told} from {asked.first} to {asked.last}, in {days}")
