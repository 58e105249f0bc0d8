"""`arcli rm`: remove targets."""

from __future__ import annotations

from typing import Annotated

import typer

from arcli.console.faults import interruptible
from arcli.console.inputs import with_stdin
from arcli.console.items import ItemView
from arcli.console.names import identifiers
from arcli.console.options import YesOption
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.errors import ArcliError, TargetNotFound, UsageError
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
    names = _names(session, identifiers or [], everything)
    if names:
        session.confirm(f"Remove {_what(names)} from channel {session.channel}?", yes=yes)
    answer = session.answer(REMOVALS, changes=True)
    counts = {"removed": 0, "absent": 0, "failed": 0}
    removals = session.gallery.remove_many(channel=session.channel, identifiers=names)
    with interruptible(
        lambda: f"{plural(counts['removed'], 'target')} removed", "the same command continues"
    ):
        for removal in removals if names else ():
            counts[removal.status] += 1
            answer.item(removal, _error(removal))
    session.end(answer, {"counts": counts}, single=len(names) == 1 and not everything)
    session.say(f"{plural(counts['removed'], 'target')} removed from channel {session.channel}")


def _names(session: Session, given: list[str], everything: bool) -> list[str]:
    if everything == bool(given):
        wrong = "identifiers and --all exclude each other" if given else "nothing to remove"
        raise UsageError(wrong, hint="arcli rm ID…, or arcli rm --all")
    if everything:
        return [target.identifier for target in session.gallery.list(channel=session.channel).targets]
    return list(dict.fromkeys(with_stdin(given)))


def _what(names: list[str]) -> str:
    return names[0] if len(names) == 1 else plural(len(names), "target")


def _error(removal: RemoveResult) -> ArcliError | None:
    if removal.status is not RemoveStatus.ABSENT:
        return removal.error
    return TargetNotFound(f"no such target: {removal.identifier}", item=removal.identifier)
