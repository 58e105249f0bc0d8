"""What every arcli command is: a Typer command with the common options, Ctrl-C, closed pipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, cast

import typer
from typer.core import TyperCommand, TyperGroup

from arcli.console.names import NAMES, channels, profiles
from arcli.console.streams import ClosedPipe
from arcli.console.text import ranges_in_words
from arcli.errors import Interrupted, UsageError
from arcli.settings import Format


def new_app(**settings: Any) -> typer.Typer:
    """Return a Typer without rich's help, which takes 100 ms of CPU at each start."""
    plain: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}
    return typer.Typer(**{**plain, "add_completion": False, **settings})


def _flag(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    """Record a common option in the session; one after the command overrides one before it."""
    if value not in (None, False) and param.name and ctx.obj is not None:
        name, text = ("format", Format.JSON.value) if param.name == "json" else (param.name, str(value))
        ctx.obj.flags[name] = text
    return value


def common(
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Profile to use: settings saved under a name by `arcli profile add`.",
            callback=_flag,
            expose_value=False,
            autocompletion=profiles,
        ),
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(
            "--data-dir",
            metavar="DIR",
            help="Data folder of the embedded engine, which holds its channels.",
            callback=_flag,
            expose_value=False,
        ),
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option(
            "--channel",
            "-c",
            metavar="NAME",
            help="Channel: a named set of targets. Default: the profile's, else default.",
            callback=_flag,
            expose_value=False,
            autocompletion=channels,
        ),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        Format | None,
        typer.Option(
            "--format",
            "-f",
            help="How to print the answer; excel is csv that Excel reads in any script.",
            callback=_flag,
            expose_value=False,
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Short for --format json.", callback=_flag, expose_value=False)
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Only errors on stderr.", callback=_flag, expose_value=False),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Show more, including tracebacks.", callback=_flag, expose_value=False
        ),
    ] = False,
) -> None:
    """Declare the options that every command has."""


def common_params() -> Sequence[Any]:
    """Return the common options as Typer builds them, ready to be put into a command."""
    from typer.main import get_params_convertors_ctx_param_name_from_function

    return get_params_convertors_ctx_param_name_from_function(common)[0]


COMMON_NAMES = frozenset(common.__annotations__) - {"return"}


class ArcliCommand(TyperCommand):
    """A verb. It also takes every common option, and lists these separately in its help."""

    def __init__(self, *args: Any, params: list[Any] | None = None, **attributes: Any) -> None:
        super().__init__(*args, params=[*(params or []), *common_params()], **attributes)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [_bare(piece) for piece in super().collect_usage_pieces(ctx)]

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

    words: ClassVar[Mapping[str, str]] = {
        "list": "ls",
        "delete": "rm",
        "remove": "rm",
        "new": "create",
        "make": "create",
        "get": "show",
    }
    """What a verb is called in other programs."""
    heads: ClassVar[tuple[str, ...]] = ()
    """Words that are understood in the place of a verb."""

    def __init__(self, *, params: list[Any] | None = None, **attributes: Any) -> None:
        super().__init__(params=[*(params or []), *common_params()], **attributes)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb. Raises UsageError, which names the one that was probably meant."""
        word = args[0]
        if word in self.commands or word.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        verb = self._meant(word.lower())
        hint = (
            f"run: {ctx.command_path} --help" if verb is None else f"did you mean: {ctx.command_path} {verb}"
        )
        raise UsageError(f"no such command: {word}", hint=hint)

    def _meant(self, word: str) -> str | None:
        ours = {name: verb for name, verb in self.words.items() if verb.split(" ")[0] in self.commands}
        ours |= {name: name for name in (*self.commands, *self.heads)}
        near = [word] if word in ours else get_close_matches(word, ours, n=1, cutoff=NAMES.alike)
        return ours[near[0]] if near else None

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the verbs, which people look for, before the options."""
        self.format_commands(ctx, formatter)
        own = [p for p in self.get_params(ctx) if p.name not in COMMON_NAMES]
        shared = [p for p in self.get_params(ctx) if p.name in COMMON_NAMES]
        _section(ctx, formatter, "Options", own)
        _section(ctx, formatter, "Common options", shared)

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_line(command.help)) for name, command in self.commands.items()])


class RootGroup(ArcliGroup):
    """The program: it knows its verbs by name and first line of help, and loads the one that is used."""

    verbs: Mapping[str, str]
    heads = ("help", "version")
    words: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("search", "lookup", "query", "match", "recognize", "recognise", "identify"), "find"),
        **dict.fromkeys(("delete", "remove", "del", "unregister"), "rm"),
        **dict.fromkeys(("upload", "import", "insert", "put", "register", "create"), "add"),
        **dict.fromkeys(("list", "dir", "targets"), "ls"),
        **dict.fromkeys(("edit", "change", "set", "modify", "rename"), "update"),
        **{"show": "get", "info": "get", "statistics": "stats", "rate": "check", "validate": "check"},
        **{"evaluate": "eval", "measure": "eval", "mirror": "sync", "dump": "export", "download": "export"},
        **{"server": "serve", "daemon": "serve", "verify": "doctor", "repair": "doctor --repair"},
        **{"channels": "channel ls", "accounts": "account ls", "user": "account", "users": "account ls"},
        **{"profiles": "profile ls", "config": "profile show", "login": "profile add"},
    }

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys(self.verbs, cast(Any, None))  # names for Typer's "did you mean"

    def load(self, name: str) -> Any:
        """Import a verb and return its command."""
        raise NotImplementedError

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """Return a verb, None for a name that is not one."""
        if cmd_name in self.verbs and self.commands[cmd_name] is None:
            self.commands[cmd_name] = self.load(cmd_name)
        return self.commands.get(cmd_name)

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.verbs.items()))


def _first_line(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split())


def _section(ctx: Any, formatter: Any, title: str, params: list[Any]) -> None:
    records = [record for p in params if (record := p.get_help_record(ctx)) is not None]
    if records:
        with formatter.section(title):
            formatter.write_dl([(_bare(name), ranges_in_words(text)) for name, text in records])


def _bare(metavar: str) -> str:
    """Return a required argument without the braces that Typer puts around it."""
    return metavar[1:-1] if metavar.startswith("{") and metavar.endswith("}") else metavar


def command_name(ctx: typer.Context) -> str:
    """Return the command without the program's name: "find", "channel create"."""
    return " ".join(ctx.command_path.split()[1:])
