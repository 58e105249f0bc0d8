"""Which identifiers a channel held before we began to add, which decides what a lost answer was.

An AddImage whose answer was lost, followed by 20016, counts as added only if the identifier was absent before
(docs/reference/protocols.md, "What goes wrong on the way").
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from arcli.errors import TargetNotFound
from arcli.models import Target, TargetPage


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceSizes:
    """When a listing is cheaper than asking for each item.

    single (1 to 100): items requested one by one before the whole listing is fetched; a page holds about 100.
    largest (10,000 to 1,000,000): targets, the largest channel that is listed; in a larger one every item is
    requested. Chosen, not measured.
    """

    single: int = 32
    largest: int = 100_000


SIZES = PresenceSizes()


class Presence:
    """`get` requests one target, `pages` yields the channel's listing. Threads may share it."""

    def __init__(
        self,
        get: Callable[[str], Target],
        pages: Callable[[], Iterator[TargetPage]],
        *,
        single: int = SIZES.single,
    ) -> None:
        self._get, self._pages, self._single = get, pages, single
        self._known: set[str] | None = None
        self._asked = 0
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()
        self._landed = threading.Condition()

    def before(self, identifier: str) -> bool:
        """Return whether `identifier` was there. Raises ChannelNotFound."""
        with self._lock:
            self._asked += 1
            if self._asked == self._single + 1:
                self._known = self._listing()
            if self._known is not None:
                return identifier in self._known
        try:
            self._get(identifier)
        except TargetNotFound:
            return False
        return True

    def note(self, identifier: str) -> None:
        """Remember that `identifier` is in the channel now."""
        with self._lock:
            if self._known is not None:
                self._known.add(identifier)

    @contextmanager
    def alone(self, identifier: str) -> Iterator[None]:
        """Keep other threads from adding the same identifier: it may occur twice in a batch."""
        with self._landed:
            self._landed.wait_for(lambda: identifier not in self._in_flight)
            self._in_flight.add(identifier)
        try:
            yield
        finally:
            with self._landed:
                self._in_flight.discard(identifier)
                self._landed.notify_all()

    def _listing(self) -> set[str] | None:
        known: set[str] = set()
        for page in self._pages():
            if page.totalcount > SIZES.largest:
                return None
            known.update(target.identifier for target in page.targets)
        return known
