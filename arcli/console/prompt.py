"""Questions to a person at a terminal."""

from __future__ import annotations

import sys

from arcli.console.text import printable
from arcli.errors import ConfirmationRequired, Declined, Interrupted


def confirm(question: str, *, yes: bool) -> None:
    """Return when the answer is yes.

    Raises ConfirmationRequired where nobody can be asked, Declined for any other answer than yes,
    Interrupted at the end of input.
    """
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfirmationRequired(f"not confirmed: {question}")
    print(f"{printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print(file=sys.stderr)
        raise Interrupted("interrupted")
    if answer.strip().lower() not in ("y", "yes"):
        raise Declined("declined: nothing was changed")


def ask_secret(question: str) -> str:
    """Return a secret, typed without echo or, where stdin is no terminal, its first line.

    Raises Interrupted when nothing comes.
    """
    if sys.stdin.isatty():
        from getpass import getpass

        secret = getpass(question, stream=sys.stderr)
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise Interrupted("no secret was given")
    return secret
