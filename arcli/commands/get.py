"""`arcli get`: all of one target, and its kept picture."""

from __future__ import annotations

from typing import Annotated

import typer

from arcli.console.files import write_file
from arcli.console.items import target_lines, target_record
from arcli.console.options import IdentifierArgument
from arcli.console.session import Session
from arcli.models import valid_identifier


def get(
    ctx: typer.Context,
    identifier: IdentifierArgument,
    image: Annotated[
        str | None,
        typer.Option("--image", metavar="FILE", help="Write the kept picture there; - for stdout."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --image overwrite a file.")] = False,
) -> None:
    """Show all of one target, or write its kept picture.

    Example: arcli get poster_1 --image poster_1.jpg
    """
    session = Session.of(ctx)
    name = valid_identifier(identifier)
    target = session.gallery.get(channel=session.channel, identifier=name)
    if image is not None:
        picture = session.gallery.picture(channel=session.channel, identifier=name)
        if image == "-":
            session.binary(picture)
            return
        write_file(image, picture, overwrite=force)
    session.record(target_record(target), name=target.identifier, lines=target_lines(target))
