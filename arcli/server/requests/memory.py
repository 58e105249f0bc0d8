"""How many bytes of request bodies a process holds at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from arcli.errors import Busy


class Memory:
    """`limit` bytes of bodies in all; what would go over it is refused while it arrives."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """Hold what one request brings until it is answered. A body that stalls holds next to nothing."""
        lease = Lease(self)
        try:
            yield lease
        finally:
            self.held -= lease.taken

    def take(self, size: int) -> None:
        """Raises Busy."""
        if self.held + size > self._limit:
            raise Busy("the server is busy: too much is being sent to it")
        self.held += size


class Lease:
    """What one request holds."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.taken = 0

    def take(self, size: int) -> None:
        """Raises Busy."""
        self._memory.take(size)
        self.taken += size
