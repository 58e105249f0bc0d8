"""The answer of one command: items as they come, their errors, the status at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic

from arcli.console.faults import SOME_FAILED, batch_status
from arcli.console.sinks import Ending, Sink
from arcli.console.view import Item
from arcli.errors import ArcliError


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
