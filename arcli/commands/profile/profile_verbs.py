"""`arcli profile …`: settings kept under a name."""

from __future__ import annotations

from typing import Annotated

import typer

from arcli.commands.profile.add import add
from arcli.commands.profile.profile_views import PROFILES, SETTINGS, Listed, shown
from arcli.console.names import profiles
from arcli.console.session import Session
from arcli.console.typer_classes import ArcliCommand, ArcliGroup, new_app
from arcli.settings import ProfileFile, resolve

app = new_app(cls=ArcliGroup, no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Profile.", autocompletion=profiles)]


@app.callback()
def profile() -> None:
    """Keep settings under a name."""


app.command(cls=ArcliCommand)(add)


@app.command(cls=ArcliCommand)
def ls(ctx: typer.Context) -> None:
    """List the profiles.

    The kind of a profile is what it talks to: a folder on this machine, or a service.

    Example: arcli profile ls
    """
    session = Session.of(ctx)
    file = ProfileFile.of_user()
    current = session.settings.profile.value
    listed = [Listed(file.get(name), name == current) for name in file.names()]
    session.show(PROFILES, listed, file=str(file.path))


@app.command(cls=ArcliCommand)
def show(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Profile. Default: the one in use.", autocompletion=profiles),
    ] = None,
) -> None:
    """Show each setting and where it comes from: flag, environment, profile or default.

    The kind of a profile is what it talks to: a folder on this machine, or a service.

    Example: arcli profile show
    """
    session = Session.of(ctx)
    flags = session.flags if name is None else {**session.flags, "profile": name}
    settings = resolve(flags=flags, environ=session.environ)
    session.show(SETTINGS, shown(settings), profile=settings.profile.value)


@app.command(cls=ArcliCommand)
def use(ctx: typer.Context, name: NameArgument) -> None:
    """Use a profile whenever none is named.

    Example: arcli profile use shop
    """
    session = Session.of(ctx)
    ProfileFile.of_user().use(name)
    session.record({"name": name, "current": True}, name=name, lines=())
    session.say(f"using profile {name}")


@app.command(cls=ArcliCommand)
def rm(ctx: typer.Context, name: NameArgument) -> None:
    """Remove a profile; the data that it points to are kept.

    Example: arcli profile rm shop
    """
    session = Session.of(ctx)
    ProfileFile.of_user().remove(name)
    session.record({"name": name, "removed": True}, name=name, lines=())
    session.say(f"profile {name} removed")
