"""The answer of one command: items as they come, their errors, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Generic

from arcli.console.faults import SOME_FAILED
from arcli.console.formats import Ending, Sink, to_json
from arcli.console.items import Item
from arcli.errors import ArcliError
from arcli.files import Spool


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
