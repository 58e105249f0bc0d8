"""`arcli update`: change one target."""

from __future__ import annotations

from typing import Annotated

import typer

from arcli.bulk.walk import picture_named
from arcli.console.inputs import match_ratio, metadata_text
from arcli.console.items import target_lines, target_record
from arcli.console.options import IdentifierArgument, MatchRatioOption, MetadataOption
from arcli.console.session import Session
from arcli.errors import UsageError
from arcli.models import TargetChanges, valid_identifier


def update(
    ctx: typer.Context,
    identifier: IdentifierArgument,
    metadata: MetadataOption = None,
    ratio: MatchRatioOption = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether photos can show it.")
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", metavar="FILE", help="Replace its picture: FILE or a URL.")
    ] = None,
    rename: Annotated[
        str | None, typer.Option("--rename", metavar="NEW", help="Give it another identifier.")
    ] = None,
) -> None:
    """Change a target; what is not named stays as it is.

    Example: arcli update poster_1 --metadata '{"lang": "en"}' --inactive
    """
    session = Session.of(ctx)
    changes = TargetChanges(
        metadata=metadata_text(metadata),
        matchratio=match_ratio(ratio, session.warn),
        active=active,
        picture=None if image is None else picture_named(image),
        rename=None if rename is None else valid_identifier(rename),
    )
    if changes == TargetChanges():
        raise UsageError("nothing to change", hint="run: arcli update --help")
    target = session.gallery.update(
        channel=session.channel, identifier=valid_identifier(identifier), changes=changes
    )
    session.record(target_record(target), name=target.identifier, lines=target_lines(target))
