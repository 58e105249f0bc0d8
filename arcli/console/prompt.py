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
