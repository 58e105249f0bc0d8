"""What went wrong: turns any exception into an ArcliError, and passes warnings on."""

from __future__ import annotations

import errno
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

from arcli import system
from arcli.console.names import NAMES
from arcli.console.text import ranges_in_words
from arcli.errors import (
    MORE_FILES,
    ArcliError,
    DiskFull,
    Interrupted,
    LimitExceeded,
    MemoryLimit,
    ResourceLimit,
    StorageNotWritable,
    UnreadablePicture,
    UsageError,
)

SOME_FAILED = 3
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_MEMORY = ("Cannot allocate memory", "failed to map segment", "Insufficient memory")
_SOME_FILES = 8  # what imports, a store and its logs open at the same time, at least
_DEEPEST = 10  # how many causes of an error are examined
_TYPERS = {
    r"^No such option:? '?(--?[^\s'.]+).*": r"no such option: \1",
    r"^Got unexpected extra arguments?(?:\(s\))? \((.*)\)": r"unexpected argument: \1",
    r"^Option '(.*)' requires an argument": r"\1 needs a value",
    r"^Invalid value for '(.*?)'(?: / '.*?')?: ": r"\1: ",
    r"is not a valid int(?:eger)?(?: range)?": "is not a whole number",
    r"is not a valid float(?: range)?": "is not a number",
    r"is not in the range (.*?)\.?$": r"is out of range (\1)",
}
"""What Typer says about a command line, and the same in one sentence."""
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_NAME = {errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR}


def as_arcli_error(error: BaseException) -> ArcliError:
    """Return the ArcliError that tells the user what `error` means."""
    if isinstance(error, ArcliError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("interrupted")
    if exhausted := _exhausted(error):
        return exhausted
    if isinstance(error, OSError):
        return _from_os(error)
    if isinstance(error, UnicodeEncodeError):  # only file names may hold bytes that are no text
        return UsageError(f"{error.object[:100]!r} is not text: it holds bytes that are not UTF-8")
    if hasattr(error, "format_message"):  # what Typer raises for a command line that it cannot parse
        return _from_usage(error)
    if not system.can_open(
        _SOME_FILES
    ):  # e.g. a module half imported by another thread that had no handle left
        return ResourceLimit("too many open files", hint=MORE_FILES)
    return _bug(error)


def is_call_for_help(error: BaseException) -> bool:
    """Say whether `error` is Typer's for a group without a command; its text is the help."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _exhausted(error: BaseException) -> LimitExceeded | None:
    """Return the error for what the machine ran out of, judged by the error, its causes and its message."""
    cause: BaseException | None = error
    for _ in range(_DEEPEST):
        if cause is None:
            return None
        number = cause.errno if isinstance(cause, OSError) else None
        said = str(cause)
        memory = isinstance(cause, MemoryError) or number == errno.ENOMEM
        if memory or any(words in said for words in _NO_MEMORY):
            return MemoryLimit("out of memory")
        if number in (errno.EMFILE, errno.ENFILE) or "Too many open files" in said:
            return ResourceLimit("too many open files", hint=MORE_FILES)
        if "can't start new thread" in said or (number == errno.EAGAIN and _starts_process(cause)):
            hint = "end other processes of this user, use fewer --jobs, or raise the limit (ulimit -u)"
            return ResourceLimit("no more threads or processes can be started", hint=hint)
        cause = cause.__cause__ or cause.__context__
    return None


def _starts_process(error: BaseException) -> bool:
    names = {frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)}
    return bool(names & {"_fork_exec", "_execute_child", "spawnv_passfds", "fork"})


def _from_os(error: OSError) -> ArcliError:
    where = f"{error.filename}: " if error.filename else ""
    sentence = f"{where}{error.strerror or error}"
    if error.errno in _NO_SPACE:
        return DiskFull(sentence)
    if error.errno in _NOT_ALLOWED:
        return StorageNotWritable(sentence)
    if error.errno == errno.EIO:
        return UnreadablePicture(sentence)
    if error.errno in _NO_NAME:
        return UsageError(f"{error.strerror}: {str(error.filename)[:100]}")
    return _bug(error)


def _from_usage(error: BaseException) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "arcli"
    if is_call_for_help(error):
        return UsageError("missing command", hint=f"run: {path} --help")
    sentence = ranges_in_words(str(getattr(error, "format_message")()))  # noqa: B009 - not in its type
    for pattern, words in _TYPERS.items():
        sentence = re.sub(pattern, words, sentence)
    guesses = getattr(error, "possibilities", None) or ()
    near = sorted(
        get_close_matches(getattr(error, "option_name", ""), guesses, cutoff=NAMES.alike) or guesses
    )
    hint = f"did you mean: {' or '.join(near)}" if near else f"run: {path} --help"
    return UsageError(sentence[:1].lower() + sentence[1:].rstrip("."), hint=hint)


def _bug(error: BaseException) -> ArcliError:
    """Return the error of a bug: its class and place, but not its message, which might hold a secret."""
    place = ""
    if frames := traceback.extract_tb(error.__traceback__):
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
    return ArcliError(
        f"internal error: {type(error).__name__}{place}",
        hint="this is a bug in arcli: please report it with what --verbose (or ARCLI_DEBUG=1) prints",
    )


class WarningHandler(logging.Handler):
    """Passes each warning under the logger "arcli" on to `warn`, until closed."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._warn = warn
        logging.getLogger("arcli").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._warn(record.getMessage())

    def close(self) -> None:
        logging.getLogger("arcli").removeHandler(self)
        super().close()


@contextmanager
def interruptible(done: Callable[[], str], hint: str) -> Iterator[None]:
    """On Ctrl-C, report what was done (`done`) and how to continue (`hint`). Raises Interrupted."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(f"interrupted: {done()}", hint=hint) from error
