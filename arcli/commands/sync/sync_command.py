"""`arcli sync`: make a channel equal to a source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arcli.bulk.identifiers import IdFrom
from arcli.bulk.sync.removals import MaxDelete
from arcli.commands.sync.sync_run import How, apply_plan, sync_source
from arcli.commands.sync.wanted_targets import Wanted
from arcli.console.names import profiles
from arcli.console.options import EncodingOption, ExcludeOption, IdFromOption, JobsOption, NoCreateOption
from arcli.console.session import Session
from arcli.errors import UsageError
from arcli.models import AddOptions


def sync(
    ctx: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="A folder, a manifest, or, with --from-profile, a channel."),
    ] = None,
    from_profile: Annotated[
        str | None,
        typer.Option(
            "--from-profile",
            metavar="NAME",
            help="SOURCE is a channel of this profile.",
            autocompletion=profiles,
        ),
    ] = None,
    pictures: Annotated[
        str | None,
        typer.Option(
            "--pictures",
            metavar="DIR",
            help="Folder with the pictures, if the other profile does not return them.",
        ),
    ] = None,
    trust_ratio: Annotated[
        bool,
        typer.Option(
            "--trust-matchratio",
            help="Also take over match ratios (a target's own threshold: the lowest score at which it counts"
            " as found) from a service with another engine.",
        ),
    ] = False,
    delete: Annotated[
        bool,
        typer.Option(
            "--delete",
            help="Remove targets that the source does not have; none if any of it failed or was not read.",
        ),
    ] = False,
    max_delete: Annotated[
        str | None,
        typer.Option(
            "--max-delete",
            metavar="N|N%",
            help="The most targets that --delete may remove. Default: it asks before removing all of them, or"
            " more than a tenth and more than three, and refuses if it cannot ask.",
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--replace-unknown", help="Replace pictures whose SHA-256 the channel does not know."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only show what would be done.")] = False,
    plan: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            metavar="FILE",
            help="With SOURCE: write a plan, change nothing. Alone: carry out the plan.",
        ),
    ] = None,
    exclude: ExcludeOption = None,
    encoding: EncodingOption = None,
    id_from: IdFromOption = IdFrom.STEM,
    no_create: NoCreateOption = False,
    jobs: JobsOption = None,
) -> None:
    """Make a channel equal to a folder, a manifest, or a channel of another profile.

    Example: arcli sync posters/ --delete --dry-run
    """
    session = Session.of(ctx)
    wanted = Wanted(
        source=source,
        from_profile=from_profile,
        pictures=pictures,
        id_from=id_from,
        encoding=encoding,
        trust_ratio=trust_ratio,
        exclude=tuple(exclude or ()),
    )
    how = How(
        delete=delete,
        most=MaxDelete.of(max_delete),
        again=again,
        dry_run=dry_run,
        plan=plan,
        options=AddOptions(create_channel=not no_create, jobs=jobs),
    )
    if plan is not None and source is None and from_profile is None:
        apply_plan(session, plan, how)
        return
    if max_delete is not None and not delete:
        raise UsageError("--max-delete limits --delete, which is not given")
    sync_source(session, wanted, how)
