"""The entry point of `arcli` and `python -m arcli`: Ctrl-C at any time gives one sentence and status 130."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from time import perf_counter
from types import FrameType

INTERRUPTED, EXHAUSTED, BUG = 130, 11, 70
_HEADROOM = {"numpy": 160 << 20, "cv2": 256 << 20, "hnswlib": 32 << 20, "faiss": 384 << 20}
"""Bytes of address space: what loading each takes (83, 170, 1 and 323 MB), and some to work with."""
_MOMENT = 0.01  # seconds; a destructor has finished by then


class Interrupts:
    """What Ctrl-C does: the first raises KeyboardInterrupt, the second ends the process at once.

    Whenever that is, what was acknowledged is on disk, and worker processes end with this one.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._informed = False

    def install(self) -> None:
        """Take the signal over, unless the parent of this process ignores it (nohup, a job of sh)."""
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self.press)
            sys.unraisablehook = self._swallowed

    def press(self, _number: int, _frame: FrameType | None) -> None:
        if self.pressed:
            self.leave()
        self.pressed = True
        raise KeyboardInterrupt

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Inform the user inside this block, once; Ctrl-C waits until the block has ended."""
        if not hasattr(signal, "pthread_sigmask"):  # signals cannot be held back there
            yield
            self._informed = True
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
            self._informed = True
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def leave(self) -> None:
        """End the process without waiting for anything."""
        try:
            if not self._informed:
                os.write(2, b"\r\x1b[K" * os.isatty(2) + b"error: interrupted\n")
        finally:
            os._exit(INTERRUPTED)

    def _swallowed(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Raise it again a moment later if it arrived where nothing can be raised (in a destructor)."""
        if hasattr(signal, "setitimer") and isinstance(unraisable.exc_value, KeyboardInterrupt):
            signal.signal(signal.SIGALRM, self._again)
            signal.setitimer(signal.ITIMER_REAL, _MOMENT)
        else:
            sys.__unraisablehook__(unraisable)

    def _again(self, _number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt


class Headroom(MetaPathFinder):
    """Raises MemoryError before a library is loaded that would end the process where memory is short.

    OpenBLAS leaves with status 1, which says that nothing was found; faiss with a segmentation fault.
    """

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname in _HEADROOM:
            from arcli.system import has_room

            if not has_room(_HEADROOM[fullname]):
                raise MemoryError(f"no room to load {fullname}")


def main() -> int:
    """Run the command line of this process and return its exit status."""
    began, interrupts = perf_counter(), Interrupts()
    try:
        interrupts.install()
        sys.meta_path.insert(0, Headroom())
        from arcli import app

        status = app.main(interrupts=interrupts, began=began)
        if interrupts.pressed and status == INTERRUPTED:
            interrupts.leave()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done; there is nothing left to interrupt
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupts.leave()
    except Exception as error:  # before the application could be loaded, or while it reported an error
        return _failed(error)
    return status


def _failed(error: Exception) -> int:
    """Return the status of a bug, never Python's 1, which says that nothing was found."""
    scarce = isinstance(error, MemoryError | OSError) or "cannot open shared object" in str(error)
    what = "the machine ran out of memory or another resource" if scarce else "internal error"
    with suppress(Exception):
        os.write(2, f"error: {what}: {type(error).__name__}\n".encode())
        if os.environ.get("ARCLI_DEBUG"):
            import traceback

            traceback.print_exception(error)
    return EXHAUSTED if scarce else BUG


if __name__ == "__main__":
    sys.exit(main())
