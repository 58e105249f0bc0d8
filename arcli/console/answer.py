"""The answer of one command: its envelope, items as they come, their errors, and the exit status."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from arcli.console.faults import SOME_FAILED
from arcli.console.items import Item, ItemView, Record
from arcli.errors import ArcliError
from arcli.files import Spool

ENVELOPE_VERSION = 1
Write = Callable[[str], None]
# What JSON may hold unescaped but a terminal must not get: C1 controls, bidirectional overrides, separators.
_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def to_json(value: object) -> str:
    """Return one line of JSON that is safe to display. Raises ValueError for NaN and infinity."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    return _STEERING.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def envelope(command: str, status: str, data: Record | None, errors: Sequence[ArcliError]) -> Record:
    """Return the one object that a command answers; its keys are an API (docs/reference/json.md)."""
    return {
        "arcli": ENVELOPE_VERSION,
        "command": command,
        "status": status,
        "data": data,
        "errors": [error.as_record() for error in errors],
    }


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended. `data`: what JSON has besides the items."""

    command: str
    status: str
    data: Mapping[str, Any]


class Sink(ABC, Generic[Item]):
    """Receives items and failures as they come, then the end."""

    def __init__(self, view: ItemView[Item], write: Write) -> None:
        self.view = view
        self.write = write

    @abstractmethod
    def item(self, item: Item, /) -> None:
        """Receive one item."""

    def failed(self, item: Item, error: ArcliError, /) -> None:
        """Receive one item that failed."""
        self.item(item)
        self.failure(error)

    def failure(self, _error: ArcliError, /) -> None:
        """Receive a failure that belongs to no item."""

    def close(self, ending: Ending, /) -> None:
        """End the answer."""

    def abort(self, ending: Ending, error: ArcliError, /) -> None:
        """End the answer: `error` stopped the command."""
        self.failure(error)
        self.close(ending)


class ItemStream(Generic[Item]):
    """Collects what a command has to show; `report` informs the user of a failure.

    `late`: failures are shown at the end, after the items, where a person reads them.
    """

    def __init__(
        self, command: str, sink: Sink[Item], report: Callable[[ArcliError], ArcliError], *, late: bool
    ) -> None:
        self.command = command
        self.status = 0
        self.closed = False
        self._first: ArcliError | None = None
        self._late = Spool() if late else None
        self._sink = sink
        self._report = report

    def item(self, item: Item, error: ArcliError | None = None) -> None:
        """Show one item; `error`: it failed, and the others go on."""
        if error is None:
            self._sink.item(item)
        else:
            self._sink.failed(item, self._shown(error))

    def fault(self, error: ArcliError) -> None:
        """Record a failure that belongs to no item."""
        self._sink.failure(self._shown(error))

    def _shown(self, error: ArcliError) -> ArcliError:
        if self._late is None:
            error = self._report(error)
        else:
            self._late.add(to_json(error.as_record()))
        self._first = self._first or error
        return error

    def close(self, data: dict[str, Any], *, single: bool = False, otherwise: int = 0) -> None:
        """End the answer. `single`: one item was given, so its exit status is the command's.

        `otherwise` is the exit status when nothing failed.
        """
        failed = self._first is not None
        self.status = otherwise
        if self._first is not None:
            self.status = self._first.exit_status if single else SOME_FAILED
        word = "partial" if self.status == SOME_FAILED and failed else "error" if failed else "ok"
        self.closed = True
        self._sink.close(Ending(self.command, word, data))
        self._tell_late()

    def abort(self, error: ArcliError) -> None:
        """End the answer with the error that stopped the command; items that were shown remain."""
        self.status = error.exit_status
        self.closed = True
        self._sink.abort(Ending(self.command, "error", {}), error)
        self._tell_late()

    def _tell_late(self) -> None:
        for line in self._late.lines() if self._late is not None else ():
            self._report(ArcliError.from_record(json.loads(line)))
