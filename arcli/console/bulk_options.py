"""Options of the commands that read folders and manifests."""

from __future__ import annotations

from typing import Annotated

import typer

from arcli.bulk.identifiers import IdFrom

IdFromOption = Annotated[IdFrom, typer.Option("--id-from", help="What of a path makes the identifier.")]
EncodingOption = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="The manifest's encoding, where the guess is wrong."),
]
NoCreateOption = Annotated[bool, typer.Option("--no-create", help="Refuse a channel that does not exist.")]
