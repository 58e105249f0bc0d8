"""`arcli profile …`: settings kept under a name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arcli.commands.apps import new_app
from arcli.commands.profile_view import PROFILES, SETTINGS, Listed, shown
from arcli.console.command import ArcliCommand, ArcliGroup
from arcli.console.session import Session
from arcli.models import valid_channel_name
from arcli.settings import Format, Kind, Profile, ProfileFile, resolve

app = new_app(cls=ArcliGroup, no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Profile.")]


@app.callback()
def profile() -> None:
    """Keep settings under a name."""


@app.command(cls=ArcliCommand)
def add(
    ctx: typer.Context,
    name: NameArgument,
    kind: Annotated[Kind, typer.Option("--kind", help="What it talks to.")] = Kind.LOCAL,
    default_format: Annotated[
        Format | None, typer.Option("--default-format", help="How it prints answers.")
    ] = None,
    use: Annotated[bool, typer.Option("--use", help="Use it from now on.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a profile of this name.")] = False,
) -> None:
    """Add a profile; it keeps the --channel and --data-dir given here.

    Example: arcli profile add shop --data-dir /srv/arcli --channel posters
    """
    session = Session.of(ctx)
    values: dict[str, str] = {"kind": kind.value}
    if "data_dir" in session.flags:
        values["data_dir"] = str(Path(session.flags["data_dir"]).expanduser().absolute())
    if "channel" in session.flags:
        values["channel"] = valid_channel_name(session.flags["channel"])
    if default_format is not None:
        values["format"] = default_format.value
    profiles = ProfileFile.of_user()
    profiles.add(Profile(name, values), replace=replace)
    if use:
        profiles.use(name)
    session.record({"name": name, **values}, name=name)


@app.command(cls=ArcliCommand)
def ls(ctx: typer.Context) -> None:
    """List the profiles.

    Example: arcli profile ls
    """
    session = Session.of(ctx)
    profiles = ProfileFile.of_user()
    current = session.settings.profile.value
    listed = [Listed(profiles.get(name), name == current) for name in profiles.names()]
    session.show(PROFILES, listed, file=str(profiles.path))


@app.command(cls=ArcliCommand)
def show(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Profile. Default: the one in use.")
    ] = None,
) -> None:
    """Show each setting and where it comes from: flag, environment, profile or default.

    Example: arcli profile show
    """
    session = Session.of(ctx)
    flags = session.flags if name is None else {**session.flags, "profile": name}
    settings = resolve(flags=flags, environ=session.environ)
    session.show(SETTINGS, shown(settings), profile=settings.profile.value)


@app.command(cls=ArcliCommand)
def use(ctx: typer.Context, name: NameArgument) -> None:
    """Use a profile wherever none is named.

    Example: arcli profile use shop
    """
    session = Session.of(ctx)
    ProfileFile.of_user().use(name)
    session.record({"name": name, "current": True}, name=name, lines=())
    session.say(f"using profile {name}")


@app.command(cls=ArcliCommand)
def rm(ctx: typer.Context, name: NameArgument) -> None:
    """Forget a profile; the data that it names stay.

    Example: arcli profile rm shop
    """
    session = Session.of(ctx)
    ProfileFile.of_user().remove(name)
    session.record({"name": name, "removed": True}, name=name, lines=())
    session.say(f"profile {name} removed")
