"""Progress on stderr: a bar for people, lines of JSON for programs that request them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from arcli.console.streams import Streams

if TYPE_CHECKING:
    from rich.progress import Task

Advance = Callable[[], None]


@contextmanager
def progress(
    streams: Streams, label: str, total: int | None, *, done: int = 0, visible: bool
) -> Iterator[Advance]:
    """Yield a function to call when one more is done; a bar shows it if stderr is a terminal.

    `done`: how many were done before; they count neither for the rate nor for the time left.
    """
    if not visible or streams.quiet or not streams.terminal("stderr"):
        yield _nothing
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(TextColumn):
        """How many a second, recently."""

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
        streams.clear = bar.stop
        task = bar.add_task(label, total=total, completed=done)
        yield lambda: bar.advance(task)


@contextmanager
def progress_lines(streams: Streams, label: str, total: int | None, *, done: int = 0) -> Iterator[Advance]:
    """Yield a function to call when one more is done; lines of JSON report it, at most one a second.

    The last line comes at the end, even if not all is done. The rate is that of the whole run so far.
    """
    begun = shown = monotonic()
    before = done

    def tell() -> None:
        rate = (done - before) / max(monotonic() - begun, 1e-3)
        left = round((total - done) / rate, 1) if total is not None and rate else None
        record = {"progress": label, "done": done, "total": total}
        streams.say(json.dumps({**record, "per_second": round(rate, 1), "seconds_left": left}))

    def advance() -> None:
        nonlocal done, shown
        done += 1
        if monotonic() - shown >= 1:
            shown = monotonic()
            tell()

    try:
        yield advance
    finally:
        tell()


def _nothing() -> None:
    return None
