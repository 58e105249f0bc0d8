"""Options that more than one command has, and those that every command has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from arcli.console.complete import channels, identifiers, profiles
from arcli.settings import Format


def _flag(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    """Note a common option in the session; given after the command, it beats the one before."""
    if value not in (None, False) and param.name and ctx.obj is not None:
        name, text = ("format", Format.JSON.value) if param.name == "json" else (param.name, str(value))
        ctx.obj.flags[name] = text
    return value


def _number(value: float | None) -> float | None:
    """Refuse NaN, which no range refuses."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number")
    return value


def common(
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Profile to use.",
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
            help="Data folder of the embedded engine.",
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
            help="Channel.",
            callback=_flag,
            expose_value=False,
            autocompletion=channels,
        ),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        Format | None,
        typer.Option("--format", "-f", help="How to print the answer.", callback=_flag, expose_value=False),
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
            "--verbose", "-v", help="Say more, with tracebacks.", callback=_flag, expose_value=False
        ),
    ] = False,
) -> None:
    """Carry the declarations of the options that every command has."""


def common_params() -> Sequence[Any]:
    """Return the common options as Typer builds them, ready to be put into a command."""
    from typer.main import get_params_convertors_ctx_param_name_from_function

    return get_params_convertors_ctx_param_name_from_function(common)[0]


COMMON_NAMES = frozenset(common.__annotations__) - {"return"}

IdentifierArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Identifier of the target.", autocompletion=identifiers)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", min=1, metavar="N", help="Pictures at a time. Default: as fits the machine."
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        "--threshold", min=0, max=1, metavar="SCORE", help="Instead of the channel's.", callback=_number
    ),
]
MetadataOption = Annotated[
    str | None,
    typer.Option("--metadata", metavar="JSON|@FILE", help="Metadata: JSON text, or a file of it."),
]
MatchRatioOption = Annotated[
    str | None,
    typer.Option(
        "--match-ratio", metavar="RATIO", help="Lowest score at which this target counts as found, 0 to 1."
    ),
]
ImagesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE…", help="Pictures or folders; - is stdin: a picture, or paths of pictures."
    ),
]
NulOption = Annotated[
    bool, typer.Option("--null", "-0", help="Paths on stdin end with NUL, as from find -print0.")
]
MinLevelOption = Annotated[
    int | None,
    typer.Option("--min-level", min=1, max=5, metavar="N", help="Refuse pictures below this level."),
]
