"""How often and how much: rates by leaky buckets, and the bytes of request bodies held at a time."""

from __future__ import annotations

import asyncio
import hashlib
import mmap
import secrets
import struct
import tempfile
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from arcli.errors import Busy
from arcli.store.protocols import AttemptLevels
from arcli.system import locked_range


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTuning:
    """rows (4,096 to 4 M): keys that are remembered; 65,536 take 1.5 MB. ways (2 to 32): rows in which a key
    may be: the more, the longer the fullest are kept, and the longer a look-up takes.
    """

    rows: int = 1 << 16
    ways: int = 8


TABLE = TableTuning()


_ROW = struct.Struct("<Qdd")  # digest of the key, level, and its time (monotonic: one clock per machine)


class BucketTable:
    """Levels of leaky buckets in a file that all processes of a server map; the fullest are kept longest.

    A key's row depends on a digest with the table's own secret, so that nobody can aim at another's.
    """

    def __init__(self, path: Path | None = None) -> None:
        """`path`: a shared table that `make` made; None: a table of this process alone."""
        self._file = tempfile.TemporaryFile() if path is None else path.open("r+b")  # noqa: SIM115
        if path is None:
            self._file.write(_empty_table())
            self._file.flush()
        self._file.seek(0)
        self._secret = self._file.read(32)
        self._map = mmap.mmap(self._file.fileno(), 32 + TABLE.rows * _ROW.size)
        self._guard = threading.Lock()

    def close(self) -> None:
        self._map.close()
        self._file.close()

    @property
    def name(self) -> str:
        """What tells this table from those of other machines; all processes that map it see the same."""
        return hashlib.blake2b(b"name", digest_size=8, key=self._secret).hexdigest()

    @staticmethod
    def make(path: Path) -> Path:
        """Make an empty table for processes that will be started."""
        path.write_bytes(_empty_table())
        return path

    def update(self, key: Hashable, change: Callable[[float, float], tuple[float, float]]) -> None:
        """Replace a key's (level, when) with what `change` makes of it, atomically over processes."""
        digest = hashlib.blake2b(repr(key).encode(errors="replace"), digest_size=8, key=self._secret).digest()
        number = int.from_bytes(digest, "little") | 1  # 0 is an empty row
        with self._guard, locked_range(self._file.fileno()):
            at = self._row(number)
            known, level, when = _ROW.unpack_from(self._map, at)
            level, when = change(level, when) if known == number else change(0.0, 0.0)
            _ROW.pack_into(self._map, at, number, level, when)

    def _row(self, number: int) -> int:
        """Return a key's row, or the emptiest row that it may take."""
        first = number % (TABLE.rows // TABLE.ways) * TABLE.ways
        places = [32 + (first + way) * _ROW.size for way in range(TABLE.ways)]
        rows = [(_ROW.unpack_from(self._map, at), at) for at in places]
        known = next((at for (key, _, _), at in rows if key == number), None)
        return known if known is not None else min(rows, key=lambda row: (row[0][1], row[0][2]))[1]


def _empty_table() -> bytes:
    return secrets.token_bytes(32) + bytes(TABLE.rows * _ROW.size)


class Buckets:
    """One leaky bucket per key: `burst` at once, then `rate` a second."""

    def __init__(
        self,
        name: str,
        *,
        burst: float,
        rate: float,
        table: AttemptLevels,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._burst, self._rate = name, burst, rate
        self._table, self._clock = table, clock

    def has_room(self, key: Hashable) -> bool:
        """Say whether one more fits, without taking it."""
        return self._level(key) + 1 <= self._burst

    def take(self, key: Hashable) -> bool:
        """Put one in; False when the bucket is full (then nothing is added)."""
        fits = False

        def added(level: float, when: float) -> tuple[float, float]:
            nonlocal fits
            now = self._clock()
            level = max(0.0, level - (now - when) * self._rate)
            fits = level + 1 <= self._burst
            return level + fits, now

        self._table.update((self._name, key), added)
        return fits

    def add(self, key: Hashable, times: int, *, age: float) -> None:
        """Put in what another server put into its own `age` seconds ago, as far as it has not leaked."""
        more = max(0.0, times - age * self._rate)

        def added(level: float, when: float) -> tuple[float, float]:
            now = self._clock()
            return min(self._burst, max(0.0, level - (now - when) * self._rate) + more), now

        self._table.update((self._name, key), added)

    def _level(self, key: Hashable) -> float:
        result = 0.0

        def leaked(level: float, when: float) -> tuple[float, float]:
            nonlocal result
            now = self._clock()
            result = max(0.0, level - (now - when) * self._rate)
            return result, now

        self._table.update((self._name, key), leaked)
        return result


class Pacer:
    """Limits the requests of each address to `most` a second; to fewer while the event loop is busy.

    A sender of few requests never waits; a sender of many waits before the request is read.
    """

    def __init__(self, most: float, tuning: PaceTuning) -> None:
        self._most, self._tuning = most, tuning
        self.rate = most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str, units: float = 1.0) -> float:
        """Count `units` and return how many seconds their sender must wait."""
        level, when = self._levels.get(address, (0.0, 0.0))
        now = time.monotonic()
        level = max(0.0, level - (now - when) * self.rate) + units
        self._levels[address] = (level, now)
        self._levels.move_to_end(address)
        if len(self._levels) > self._tuning.most_addresses:
            self._levels.popitem(last=False)
        return max(0.0, level - self.rate * self._tuning.burst_seconds - self._tuning.burst) / self.rate

    def adjust(self, busy: float) -> None:
        """Slow down or speed up, according to the share of its time that the event loop was busy.

        A lone sender is not slowed: nobody waits for it.
        """
        if busy > self._tuning.busy and self._several():
            self.rate = max(self._tuning.least, self.rate * self._tuning.slower)
        elif busy < self._tuning.busy * self._tuning.slower:
            self.rate = min(self._most, self.rate * self._tuning.faster)

    def _several(self) -> bool:
        """Say whether more than one address sent something in the last two seconds."""
        latest = list(islice(reversed(self._levels.values()), 2))
        return len(latest) > 1 and latest[1][1] > time.monotonic() - 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceTuning:
    """When callers are slowed down.

    busy (0.2 to 0.6): they are when the event loop takes a larger share of a core; from about half on, photos
    that are looked up in other threads wait for the interpreter. least (2 to 10): requests a second that an
    address may always send. burst, burst_seconds: what it may send at once. unit_bytes: so many bytes of a
    body count as a request; both cost about a millisecond. patience: the longest wait, in seconds.
    most_addresses (10,000 to 1 M): that are remembered. slower (0.3 to 0.9): the factor of a rate while the
    event loop is busy; faster (1.1 to 2): while it is less busy than that share of `busy`.
    """

    busy: float = 0.35
    least: float = 5.0
    burst: float = 8.0
    burst_seconds: float = 2.0
    unit_bytes: int = 256 * 1024
    patience: float = 10.0
    most_addresses: int = 50_000
    slower: float = 0.6
    faster: float = 1.3


class Memory:
    """Limits the bytes of all request bodies to `limit`.

    If a body would exceed it, one that is still arriving from the address that holds most is given up; the
    body itself is refused only if that is its own address.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._leases: set[Lease] = set()
        self._by_address: Counter[str] = Counter()
        self.held = 0

    @contextmanager
    def lease(self, address: str = "") -> Iterator[Lease]:
        """Hold the memory of one request until it is answered."""
        lease = Lease(self, address)
        self._leases.add(lease)
        try:
            yield lease
        finally:
            self._leases.discard(lease)
            self.give_back(lease)

    def take(self, lease: Lease, size: int) -> None:
        """Raises Busy."""
        while self.held + size > self._limit:
            victim = self._heaviest(lease.address)
            if victim is None:
                raise Busy("the server is busy: too much is being sent to it")
            self.give_back(victim)
            victim.end()
        self.held += size
        self._by_address[lease.address] += size
        lease.taken += size

    def give_back(self, lease: Lease) -> None:
        self.held -= lease.taken
        self._by_address[lease.address] -= lease.taken
        if self._by_address[lease.address] <= 0:
            del self._by_address[lease.address]
        lease.taken = 0

    def _heaviest(self, address: str) -> Lease | None:
        """Return the largest body still arriving from the address that holds most: more than `address`."""
        arriving = [one for one in self._leases if one.arriving is not None and one.taken]
        heavier = [one for one in arriving if self._by_address[one.address] > self._by_address[address]]
        return max(heavier, key=lambda one: (self._by_address[one.address], one.taken), default=None)


class Lease:
    """The memory of one request. `arriving`: ends the wait for its body, while it is arriving."""

    def __init__(self, memory: Memory, address: str) -> None:
        self._memory, self.address = memory, address
        self.taken = 0
        self.arriving: asyncio.Timeout | None = None
        self.ended = False

    def take(self, size: int) -> None:
        """Raises Busy."""
        if self.ended:
            raise self.refusal()
        self._memory.take(self, size)

    def end(self) -> None:
        """Give up waiting for the body."""
        self.ended = True
        if self.arriving is not None:
            self.arriving.reschedule(asyncio.get_running_loop().time())
            self.arriving = None

    def refusal(self) -> Busy:
        return Busy("the server is busy: it stopped reading this request in favour of others")
