"""What a channel has, in a temporary file with access by identifier: a large channel needs no memory."""

from __future__ import annotations

import json
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import astuple, dataclass
from functools import lru_cache
from operator import itemgetter
from typing import IO

from arcli.bulk.channel_state import Known
from arcli.bulk.sorting import Sorted, SortOptions

Named = tuple[str, Known]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingSizes:
    """How much of a listing is in memory at once.

    run: targets that are sorted together, 1,000 to 100,000 (400 B each). block: targets that are read
    together to find one, 8 to 256: the first of them is in the index, some 100 B per block. blocks: how many
    recently used ones are kept, 1 to 1,000; a source is mostly in the order of its identifiers. All chosen,
    not measured.
    """

    run: int = 8_192
    block: int = 32
    blocks: int = 64


class ChannelListing:
    """The targets of a channel by identifier (code points). Close it when done.

    Each has a place, 0 to len - 1, so that one bit per target records which of them a source has
    (`none_seen`).
    """

    def __init__(self, targets: Iterable[Named], sizes: ListingSizes = ListingSizes()) -> None:
        self._sizes = sizes
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._firsts: list[str] = []
        self._offsets: list[int] = []
        self._length = 0
        self._block = lru_cache(maxsize=sizes.blocks)(self._read_block)
        try:
            self._write(targets)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return self._length

    def __enter__(self) -> ChannelListing:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def find(self, identifier: str) -> tuple[int, Known] | None:
        """Return a target's place and what is known about it; None when the channel does not have it."""
        number = bisect_right(self._firsts, identifier) - 1
        return None if number < 0 else self._block(number).get(identifier)

    def get(self, identifier: str) -> Known | None:
        """Return what is known about a target; None when the channel does not have it."""
        found = self.find(identifier)
        return None if found is None else found[1]

    def none_seen(self) -> bytearray:
        """Return a flag for each place, off."""
        return bytearray(len(self))

    def unseen(self, seen: bytearray) -> Iterator[Named]:
        """Yield the targets whose flags are off, by identifier."""
        for number in range(len(self._firsts)):
            at = number * self._sizes.block
            if 0 in seen[at : at + self._sizes.block]:
                yield from (
                    (name, known)
                    for name, (place, known) in self._read_block(number).items()
                    if not seen[place]
                )

    def count_missing(self, identifiers: Iterable[str]) -> int:
        """Return how many targets are not among `identifiers`."""
        seen = self.none_seen()
        for identifier in identifiers:
            if (found := self.find(identifier)) is not None:
                seen[found[0]] = 1
        return seen.count(0)

    def _write(self, targets: Iterable[Named]) -> None:
        """Write the targets by identifier; if one was listed twice, the later one counts."""
        named = ((name, json.dumps([name, astuple(known)])) for name, known in targets)
        options = SortOptions(in_memory=self._sizes.run)
        lines = Sorted(
            named,
            itemgetter(0),
            join=lambda _, later: later,
            encode=itemgetter(1),
            decode=_named,
            options=options,
        )
        with closing(lines):
            for name, line in lines:
                if self._length % self._sizes.block == 0:
                    self._firsts.append(name)
                    self._offsets.append(self._file.tell())
                self._file.write(line.encode() + b"\n")
                self._length += 1

    def _read_block(self, number: int) -> dict[str, tuple[int, Known]]:
        self._file.seek(self._offsets[number])
        first = number * self._sizes.block
        places = range(first, min(first + self._sizes.block, len(self)))
        lines = [json.loads(self._file.readline()) for _ in places]
        return {name: (place, Known(*known)) for place, (name, known) in zip(places, lines, strict=True)}


def _named(line: str) -> tuple[str, str]:
    return json.loads(line)[0], line
