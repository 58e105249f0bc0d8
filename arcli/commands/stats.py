"""`arcli stats`: how often was what found?"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from arcli.console.dates import first_day, last_day
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.console.view import View
from arcli.errors import UsageError
from arcli.models import StatisticsQuery, StatRecord, valid_identifier

FIELDS = ("date", "channel", "identifier", "count")
_DAYS = 30  # without --from

RECORDS: View[StatRecord] = View(
    key="records",
    record=lambda item: {field: getattr(item, field) for field in FIELDS},
    columns=FIELDS,
    names=lambda item: [item.identifier] if item.identifier else [],
)


def stats(
    ctx: typer.Context,
    start: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day. Default: 30 days ago.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day. Default: today.")] = None,
    identifier: Annotated[
        str | None, typer.Option("--identifier", metavar="ID", help="Only this target.")
    ] = None,
    all_channels: Annotated[bool, typer.Option("--all-channels", help="One line a channel and day.")] = False,
) -> None:
    """Show how often targets were found, by day (UTC).

    Dates: yyyy, yyyyMM, yyyyMMdd, yyyy-MM-dd, today, yesterday, this-month, last-month.

    Example: arcli stats --from this-month -f csv
    """
    session = Session.of(ctx)
    today = dt.datetime.now(dt.UTC).date()
    last = today if end is None else last_day(end, today)
    first = last - dt.timedelta(days=_DAYS) if start is None else first_day(start, today)
    if first > last:
        raise UsageError(f"--from {first} is after --to {last}")
    query = StatisticsQuery(
        start=first,
        end=last,
        channel=None if all_channels else session.channel,
        identifier=None if identifier is None else valid_identifier(identifier),
    )
    records = session.gallery.statistics(query=query)
    session.show(RECORDS, records)
    total = sum(record.count for record in records)
    session.say(f"{plural(total, 'find')} from {first} to {last}, in UTC days")
