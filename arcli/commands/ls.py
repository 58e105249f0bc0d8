"""`arcli ls`: the targets of a channel."""

from __future__ import annotations

from typing import Annotated

import typer

from arcli.console.items import TARGETS
from arcli.console.names import elsewhere
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.errors import UsageError
from arcli.models import ListQuery


def ls(
    ctx: typer.Context,
    limit: Annotated[
        int | None, typer.Option("--limit", min=0, metavar="N", help="At most N targets.")
    ] = None,
    position: Annotated[
        int, typer.Option("--position", min=0, metavar="N", help="Leave out the first N.")
    ] = 0,
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="TEXT", help="Identifiers that begin like this.")
    ] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Only those that can, or cannot, be found.")
    ] = None,
    level: Annotated[
        int | None,
        typer.Option(
            "--level",
            min=1,
            max=5,
            metavar="N",
            help="Only those of this level: how well they can be found, 1 (hardly ever) to 5 (nearly"
            " always).",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="KEY=VALUE", help="Only those whose metadata say so. Repeatable."),
    ] = None,
) -> None:
    """List the targets of a channel, ordered by identifier.

    Example: arcli ls --prefix poster_ --where lang=en --json
    """
    session = Session.of(ctx)
    query = ListQuery(
        position=position,
        limit=limit,
        prefix=prefix,
        active=active,
        level=level,
        where=tuple(_pair(text) for text in where or ()),
    )
    page = session.gallery.list(channel=session.channel, query=query)
    session.show(TARGETS, page.targets, totalcount=page.totalcount)
    summary = _summary(len(page.targets), page.totalcount, session.channel)
    session.say(summary if page.totalcount else f"{summary}{elsewhere(session)}")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"--where {text!r} is not KEY=VALUE", hint="for example: --where lang=en")
    return key, value


def _summary(shown: int, total: int, channel: str) -> str:
    what = plural(total, "target") if shown == total else f"{shown:,} of {plural(total, 'target')}"
    return f"{what} in channel {channel}"
