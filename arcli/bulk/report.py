"""The report of a load or of many lookups: one line with a JSON object for each item, in order.

A run that was killed continues it.

A line is written after the gallery has acknowledged its item, so a report never claims more than what is
stored. It may have less (after a kill in between, or a power loss before the lines reached the disk): missing
items are found again in the gallery, so lines need no fsync of their own; the file gets one at the end.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Generic, Self, TypeVar

from arcli.errors import ArcliError, Conflict, FileExists, Locked, UsageError
from arcli.files import hold
from arcli.models import AddResult, AddStatus, Hint

Result = TypeVar("Result")
_LINE_ENDS = {ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}  # line breaks to some readers of text


def json_line(record: dict[str, Any]) -> bytes:
    """Return `record` as one line of UTF-8; an odd byte of a file name becomes its JSON escape."""
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    return text.translate(_LINE_ENDS).encode("utf-8", "backslashreplace") + b"\n"


def item_object(result: AddResult) -> dict[str, Any]:
    """Return one of the `items[]` objects; only a failed one has `error`."""
    item: dict[str, Any] = {
        "image": result.image,
        "identifier": result.identifier or None,
        "status": result.status.value,
        "level": result.level,
        "hints": [{"code": h.code, "message": h.message, "advice": h.advice} for h in result.hints],
    }
    if result.error is not None:
        item["error"] = result.error.as_record()
    return item


def result_of(item: dict[str, Any]) -> AddResult:
    """Rebuild the result from an object. Raises KeyError, TypeError, ValueError for any other object."""
    error = item.get("error")
    return AddResult(
        image=str(item["image"]),
        identifier=item["identifier"] or "",
        status=AddStatus(item["status"]),
        level=item["level"],
        hints=tuple(Hint(**hint) for hint in item["hints"]),
        error=ArcliError.from_record(error) if error else None,
    )


@dataclass(frozen=True, slots=True)
class LineForm(Generic[Result]):
    """The form of a line: `write` turns a result into its object, `read` turns it back.

    `read` raises KeyError, TypeError or ValueError for any other object. Objects begin with `image`.
    """

    write: Callable[[Result], dict[str, Any]]
    read: Callable[[dict[str, Any]], Result]


ADDITIONS = LineForm(item_object, result_of)


def start_path(report: Path) -> Path:
    """Return where a load with this report keeps the state that the channel had before."""
    return report.with_name(report.name + ".start")


class ReportFile(Generic[Result]):
    """A report that is open for writing, locked against a second run. Close it, or use it in `with`.

    begun: the report existed before, so this run continues it. lines: how many items it had then.
    """

    def __init__(
        self, path: Path, file: IO[bytes], form: LineForm[Result], *, begun: bool, lines: int
    ) -> None:
        self.path, self.form = path, form
        self.begun, self.lines = begun, lines
        self._file = file

    @classmethod
    def open(cls, path: Path, form: LineForm[Result], *, resume: bool) -> Self:
        """Create a report, or with `resume` open and mend the existing one.

        Raises FileExists, Locked (another run writes it), Conflict (the file is not a report), UsageError
        (no such folder), OSError.
        """
        try:
            if not os.path.lexists(path):
                start_path(path).unlink(missing_ok=True)  # left by a load whose report was removed
            flags = os.O_RDWR | os.O_CREAT | (0 if resume else os.O_EXCL)
            descriptor = os.open(path, flags, 0o644)
        except FileExistsError as error:
            hint = "continue it with --resume, or name another file"
            raise FileExists(f"the report {path} exists already", hint=hint, item=str(path)) from error
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise UsageError(f"the report {path} cannot be written: {error.strerror}") from error
        file = os.fdopen(descriptor, "r+b")
        try:
            if not hold(file.fileno(), timeout=0):
                raise Locked(f"another command is writing the report {path}", item=str(path))
            begun, lines = _mend(file, path, form)
        except BaseException:
            file.close()
            raise
        return cls(path, file, form, begun=begun, lines=lines)

    def results(self) -> Iterator[Result]:
        """Yield what was reported before this run."""
        with self.path.open("rb") as file:
            for line in file:
                yield self.form.read(json.loads(line))

    def write(self, result: Result) -> None:
        """Append one line; from then on it survives a kill of this process."""
        self._file.write(json_line(self.form.write(result)))
        self._file.flush()

    def close(self) -> None:
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _mend(file: IO[bytes], path: Path, form: LineForm[Any]) -> tuple[bool, int]:
    """Cut off a torn last line, leave `file` at its end; return whether it had content, and its lines.

    Raises Conflict for a line in the middle that is not a report's: then it is some other file.
    """
    good = lines = 0
    torn: int | None = None
    for number, line in enumerate(file, start=1):
        if torn is not None:
            raise Conflict(f"{path}: line {torn} is not a line of a report", hint="give the right file")
        if _is_line(line, form):
            good, lines = good + len(line), number
        else:
            torn = number
    if torn == 1 and not _may_be_torn(path):
        raise Conflict(f"{path} is not a report of arcli", hint="give the right file", item=str(path))
    begun = file.seek(0, os.SEEK_END) > 0
    file.truncate(good)
    file.seek(good)
    return begun, lines


def _is_line(line: bytes, form: LineForm[Any]) -> bool:
    try:
        form.read(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return line.endswith(b"\n")


def _may_be_torn(path: Path) -> bool:
    """Say whether a single broken line begins like a report's line: only then is it cut off."""
    with path.open("rb") as file:
        head = file.read(10)
    start = b'{"image": '
    return head == start[: len(head)] or not head.strip(b"\0")
