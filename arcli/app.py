"""The Typer application, and the one place where an error becomes an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Annotated, Any, Protocol

import typer

from arcli.commands import Program
from arcli.console.faults import as_arcli_error, is_call_for_help
from arcli.console.session import Session
from arcli.console.streams import ClosedPipe, reserve_standard_streams
from arcli.console.typer_classes import command_name, new_app
from arcli.errors import Interrupted

_BUG = 70
_DISTRIBUTION = "arcli-gallery"


class Interruptible(Protocol):
    """Knows whether Ctrl-C was pressed; inside `telling` the user is informed of it."""

    pressed: bool

    def telling(self) -> AbstractContextManager[None]: ...


def main(
    argv: Sequence[str] | None = None,
    *,
    interrupts: Interruptible | None = None,
    began: float | None = None,
) -> int:
    """Run a command line and return its exit status. `began`: when the process began."""
    reserve_standard_streams()
    arguments = _as_options(list(sys.argv[1:] if argv is None else argv))
    session = Session(arguments, os.environ, began)
    try:
        status = _run(arguments, session)
        session.close()
    except ClosedPipe:
        return session.status
    except SystemExit as leave:  # Typer exits like this after completion, or when help meets a closed pipe
        return 0 if isinstance(leave.__context__, BrokenPipeError) else int(leave.code or 0)
    except BaseException as error:
        return _failed(error, session, interrupts)
    return status


def _as_options(arguments: list[str]) -> list[str]:
    """Return `help` and `version`, which people try first, turned into the options that they mean."""
    match arguments:
        case ["help", *command]:
            return [*command, "--help"]
        case ["version", *options]:
            return ["--version", *options]
    return arguments


def _run(arguments: list[str], session: Session) -> int:
    status = build().main(arguments, prog_name="arcli", standalone_mode=False, obj=session)
    return status if isinstance(status, int) else session.status


def _failed(error: BaseException, session: Session, interrupts: Interruptible | None) -> int:
    """Show the error, in the format that was asked for."""
    fault = as_arcli_error(error)
    pressed = interrupts is not None and interrupts.pressed
    if pressed and fault.exit_status == _BUG:  # a library turned it into another exception
        fault = Interrupted("interrupted")
    if is_call_for_help(error) and not session.json_wanted:
        typer.echo(str(error), err=True)
        return fault.exit_status
    if context := getattr(error, "ctx", None):
        session.command = command_name(context)
    if "ARCLI_DEBUG" in os.environ or (session.verbose and fault.exit_status == _BUG):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    with suppress(ClosedPipe, OSError):
        session.fail(fault, interrupts.telling() if interrupts is not None and pressed else nullcontext())
    with suppress(Exception):  # the failure has been reported; another one while exiting adds nothing
        session.close()
    return fault.exit_status


def build() -> Any:
    """Build the command tree; verbs load themselves when they are used."""
    app = new_app(
        cls=Program,
        add_completion=True,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_root)
    return typer.main.get_command(app)


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Say which arcli this is; with --verbose, what is installed with it.",
            is_eager=True,
            callback=_version,
        ),
    ] = False,
) -> None:
    """Image-recognition galleries on the command line.

    `arcli help COMMAND` explains a command, `arcli version` says which arcli this is.
    """


def _version(ctx: typer.Context, asked: bool) -> None:
    if asked:
        from arcli import __version__

        typer.echo(f"arcli {__version__}")
        if Session.of(ctx).asked_verbose:
            for line in _installed():
                typer.echo(line)
        raise typer.Exit


def _installed() -> Iterator[str]:
    """Yield what a bug report should state: Python, the system, and each library that arcli uses."""
    import platform
    import re
    from importlib.metadata import PackageNotFoundError, requires
    from importlib.metadata import version as version_of

    yield f"Python {platform.python_version()} at {sys.prefix}"
    yield f"{platform.system()} {platform.release()} {platform.machine()}"
    try:
        needed = requires(_DISTRIBUTION) or []
    except PackageNotFoundError:
        yield f"{_DISTRIBUTION} is not installed: this arcli runs from its sources"
        return
    for name in dict.fromkeys(re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0] for line in needed):
        if name != _DISTRIBUTION:
            try:
                yield f"{name} {version_of(name)}"
            except PackageNotFoundError:
                yield f"{name} not installed"
