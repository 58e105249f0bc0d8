"""Sorting what may not fit into memory: runs are sorted there, and wait in unnamed temporary files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from heapq import merge
from itertools import groupby
from tempfile import TemporaryFile
from typing import IO, Any, Generic, TypeVar
from weakref import finalize

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class SortOptions:
    """in_memory (1000 to 1 M): items that are sorted in memory; 16,384 take some 8 MB. runs (8 to 200):
    temporary files, of that many items each, before they are joined to one. Chosen.
    """

    in_memory: int = 16_384
    runs: int = 64


SORT = SortOptions()


class Sorted(Generic[Item]):
    """Items in the order of `key`, one for each: `join` makes one of an earlier and a later one.

    They are read as often as needed. The first few are in memory, many in temporary files, a line each:
    encode, decode: between an item and its line, which has no line break in it.
    """

    def __init__(
        self,
        items: Iterable[Item],
        key: Callable[[Item], Any],
        *,
        join: Callable[[Item, Item], Item],
        encode: Callable[[Item], str],
        decode: Callable[[str], Item],
        options: SortOptions = SORT,
    ) -> None:
        self._key, self._join, self._options = key, join, options
        self._encode, self._decode = encode, decode
        self._runs: list[IO[bytes]] = []
        self._few: list[Item] = []
        self.close = finalize(self, _close, self._runs)
        known: dict[Any, Item] = {}
        for item in items:
            place = key(item)
            known[place] = join(known[place], item) if place in known else item
            if len(known) >= options.in_memory:
                self._put_away(known)
                known = {}
        self._few = [known[place] for place in sorted(known)]

    def __iter__(self) -> Iterator[Item]:
        """Yield the items; of those with the same key what `join` makes of them."""
        sorted_runs = [*map(self._read, self._runs), iter(self._few)]
        for _, same in groupby(merge(*sorted_runs, key=self._key), self._key):
            yield reduce(self._join, same)

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None

    def _put_away(self, known: Mapping[Any, Item]) -> None:
        if len(self._runs) >= self._options.runs:
            joined = self._run(self)
            _close(self._runs)
            self._runs.append(joined)
        self._runs.append(self._run(known[place] for place in sorted(known)))

    def _run(self, items: Iterable[Item]) -> IO[bytes]:
        file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed by `close`
        try:
            file.writelines(self._encode(item).encode() + b"\n" for item in items)
        except BaseException:
            file.close()
            raise
        return file

    def _read(self, run: IO[bytes]) -> Iterator[Item]:
        at = 0  # several may read a file in turn
        while True:
            run.seek(at)
            line = run.readline()
            if not line:
                return
            at += len(line)
            yield self._decode(line[:-1].decode())


def _close(runs: list[IO[bytes]]) -> None:
    while runs:
        runs.pop().close()
