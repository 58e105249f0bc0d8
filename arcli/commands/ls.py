"""`arcli ls`: the targets of a channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Annotated

import typer

from arcli.console.items import TARGETS
from arcli.console.names import elsewhere
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.errors import UsageError
from arcli.models import ListQuery, TargetPage

_PAGE = 5000  # targets: 4 MB


def ls(
    ctx: typer.Context,
    limit: Annotated[
        int | None, typer.Option("--limit", min=0, metavar="N", help="List at most N targets.")
    ] = None,
    position: Annotated[int, typer.Option("--position", min=0, metavar="N", help="Skip the first N.")] = 0,
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="TEXT", help="Only identifiers that begin with this.")
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
            help="Only those of this level: how well they can be found, from 1 (hardly ever) to 5 (in nearly"
            " all photos).",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="KEY=VALUE", help="Only those whose metadata have this value. Repeatable."
        ),
    ] = None,
) -> None:
    """List the targets of a channel, ordered by identifier.

    The ratio is a target's own threshold: the lowest score, from 0 to 1, at which it counts as found.

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
    pages = _pages(session, query)
    first = next(pages)  # a failure here has no data
    answer = session.answer(TARGETS)
    shown, total = 0, first.totalcount
    for page in chain([first], pages):
        for target in page.targets:
            answer.item(target)
        shown += len(page.targets)
    session.end(answer, {"totalcount": total})
    summary = _summary(shown, total, session.channel)
    session.say(summary if total else f"{summary}{elsewhere(session)}")


def _pages(session: Session, query: ListQuery) -> Iterator[TargetPage]:
    """Yield what `query` selects, page by page from a data folder; a service has pages of its own."""
    if query.limit is not None or not session.settings.own:
        yield session.gallery.list(channel=session.channel, query=query)
        return
    position, last = query.position, ""
    while True:
        part = replace(query, position=position, limit=_PAGE)
        page = session.gallery.list(channel=session.channel, query=part)
        first = page.targets[0].identifier if page.targets else ""
        if last and position and first > last:  # others removed some: go back to what was shown
            position = max(position - _PAGE // 2, 0)
            continue
        fresh = tuple(target for target in page.targets if target.identifier > last)
        yield TargetPage(totalcount=page.totalcount, targets=fresh)
        if len(page.targets) < _PAGE:
            return
        last = page.targets[-1].identifier
        position += _PAGE - 1  # one that was shown, to see whether any was removed


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"--where {text!r} is not KEY=VALUE", hint="for example: --where lang=en")
    return key, value


def _summary(shown: int, total: int, channel: str) -> str:
    what = plural(total, "target") if shown == total else f"{shown:,} of {plural(total, 'target')}"
    return f"{what} in channel {channel}"
