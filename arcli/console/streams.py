"""The standard streams: data out in UTF-8, words on stderr, a closed pipe."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping

from arcli.console.text import printable

_PLAIN = "\x1b[0m"
_LABELS = {"error": "\x1b[1;31m", "warning": "\x1b[1;35m", "hint": "\x1b[1m"}  # read on dark and on light
# What a terminal without UTF-8 shows instead of the few characters of arcli's own that are not ASCII.
_ASCII = str.maketrans({"…": "~", "█": "#", "░": ".", **dict.fromkeys("▏▎▍▌▋▊▉", "#"), "×": "x"})


class ClosedPipe(Exception):
    """The reader of our output has closed it."""


def reserve_standard_streams() -> None:
    """Put /dev/null where a standard stream is closed, so that no data file takes its number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one


class Streams:
    """stdout for data, stderr for words. `keep_going`: work goes on after the reader has left."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.quiet = False
        self.keep_going = False
        self.clear: Callable[[], None] | None = None  # takes a progress bar away before something is printed
        self._colour = "NO_COLOR" not in environ or not environ["NO_COLOR"]
        self._closed = False

    def write(self, text: str) -> None:
        """Write data. A lone surrogate (an odd byte of a file name) becomes its JSON escape.

        Raises ClosedPipe when the output is no longer read, unless `keep_going`.
        """
        encoding = sys.stdout.encoding if sys.stdout is not None and self.terminal("stdout") else "utf-8"
        if encoding.lower().replace("-", "") != "utf8":
            text = text.translate(_ASCII)
        self.write_bytes(text.encode(encoding, "backslashreplace"))

    def write_raw(self, text: str) -> None:
        """Write data whose odd bytes of file names go out as they came in."""
        self.write_bytes(text.encode("utf-8", "surrogateescape"))

    def write_bytes(self, data: bytes) -> None:
        if self._closed or sys.stdout is None:
            return
        if self.clear is not None and self.terminal("stdout"):
            self.clear()
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError as error:
            self.leave()
            if not self.keep_going:
                raise ClosedPipe from error
        except (
            OSError
        ):  # a full disk: what is left in the buffer would fail once more at exit, with status 120
            self.leave()
            raise

    def leave(self) -> None:
        """Send what is still buffered nowhere, so that the interpreter's exit stays quiet."""
        self._closed = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def say(self, text: str) -> None:
        """Write a line for people on stderr, unless --quiet."""
        if not self.quiet:
            self.complain(text)

    def complain(self, text: str, *, label: str = "") -> None:
        """Write a line on stderr even with --quiet; it is not an error if stderr is gone."""
        line = printable(text)
        if label:
            colour = _LABELS[label] if self.colour("stderr") else ""
            line = f"{colour}{label}:{_PLAIN if colour else ''} {line}"
        try:
            print(line, file=sys.stderr, flush=True)
        except OSError:
            return

    def colour(self, stream: str) -> bool:
        """Say whether `stream` ("stdout" or "stderr") may have colours."""
        return self._colour and self.terminal(stream)

    def terminal(self, stream: str) -> bool:
        """Say whether a person looks at `stream`."""
        file = getattr(sys, stream)
        return file is not None and file.isatty() and os.environ.get("TERM") != "dumb"

    def width(self) -> int | None:
        """Return the columns of the terminal that shows stdout; None where it is not one."""
        return shutil.get_terminal_size().columns if self.terminal("stdout") else None
