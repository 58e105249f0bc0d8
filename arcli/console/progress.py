"""Progress on stderr: a bar for people, lines of JSON for programs that request them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, RLock, Thread
from time import monotonic
from typing import TYPE_CHECKING

from arcli.console.streams import Streams

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, Task

Advance = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarOptions:
    """appears (0.2 to 2 s): what takes less shows no bar, which would only flicker. again (0.05 to 0.5 s):
    between two drawings. rated (5 to 100): things done before their rate means something. words (40 to 60
    columns): label, numbers, rate and time beside the bar. widest (20 to 80) and narrowest (5 to 10): columns
    of the bar itself.
    """

    appears: float = 0.4
    again: float = 0.1
    rated: int = 10
    words: int = 50
    widest: int = 40
    narrowest: int = 5


BAR = BarOptions()
# Colours of the terminal's own palette, which are readable on dark and on light.
_STYLES = {"bar.complete": "green", "bar.finished": "green", "bar.pulse": "green", "bar.back": "bright_black"}
_PLAIN = ("progress.description", "progress.download", "progress.remaining")


@contextmanager
def progress(streams: Streams, label: str, total: int | None, *, done: int = 0) -> Iterator[Advance]:
    """Yield a function to call when one more is done; a bar shows it if stderr is a terminal.

    `done`: how many were done before; they count neither for the rate nor for the time left.
    """
    if streams.quiet or not streams.terminal("stderr"):
        yield _nothing
        return
    counted, console = _made(colour=streams.colour("stderr"))
    task = counted.add_task(label, total=total, completed=done, before=done)
    bar = ProgressBar(counted, console)
    streams.bar = bar
    try:
        yield lambda: counted.advance(task)
    finally:
        streams.bar = None
        bar.close()


class ProgressBar:
    """The last line of a terminal, until closed; what is printed goes above it."""

    def __init__(self, counted: Progress, console: Console) -> None:
        self._counted = counted
        self._console = console
        self._lock = RLock()
        self._drawn = False
        self._closed = Event()
        self._thread = Thread(target=self._keep_drawing, daemon=True)
        self._thread.start()

    def _keep_drawing(self) -> None:
        wait = BAR.appears
        while not self._closed.wait(wait):
            with self._lock, suppress(OSError):  # a terminal that has gone
                self.draw()
            wait = BAR.again

    @contextmanager
    def away(self) -> Iterator[None]:
        """Inside this block the line of the bar is free."""
        with self._lock:
            drawn = self._drawn
            self._erase()
            yield
            if drawn and not self._closed.is_set():
                self.draw()

    def close(self) -> None:
        """Erase the bar for good."""
        self._closed.set()
        with self._lock:
            self._erase()

    def draw(self) -> None:
        """Draw in one write, so that no terminal shows the line empty in between."""
        from rich.segment import Segments

        if self._closed.is_set():
            return
        room = self._console.options.update_width(self._console.width - 1)  # a full line would go on below
        line = self._console.render_lines(self._counted.get_renderable(), room, pad=False)[0]
        with self._console:
            self._erase()
            self._console.print(Segments(line), end="")
        self._drawn = True

    def _erase(self) -> None:
        from rich.control import Control
        from rich.segment import ControlType

        if self._drawn:
            self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
        self._drawn = False


def _rated(task: Task) -> bool:
    return task.completed - int(task.fields["before"]) >= BAR.rated


def _made(*, colour: bool) -> tuple[Progress, Console]:
    """Return what counts, and the console on stderr that draws it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text
    from rich.theme import Theme

    class Rate(TextColumn):
        """How many a second, recently."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.1f}/s" if task.speed and _rated(task) else "")

    class Left(TimeRemainingColumn):
        """What is left at this rate."""

        def render(self, task: Task) -> Text:
            return super().render(task) if _rated(task) else Text("")

    theme = Theme({**dict.fromkeys(_PLAIN, "none"), **_STYLES})
    console = Console(stderr=True, no_color=not colour, theme=theme, highlight=False)
    whole = Column(no_wrap=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(max(BAR.narrowest, min(BAR.widest, console.width - BAR.words))),
        MofNCompleteColumn(table_column=whole),
        Rate(""),
        Left(table_column=whole),
    )
    return Progress(*columns, console=console, auto_refresh=False), console


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
