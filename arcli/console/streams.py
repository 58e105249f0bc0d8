"""The standard streams: data on stdout in UTF-8, messages on stderr, closed pipes."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING

from arcli.console.text import printable

if TYPE_CHECKING:
    from arcli.console.progress import ProgressBar

_PLAIN = "\x1b[0m"
_LABELS = {"error": "\x1b[1;31m", "warning": "\x1b[1;35m", "hint": "\x1b[1m"}  # readable on dark and on light
# What a terminal without UTF-8 shows instead of the few non-ASCII characters in arcli's messages.
_ASCII = str.maketrans({"…": "~", "█": "#", "░": ".", **dict.fromkeys("▏▎▍▌▋▊▉", "#"), "×": "x"})


class ClosedPipe(Exception):
    """The reader of our output has closed the pipe."""


def reserve_standard_streams() -> None:
    """Open /dev/null in place of a closed standard stream, so that no data file gets its number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one


class Streams:
    """stdout for data, stderr for messages. `keep_going`: continue after the reader has left."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.quiet = False
        self.keep_going = False
        self.bar: ProgressBar | None = None
        self._colour = "NO_COLOR" not in environ or not environ["NO_COLOR"]
        self._closed = False

    def write(self, text: str) -> None:
        """Write data. A lone surrogate (an odd byte of a file name) becomes its JSON escape.

        Raises ClosedPipe when the output is no longer read, unless `keep_going`.
        """
        encoding = self._encoding()
        self.write_bytes(_spelled(text, encoding).encode(encoding, "backslashreplace"))

    def write_raw(self, text: str) -> None:
        """Write data; odd bytes of file names are written as they were read."""
        self.write_bytes(text.encode("utf-8", "surrogateescape"))

    def write_bytes(self, data: bytes) -> None:
        if self._closed or sys.stdout is None:
            return
        try:
            with self._above_bar():
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
        except BrokenPipeError as error:
            self.leave()
            if not self.keep_going:
                raise ClosedPipe from error
        except OSError:  # a full disk: the rest of the buffer would fail once more at exit, with status 120
            self.leave()
            raise

    def _above_bar(self) -> AbstractContextManager[None]:
        """Make room for data on the terminal; whoever reads a pipe may write there too, so its bar ends."""
        if (
            self.bar is not None
            and sys.stdout is not None
            and not self.terminal("stdout")
            and _is_pipe(sys.stdout.fileno())
        ):
            self.bar.close()
            self.bar = None
        return self.away()

    def away(self) -> AbstractContextManager[None]:
        """Return a context in which no bar is in the way."""
        return nullcontext() if self.bar is None else self.bar.away()

    def begin_line(self) -> None:
        """Erase what a terminal wrote on the current line, such as its ^C."""
        if self.terminal("stderr"):
            with suppress(OSError):
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def leave(self) -> None:
        """Discard what is still buffered, so that the interpreter exits quietly."""
        self._closed = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def say(self, text: str) -> None:
        """Write a line for people on stderr, unless --quiet."""
        if not self.quiet:
            self.complain(text)

    def complain(self, text: str, *, label: str = "") -> None:
        """Write a line on stderr even with --quiet; it is not an error if stderr is gone."""
        if sys.stderr is None:
            return
        line = printable(text)
        if label:
            colour = _LABELS[label] if self.colour("stderr") else ""
            line = f"{colour}{label}:{_PLAIN if colour else ''} {line}"
        try:
            with self.away():
                print(_spelled(line, sys.stderr.encoding), file=sys.stderr, flush=True)
        except OSError:
            return

    @property
    def draws(self) -> bool:
        """Whether stdout is a terminal that shows block characters in colours."""
        return self.colour("stdout") and self._utf8()

    def _encoding(self) -> str:
        return sys.stdout.encoding if sys.stdout is not None and self.terminal("stdout") else "utf-8"

    def _utf8(self) -> bool:
        return self._encoding().lower().replace("-", "") == "utf8"

    def colour(self, stream: str) -> bool:
        """Say whether `stream` ("stdout" or "stderr") may be coloured."""
        return self._colour and self.terminal(stream)

    def terminal(self, stream: str) -> bool:
        """Say whether `stream` is a terminal."""
        file = getattr(sys, stream)
        return file is not None and file.isatty() and os.environ.get("TERM") != "dumb"

    def width(self) -> int | None:
        """Return the columns of stdout's terminal; None if it is not a terminal."""
        return shutil.get_terminal_size().columns if self.terminal("stdout") else None


def _spelled(text: str, encoding: str) -> str:
    """Return text with ASCII in place of what arcli itself writes, if the encoding lacks any."""
    if not encoding.lower().startswith("utf"):
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            return text.translate(_ASCII)
    return text


def _is_pipe(number: int) -> bool:
    mode = os.fstat(number).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
