"""The verbs, one per module, loaded when they are used.

`VERBS` lists them in the order of a newcomer's needs, each with the first line of its help (a test compares),
so that `arcli --help` imports none of them. A verb's module has a function with the verb's name, or `app`, a
Typer with its sub-commands.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer

from arcli.console.typer_classes import ArcliCommand, RootGroup, new_app

VERBS = {
    "add": "Put pictures into a channel.",
    "find": "Say which targets photos show, and where.",
    "ls": "List the targets of a channel, ordered by identifier.",
    "rm": "Remove targets from a channel; asks first.",
    "get": "Show all that is known about a target, or write its kept picture.",
    "update": "Change targets; what is not given stays as it is.",
    "check": "Rate pictures before they are added: how well they will be found, duplicates; writes nothing.",
    "eval": "Measure recognition on your own photos: what is found, missed, mistaken; counts nothing.",
    "sync": "Make a channel equal to a folder, a manifest, or a channel of another profile.",
    "export": "Write a channel's targets and pictures into a folder.",
    "stats": "Show how often targets were found, by day (UTC).",
    "channel": "Make, show, change and remove channels.",
    "backup": "Write all channels, accounts and keys into a folder, checked; what has not changed, once.",
    "restore": "Make an empty data folder from what `backup` wrote: all of it, or nothing.",
    "migrate": "Move channels between a data folder and a cluster: as they are, compared target by target.",
    "account": "Administer who may use `serve`: accounts, keys, grants.",
    "serve": "Serve the data folder over the ARCloud and Tupu protocols.",
    "profile": "Keep settings under a name.",
    "doctor": "Check stores, indexes and settings, of all channels or of --channel.",
}


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
