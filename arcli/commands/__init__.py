"""The verbs, one a module, loaded when they are used.

`VERBS` lists them in the order of a newcomer's needs, each with the first line of its help (a test
compares), so that `arcli --help` imports none of them. The module of a verb has a function of the verb's
name, or `app`, a Typer with its sub-commands.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer

from arcli.console.command import ArcliCommand, RootGroup

VERBS = {
    "ls": "List the targets of a channel, ordered by identifier.",
    "rm": "Remove targets from a channel; asks first.",
}


def new_app(**settings: Any) -> typer.Typer:
    """Return a Typer without what costs start time: rich's help alone takes 100 ms of CPU."""
    return typer.Typer(
        rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False, **settings
    )


class Program(RootGroup):
    """`arcli`."""

    verbs = VERBS

    def load(self, name: str) -> Any:
        module = import_module(f"arcli.commands.{name}")
        app = getattr(module, "app", None)
        if app is None:
            app = new_app()
            app.command(name, cls=ArcliCommand)(getattr(module, name))
        command = typer.main.get_command(app)
        command.name = name
        return command
