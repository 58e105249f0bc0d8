"""`arcli migrate`: channels from a data folder to a cluster, or back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from arcli.console.faults import interruptible
from arcli.console.items import ItemView
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.errors import UsageError

if TYPE_CHECKING:
    from arcli.models import Migrated


def _status(item: Migrated) -> str:
    if item.error is not None:
        return "failed"
    return "migrated" if item.written or item.removed or item.counts else "unchanged"


CHANNELS: ItemView[Migrated] = ItemView(
    key="channels",
    record=lambda item: {
        "name": item.channel,
        "status": _status(item),
        "targets": item.targets,
        "written": item.written,
        "removed": item.removed,
        "counts": item.counts,
    },
    columns=("name", "status", "targets", "written", "removed", "counts"),
    names=lambda item: [] if item.error else [item.channel],
    headings=("channel", "status", "targets", "written", "removed", "counts"),
)


def migrate(
    ctx: typer.Context,
    from_profile: Annotated[
        str | None,
        typer.Option(
            "--from-profile",
            metavar="NAME",
            help="The profile whose channels are moved, local or cluster; to the present profile.",
        ),
    ] = None,
    channels: Annotated[
        list[str] | None, typer.Argument(metavar="[CHANNEL]…", help="Which channels; none named: all.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with an interrupted migration, or bring over what has changed since."
        ),
    ] = False,
    delete: Annotated[
        bool,
        typer.Option("--delete", help="Remove from these channels what they no longer have at the source."),
    ] = False,
    tables: Annotated[
        bool,
        typer.Option(
            "--tables",
            help="Move nothing; bring the tables of this cluster up to date. Several may at once.",
        ),
    ] = False,
) -> None:
    """Move channels between a data folder and a cluster: as they are, compared target by target.

    Pictures, features (nothing is extracted again), metadata, dates, settings and match counts go along;
    accounts and grants do not. The source stays as it is: remove its channels when the new ones are in use.

    Example: arcli migrate --from-profile local --profile big
    """
    session = Session.of(ctx)
    if tables:
        if from_profile is not None or channels:
            raise UsageError("--tables moves no channels: leave out --from-profile and CHANNEL")
        _tables(session)
        return
    if from_profile is None:
        raise UsageError("nothing to migrate", hint="arcli migrate --from-profile NAME")
    _channels(session, from_profile, channels, resume=resume, delete=delete)


def _tables(session: Session) -> None:
    from arcli.connect import upgrade_tables

    session.record({"steps": upgrade_tables(session.settings)}, name="steps")


def _channels(
    session: Session, from_profile: str, channels: list[str] | None, *, resume: bool, delete: bool
) -> None:
    done = 0
    again = "the same command with --resume goes on"
    with session.migration(from_profile) as migration:
        names = channels or ([session.channel] if session.named("channel") else migration.names())
        total = migration.total(names)
        answer = session.answer(CHANNELS, changes=True)
        with (
            session.progress("targets", total) as migration.advance,
            interruptible(lambda: f"{plural(done, 'channel')} migrated", again),
        ):
            for item in migration.run(names, resume=resume, delete=delete):
                done += item.error is None
                answer.item(item, item.error)
    session.end(answer, {"from_profile": from_profile}, single=len(names) == 1)
    session.say(f"{plural(done, 'channel')} migrated and compared")
