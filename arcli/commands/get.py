"""`arcli get`: all that is known about targets, and their kept pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arcli.console.files import write_file
from arcli.console.inputs import with_stdin
from arcli.console.items import TARGETS, target_lines, target_record
from arcli.console.options import IdentifiersArgument
from arcli.console.session import Session
from arcli.errors import ChannelNotFound, EmptyInput, FileExists, NotFound, PictureRefused, UsageError
from arcli.models import Target, valid_identifier

_PNG = b"\x89PNG"


def get(
    ctx: typer.Context,
    identifiers: IdentifiersArgument,
    image: Annotated[
        str | None,
        typer.Option(
            "--image",
            metavar="FILE|DIR",
            help="Write the kept picture to FILE (- is stdout); for several targets, into DIR.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --image overwrite files.")] = False,
) -> None:
    """Show all that is known about a target, or write its kept picture.

    The level says how well it can be found, from 1 (hardly ever) to 5 (in nearly all photos); the match ratio
    is its own threshold: the lowest score, from 0 to 1, at which it counts as found.

    Example: arcli get poster_1 --image poster_1.jpg
    """
    session = Session.of(ctx)
    names = list(dict.fromkeys(with_stdin(identifiers)))
    if not names:
        raise EmptyInput("the list names no targets")
    if len(names) == 1 and "-" not in identifiers:
        _one(session, valid_identifier(names[0]), image, force)
    else:
        _several(session, names, None if image is None else _folder(image), force)


def _one(session: Session, name: str, image: str | None, force: bool) -> None:
    target = session.gallery.get(channel=session.channel, identifier=name)
    if image is not None:
        picture = session.gallery.picture(channel=session.channel, identifier=name)
        if image == "-":
            session.binary(picture)
            return
        folder = Path(image).is_dir()
        write_file(_named(Path(image), name, picture) if folder else image, picture, overwrite=force)
    session.record(target_record(target), name=target.identifier, lines=target_lines(target))


def _several(session: Session, names: list[str], folder: Path | None, force: bool) -> None:
    answer = session.answer(TARGETS)
    for name in names:
        try:
            answer.item(_read(session, valid_identifier(name), folder, force))
        except ChannelNotFound:
            raise
        except (NotFound, PictureRefused, FileExists) as error:
            answer.fault(error.about(name))
    session.end(answer, {})


def _read(session: Session, name: str, folder: Path | None, force: bool) -> Target:
    target = session.gallery.get(channel=session.channel, identifier=name)
    if folder is not None:
        picture = session.gallery.picture(channel=session.channel, identifier=name)
        write_file(_named(folder, name, picture), picture, overwrite=force)
    return target


def _named(folder: Path, name: str, picture: bytes) -> Path:
    return folder / f"{name}{'.png' if picture.startswith(_PNG) else '.jpg'}"


def _folder(image: str) -> Path:
    if not Path(image).is_dir():
        raise UsageError(
            f"--image {image} is not a folder, but there are several targets", hint="name a folder"
        )
    return Path(image)
