"""The answer of one command: its envelope, items as they come, their errors, the status at the end."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from arcli.console.faults import SOME_FAILED, batch_status
from arcli.console.items import Item, ItemView, Record
from arcli.errors import ArcliError

ENVELOPE_VERSION = 1
Write = Callable[[str], None]


def to_json(value: object) -> str:
    """Return one line of JSON; what is not finite has no place in it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)


def envelope(command: str, status: str, data: Record | None, errors: Sequence[ArcliError]) -> Record:
    """Return the one object that a command answers; its keys are an API (docs/json.md)."""
    return {
        "arcli": ENVELOPE_VERSION,
        "command": command,
        "status": status,
        "data": data,
        "errors": [error.as_record() for error in errors],
    }


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended. `data` is what stands beside the items."""

    command: str
    status: str
    data: Mapping[str, Any]
    errors: Sequence[ArcliError]

    def envelope(self, data: Record | None) -> str:
        return to_json(envelope(self.command, self.status, data, self.errors)) + "\n"


class Sink(ABC, Generic[Item]):
    """Takes items as they come, then the end."""

    def __init__(self, view: ItemView[Item], write: Write) -> None:
        self.view = view
        self.write = write

    @abstractmethod
    def item(self, item: Item, /) -> None:
        """Take one item."""

    def failed(self, item: Item, _error: ArcliError, /) -> None:
        """Take one item that failed."""
        self.item(item)

    def close(self, ending: Ending, /) -> None:
        """Nothing more will come."""

    def abort(self, ending: Ending, /) -> None:
        """Nothing more will come: the last of the errors stopped the command."""
        self.close(ending)


class ItemStream(Generic[Item]):
    """Collects what a command has to say; `report` tells the user of an item's error at once."""

    def __init__(self, command: str, sink: Sink[Item], report: Callable[[ArcliError], ArcliError]) -> None:
        self.command = command
        self.errors: list[ArcliError] = []
        self.status = 0
        self.closed = False
        self._sink = sink
        self._report = report

    def item(self, item: Item, error: ArcliError | None = None) -> None:
        """Show one item; `error` says that it failed. Others go on."""
        if error is None:
            self._sink.item(item)
        else:
            self._sink.failed(item, self.fault(error))

    def fault(self, error: ArcliError) -> ArcliError:
        """Note a failure that no item shows; return it as the user was told it."""
        told = self._report(error)
        self.errors.append(told)
        return told

    def close(self, data: dict[str, Any], *, single: bool = False, otherwise: int = 0) -> None:
        """End the answer. `single`: one item was named, so its status is the command's.

        `otherwise` is the exit status when nothing failed.
        """
        self.status = batch_status(self.errors, single=single) or otherwise
        word = "ok" if not self.errors else "partial" if self.status == SOME_FAILED else "error"
        self.closed = True
        self._sink.close(Ending(self.command, word, data, self.errors))

    def abort(self, error: ArcliError) -> None:
        """End the answer with what stopped the whole command; what was shown stays shown."""
        self.errors.append(error)
        self.status = error.exit_status
        self.closed = True
        self._sink.abort(Ending(self.command, "error", {}, self.errors))
