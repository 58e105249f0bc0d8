"""A progress bar on stderr, for people only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from arcli.console.streams import Streams

if TYPE_CHECKING:
    from rich.progress import Task

Advance = Callable[[], None]


@contextmanager
def progress(
    streams: Streams, label: str, total: int | None, *, done: int = 0, visible: bool
) -> Iterator[Advance]:
    """Give a function that says "one more is done"; a bar shows it where stderr is a terminal.

    `done`: how many were before, which count neither into the rate nor into the time left.
    """
    if not visible or streams.quiet or not streams.terminal("stderr"):
        yield _nothing
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(TextColumn):
        """How many a second, lately."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.1f}/s" if task.speed else "")

    console = Console(stderr=True, no_color=not streams.colour("stderr"))
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(""),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(label, total=total, completed=done)
        yield lambda: bar.advance(task)


def _nothing() -> None:
    return None
