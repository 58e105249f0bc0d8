"""A bar keeps the last line of a terminal to itself: rows go above it, nothing is left of it at the end."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from arcli.console import progress as module
from arcli.console.progress import BarOptions, progress
from arcli.console.streams import Streams
from tests.cli.processes import at_terminal

PATIENCE = 120  # seconds, for a busy machine
ROWS = [f"row {number}" for number in range(5)]


class Terminal(io.StringIO):
    """A terminal of one column of lines: what a person sees, and the most that a line ever had."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self.name_of_encoding = encoding
        self.written = Event()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.name_of_encoding

    @property
    def buffer(self) -> Any:
        return self

    def isatty(self) -> bool:
        return True

    def write(self, text: str | bytes) -> int:
        self.written.set()
        return super().write(text.decode() if isinstance(text, bytes) else text)

    def seen(self) -> list[str]:
        """Return the lines as they are when all was written."""
        lines = [""]
        for part in re.split(r"(\r|\n|\x1b\[2K|\x1b\[[0-9;]*m)", self.getvalue()):
            if part == "\n":
                lines.append("")
            elif part == "\x1b[2K":
                lines[-1] = ""
            elif part and part != "\r" and not part.endswith("m"):
                lines[-1] += part
        return [line for line in lines if line]


def at(monkeypatch: pytest.MonkeyPatch, *, columns: int = 80, encoding: str = "utf-8") -> Terminal:
    """Return a terminal that is stdout and stderr; not in a fixture, after which pytest takes them back."""
    screen = Terminal(encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(module, "BAR", BarOptions(appears=1000))
    return screen


def drawn(streams: Streams) -> None:
    """Draw the bar once more, as its thread does each moment."""
    assert streams.bar is not None
    streams.bar.draw()


def test_rows_and_messages_appear_above_a_running_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at(monkeypatch)
    streams = Streams({})
    with progress(streams, "looking up", len(ROWS)) as advance:
        for number, row in enumerate(ROWS):
            drawn(streams)
            streams.write(row + "\n")
            advance()
            *above, last = terminal.seen()
            assert above == ROWS[: number + 1]
            assert last.startswith("looking up"), "it is there again at once"
        streams.complain("careful", label="warning")
        drawn(streams)
    streams.complain("5 photos")
    assert terminal.seen() == [*ROWS, "warning: careful", "5 photos"]
    assert "\x1b[?25l" not in terminal.getvalue(), "a process that is killed would leave no cursor"


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_a_bar_never_needs_a_second_line(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at(monkeypatch, columns=columns)
    streams = Streams({})
    with progress(streams, "looking up", 1_000_000, done=999_000) as advance:
        for _ in range(20):
            advance()
        drawn(streams)
    bars = [part for part in re.split(r"\r\x1b\[2K|\x1b\[[0-9;]*m", terminal.getvalue()) if part]
    assert bars
    assert sum(map(len, bars)) < columns
    assert "\n" not in terminal.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_without_utf_8_there_is_a_bar_and_no_question_mark(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = at(monkeypatch, encoding=encoding)
    streams = Streams({"NO_COLOR": "1"})
    with progress(streams, "looking up", 4) as advance:
        advance()
        drawn(streams)
        streams.write("a long nam… ×2\n")
    assert "-----" in terminal.getvalue()
    assert "a long nam~" in terminal.getvalue()
    terminal.getvalue().encode(encoding)
    assert "\x1b[3" not in terminal.getvalue(), "no colour"


def test_an_odd_byte_changes_nothing_else_where_there_is_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at(monkeypatch)
    Streams({}).write("a\udce9…\n")
    assert terminal.getvalue() == "a\\udce9…\n"


def test_a_pipe_ends_the_bar_for_whoever_reads_it_may_write_to_the_same_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = at(monkeypatch)
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as rows, os.fdopen(writer, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        streams = Streams({})
        with progress(streams, "looking up", 4) as advance:
            drawn(streams)
            streams.write("row\n")
            advance()
            assert terminal.seen() == []
            assert streams.bar is None
        assert rows.read(4) == b"row\n"


def test_what_is_done_at_once_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at(monkeypatch)
    with progress(Streams({}), "looking up", 1) as advance:
        advance()
    assert terminal.getvalue() == ""


def test_a_bar_appears_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at(monkeypatch)
    monkeypatch.setattr(module, "BAR", BarOptions(appears=0))
    with progress(Streams({}), "looking up", 1):
        assert terminal.written.wait(PATIENCE)
    assert terminal.seen() == []


def test_rates_come_when_they_mean_something(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at(monkeypatch)
    streams = Streams({})
    with progress(streams, "looking up", 100, done=50) as advance:
        advance()
        advance()
        drawn(streams)
        assert "/s" not in terminal.seen()[-1]
        for _ in range(10):
            advance()
        drawn(streams)
        drawn(streams)
        assert "/s" in terminal.seen()[-1]


def test_ctrl_c_at_a_question_leaves_it_on_its_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert at_terminal(tmp_path, "channel", "create", "posters", answers={})[0] == 0
    status, screen = at_terminal(tmp_path, "channel", "rm", "posters", answers={r"\[y/N\] ": "\x03"})
    assert status == 130
    lines = screen.replace("\r\x1b[K", "").splitlines()
    assert lines[-2].startswith("Remove channel posters")
    assert "error:" in lines[-1]
    assert "^C" not in lines[-1]
