"""How often and how much: rates by leaky buckets, and the bytes of bodies held at a time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from arcli.errors import Busy

_MOST_KEYS = 50_000  # addresses and accounts remembered; the longest idle are forgotten first


class Buckets:
    """One leaky bucket a key: `burst` at once, then `rate` a second."""

    def __init__(self, *, burst: float, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._rate, self._clock = burst, rate, clock
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def has_room(self, key: Hashable) -> bool:
        """Say whether one more fits, without taking it."""
        return self._level(key) + 1 <= self._burst

    def take(self, key: Hashable) -> bool:
        """Put one in; False when the bucket is full (then nothing is added)."""
        level = self._level(key)
        fits = level + 1 <= self._burst
        self._levels[key] = (level + fits, self._clock())
        self._levels.move_to_end(key)
        while len(self._levels) > _MOST_KEYS:
            self._levels.popitem(last=False)
        return fits

    def _level(self, key: Hashable) -> float:
        level, at = self._levels.get(key, (0.0, 0.0))
        return max(0.0, level - (self._clock() - at) * self._rate)


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
