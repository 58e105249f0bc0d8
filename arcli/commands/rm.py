"""`arcli rm`: remove targets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from arcli.bulk.channel_state import listed
from arcli.console.faults import interruptible
from arcli.console.inputs import with_stdin
from arcli.console.items import ItemView
from arcli.console.names import identifiers
from arcli.console.options import YesOption
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.errors import ArcliError, TargetNotFound, UsageError
from arcli.files import Spool
from arcli.models import RemoveResult, RemoveStatus

REMOVALS: ItemView[RemoveResult] = ItemView(
    key="items",
    record=lambda item: {"identifier": item.identifier, "status": item.status},
    columns=("identifier", "status"),
    names=lambda item: [item.identifier] if item.status is RemoveStatus.REMOVED else [],
)


def rm(
    ctx: typer.Context,
    identifiers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID…", help="Identifiers; - reads them from stdin.", autocompletion=identifiers
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove every target of the channel.")] = False,
    yes: YesOption = False,
) -> None:
    """Remove targets from a channel; asks first.

    Example: arcli rm poster_1 poster_2 --yes
    """
    session = Session.of(ctx)
    count, names = _names(session, identifiers or [], everything)
    if count:
        what = names[0] if isinstance(names, list) and count == 1 else plural(count, "target")
        session.confirm(f"Remove {what} from channel {session.channel}?", yes=yes)
    answer = session.answer(REMOVALS, changes=True)
    counts = {"removed": 0, "absent": 0, "failed": 0}
    removals = session.gallery.remove_many(channel=session.channel, identifiers=names)
    with (
        interruptible(lambda: f"{plural(counts['removed'], 'target')} removed", "the same command continues"),
        session.progress("removing", count) as advance,
    ):
        for removal in removals if count else ():
            counts[removal.status] += 1
            answer.item(removal, removal.error if everything else _error(removal))
            advance()
    session.end(answer, {"counts": counts}, single=count == 1 and not everything)
    session.say(f"{plural(counts['removed'], 'target')} removed from channel {session.channel}")


def _names(session: Session, given: list[str], everything: bool) -> tuple[int, Iterable[str]]:
    """Return how many to remove, and their identifiers; those of a whole channel are not held in memory."""
    if everything == bool(given):
        wrong = "identifiers and --all exclude each other" if given else "nothing to remove"
        raise UsageError(wrong, hint="arcli rm ID…, or arcli rm --all")
    if everything:
        names = Spool()
        for target in listed(session.gallery, session.channel):
            names.add(target.identifier)
        return names.count, names.lines()
    once = list(dict.fromkeys(with_stdin(given)))
    return len(once), once


def _error(removal: RemoveResult) -> ArcliError | None:
    """Return the error of a removal that was asked for by name."""
    if removal.status is not RemoveStatus.ABSENT:
        return removal.error
    return TargetNotFound(f"no such target: {removal.identifier}", item=removal.identifier)
