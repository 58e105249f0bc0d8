"""Typer's command classes with what every arcli command has: the common options, Ctrl-C, a closed pipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from arcli.console.options import COMMON_NAMES, common_params
from arcli.console.streams import ClosedPipe
from arcli.errors import Interrupted


class ArcliCommand(TyperCommand):
    """A verb. It also takes every common option, and lists these apart in its help."""

    def __init__(self, *args: Any, params: list[Any] | None = None, **attributes: Any) -> None:
        super().__init__(*args, params=[*(params or []), *common_params()], **attributes)

    def invoke(self, ctx: Any) -> Any:
        ctx.obj.command = command_name(ctx)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted") from error
        except BrokenPipeError as error:
            raise ClosedPipe from error

    def format_options(self, ctx: Any, formatter: Any) -> None:
        own = [p for p in self.get_params(ctx) if p.name not in COMMON_NAMES]
        shared = [p for p in self.get_params(ctx) if p.name in COMMON_NAMES]
        _section(ctx, formatter, "Arguments", [p for p in own if p.param_type_name == "argument"])
        _section(ctx, formatter, "Options", [p for p in own if p.param_type_name == "option"])
        _section(ctx, formatter, "Common options", shared)


class ArcliGroup(TyperGroup):
    """A group of verbs, listed in the order of a newcomer's needs. It takes the common options too."""

    def __init__(self, *, params: list[Any] | None = None, **attributes: Any) -> None:
        super().__init__(params=[*(params or []), *common_params()], **attributes)


class RootGroup(ArcliGroup):
    """The program: knows its verbs by name and first line of help, and loads the one that is used."""

    verbs: Mapping[str, str]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys(self.verbs, cast(Any, None))  # names for Typer's "did you mean"

    def load(self, name: str) -> Any:
        """Import a verb and return its command."""
        raise NotImplementedError

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """Return a verb, None for a name that is none."""
        if cmd_name in self.verbs and self.commands[cmd_name] is None:
            self.commands[cmd_name] = self.load(cmd_name)
        return self.commands.get(cmd_name)

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.verbs.items()))


def _section(ctx: Any, formatter: Any, title: str, params: list[Any]) -> None:
    records = [record for p in params if (record := p.get_help_record(ctx)) is not None]
    if records:
        with formatter.section(title):
            formatter.write_dl(records)


def command_name(ctx: typer.Context) -> str:
    """Return the command without the program: "find", "channel create"."""
    return " ".join(ctx.command_path.split()[1:])
