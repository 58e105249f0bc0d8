"""The `ivf` kind: inverted lists of product-quantised codes on the shipped codebook, memory-mapped.

Merging is joining lists, and a search reads only the lists that it probes. A file has a header, the number of
descriptors and the CRC-32 of each list, the CRC-32 of all that; then each list's codes (n, 16) uint8 and rows
(n,) uint16 or uint32 relative to the file's first row. Opening reads what precedes the lists; a list is
compared with its CRC-32 when it is first used. A damaged list is skipped: that costs recall, but never gives
a wrong answer.
"""

from __future__ import annotations

import logging
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arcli.errors import DataDamaged, DataTooNew
from arcli.files import ASIDE
from arcli.index.codebook import Bytes, Cells, Codebook, ListTable, Scanner, codebook, scanner
from arcli.index.files import new_name
from arcli.index.seam import NO_ROW, Codes, Neighbours, Rows

_MAGIC = b"aIVF"
_FORMAT = 1
_HEADER = struct.Struct(
    "<4sHHHHIQqQ"
)  # magic, format, codebook, dim, code size, lists, descriptors, first row, rows
_CHECK = struct.Struct("<I")
_ALIGNED = 64

_log = logging.getLogger(__name__)
Entries = tuple[Cells, Bytes, Rows]
"""Descriptors: the cell, the code and the row id of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IvfSettings:
    """How lists are searched and built.

    cells: lists probed for each query (1 to 64; docs/explanation/segments.md, "Kinds"). compared: where these
    have more descriptors, fewer lists are probed (20,000 to 100,000), but not fewer than `least` (2 to 8):
    among a million targets 4, 3 and 2 lists found the same 115 of 120 photos, in 83, 65 and 55 ms. run:
    descriptors collected before they are spilled to a file, 100,000 to 10,000,000: 96 MB with a million.
    joined: descriptors whose lists are joined together, 20,000 to run, some 100 B each.
    """

    cells: int = 8
    compared: int = 36_000
    least: int = 3
    run: int = 1_000_000
    joined: int = 100_000

    def probed(self, length: float) -> int:
        """Return how many lists of some mean length are probed."""
        return min(self.cells, max(self.least, round(self.compared / max(length, 1))))

    @property
    def run_bytes(self) -> int:
        """The most bytes that a builder takes: cell, code, row of each descriptor, twice more to sort."""
        return 3 * self.run * 32


IVF = IvfSettings()


def list_bytes(descriptors: int, rows: int) -> int:
    """Return the size of a file of so many descriptors of targets in a range of `rows` row ids."""
    book = codebook()
    return _start(book.lists) + descriptors * (book.code_size + _width(rows))


class IvfIndex:
    """A file of inverted lists; only the lists that are probed are read. Threads may share it."""

    def __init__(
        self, path: Path, book: Codebook, table: ListTable, checks: Bytes, rows: tuple[int, int]
    ) -> None:
        self._path, self._book, self._table = path, book, table
        self._checks, self._rows = checks, rows
        self._width = _width(rows[1] - rows[0] + 1)
        self._bytes = np.memmap(path, np.uint8, "r")
        self._sound = table.counts == 0  # lists that were compared with their CRC-32, or are empty
        self._damaged = np.zeros(book.lists, bool)
        self._lock = threading.Lock()
        self._lists: Any = None

    @classmethod
    def load(cls, path: Path, *, dim: int, descriptors: int) -> IvfIndex:
        """Open a file that `IvfBuilder` wrote. Raises DataDamaged when it does not agree with its record."""
        with path.open("rb") as stream:
            head = stream.read(_HEADER.size)
            if len(head) != _HEADER.size:
                raise DataDamaged(f"{path.name}: cut short")
            magic, version, number, wide, code_size, lists, count, first, span = _HEADER.unpack(head)
            if magic != _MAGIC or (wide, count) != (dim, descriptors) or not span:
                raise DataDamaged(f"{path.name}: not the lists that its record describes")
            if version != _FORMAT:
                raise DataTooNew(f"{path.name}: format {version}, this arcli reads {_FORMAT}")
            book = codebook(number)
            if (lists, code_size) != (book.lists, book.code_size):
                raise DataDamaged(f"{path.name}: not lists of codebook {number}")
            tables = stream.read(8 * lists)
            check = stream.read(_CHECK.size)
        if check != _CHECK.pack(zlib.crc32(tables, zlib.crc32(head))):
            raise DataDamaged(f"{path.name}: its table of lists is not what was written")
        counts = np.frombuffer(tables, "<u4", lists).astype(np.int64)
        table = ListTable.of(counts, book.code_size + _width(span), _start(lists))
        if int(counts.sum()) != descriptors or table.size != path.stat().st_size:
            raise DataDamaged(f"{path.name}: its lists do not fill the file")
        checks = np.frombuffer(tables, "<u4", lists, 4 * lists)
        return cls(path, book, table, checks, (first, first + span - 1))

    @property
    def descriptors(self) -> int:
        return int(self._table.counts.sum())

    @property
    def memory(self) -> int:
        kept = (self._table.counts, self._table.offsets, self._checks, self._sound, self._damaged)
        return sum(array.nbytes for array in kept)

    def search(self, queries: Codes, k: int, settings: IvfSettings = IVF) -> Neighbours:
        """Return the k nearest of each of the (Q, dim) queries, as exactly as codes of 16 bytes allow."""
        found = Neighbours.none(len(queries), k)
        if not len(queries):
            return found
        scan = scanner(self._book.number)
        probed = settings.probed(self.descriptors / self._book.lists)
        cells = _PROBED.cells(scan, queries, settings.cells)[:, :probed]
        near, places = scan.scan(self._opened(), queries, k, self._verified(cells))
        real = places >= 0
        lists, number = places[real] >> 32, places[real] & 0xFFFFFFFF
        starts = self._table.offsets[lists] + self._table.counts[lists] * self._book.code_size
        owners = self._bytes[_start(self._book.lists) :].view(f"<u{self._width}")
        rows = owners[(starts - _start(self._book.lists)) // self._width + number].astype(np.int64)
        found.rows[real], found.distances[real] = rows + self._rows[0], near[real]
        beyond = found.rows > self._rows[1]
        found.rows[beyond], found.distances[beyond] = NO_ROW, np.inf
        return found

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many descriptors each list has."""
        return self._table.counts

    def between(self, first: int, end: int) -> Entries:
        """Return what the lists from `first` to before `end` hold, list by list. Raises DataDamaged."""
        size, width = self._book.code_size, self._width
        filled = first + np.flatnonzero(self._table.counts[first:end])
        lists = (array[filled].tolist() for array in (self._table.counts, self._table.offsets, self._checks))
        data, codes, owners = self._bytes.data, bytearray(), bytearray()
        for number, (count, offset, check) in enumerate(zip(*lists, strict=True)):
            split, close = offset + count * size, offset + count * (size + width)
            self._compare(filled[number], slice(offset, close), check)
            codes += data[offset:split]
            owners += data[split:close]
        return (
            np.repeat(filled, self._table.counts[filled]),
            np.frombuffer(codes, np.uint8).reshape(-1, size),
            np.frombuffer(owners, f"<u{width}").astype(np.int64) + self._rows[0],
        )

    def _compare(self, cell: int, place: slice, check: int) -> None:
        """Raise DataDamaged if the bytes of a list are not what was written."""
        if zlib.crc32(self._bytes.data[place]) != check:
            raise DataDamaged(f"{self._path.name}: list {cell} is not what was written")

    def _opened(self) -> Any:
        with self._lock:
            if self._lists is None:
                self._lists = scanner(self._book.number).lists(self._path, self._table)
            return self._lists

    def _verified(self, cells: Cells) -> Cells:
        """Return `cells`, damaged ones replaced by -1; new ones are first compared with their CRC-32."""
        new = cells[~(self._sound | self._damaged)[cells] & (cells >= 0)]
        each = self._book.code_size + self._width
        for cell in np.unique(new):
            start = self._table.offsets[cell]
            try:
                self._compare(cell, slice(start, start + self._table.counts[cell] * each), self._checks[cell])
            except DataDamaged as error:
                _log.warning("searching without a part of the index (%s): arcli doctor --repair", error)
                self._damaged[cell] = True
            else:
                self._sound[cell] = True
        return np.where((cells >= 0) & ~self._damaged[cells], cells, -1)


class _Probed(threading.local):
    """The cells of a thread's last queries: files that share a codebook are searched one after another, and
    finding the cells takes as long as scanning the lists of a small file."""

    def __init__(self) -> None:
        self._last: tuple[Scanner, Codes, int, Cells] | None = None

    def cells(self, scan: Scanner, queries: Codes, count: int) -> Cells:
        last = self._last
        if last is not None and last[0] is scan and last[1] is queries and last[2] == count:
            return last[3]
        _, cells = scan.nearest(queries, count)
        self._last = scan, queries, count, cells
        return cells


_PROBED = _Probed()


class IvfBuilder:
    """Joins descriptors and existing files into the lists of one file. One thread at a time may use it.

    rows: first and last row id. bases: files of this kind to begin with. dead: their rows that were removed,
    sorted. Memory is bounded: collected descriptors are spilled to temporary files beside the file being
    written.
    """

    def __init__(
        self,
        folder: Path,
        rows: tuple[int, int],
        *,
        bases: Sequence[IvfIndex] = (),
        dead: Rows | None = None,
        settings: IvfSettings = IVF,
    ) -> None:
        self._settings = settings
        self._folder, self._rows, self._bases = folder, rows, bases
        self._dead = np.zeros(0, np.int64) if dead is None else dead
        self._collected: list[Entries] = []
        self._count = 0
        self._runs: list[IvfIndex] = []
        self.descriptors = sum(base.descriptors for base in bases)

    def add(self, codes: Codes, rows: Rows) -> None:
        """Add descriptors (n, dim) of the row ids (n,)."""
        if not len(codes):
            return
        scan = scanner()
        _, cells = scan.nearest(codes, 1)
        self._collected.append((cells[:, 0], scan.encode(codes), rows))
        self._count += len(codes)
        self.descriptors += len(codes)
        if self._count >= self._settings.run:
            self._spill()

    def save(self, path: Path) -> int:
        """Write the file and return the size it should have; `descriptors` is then how many it holds."""
        size, self.descriptors = self._write(path, [*self._bases, *self._runs, _Collected(self._collected)])
        return size

    def _spill(self) -> None:
        """Move what is collected into a file that is unlinked as soon as it is mapped."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / (new_name(*self._rows, "ivf") + ASIDE)
        try:
            self._write(path, [_Collected(self._collected)])
            count = self._count
            self._runs.append(IvfIndex.load(path, dim=codebook().dim, descriptors=count))
        finally:
            path.unlink(missing_ok=True)
        self._collected, self._count = [], 0

    def _write(self, path: Path, parts: Sequence[IvfIndex | _Collected]) -> tuple[int, int]:
        """Write a file of all `parts` and return its size and how many descriptors it has."""
        book, span = codebook(), self._rows[1] - self._rows[0] + 1
        counts, checks = np.zeros(book.lists, "<u4"), np.zeros(book.lists, "<u4")
        with path.open("wb") as file:
            file.write(bytes(_start(book.lists)))
            for cell, data in self._lists(parts, _width(span)):
                file.write(data)
                counts[cell] = len(data) // (book.code_size + _width(span))
                checks[cell] = zlib.crc32(data)
            size = file.tell()
            written = int(counts.sum())
            layout = book.number, book.dim, book.code_size, book.lists
            head = _HEADER.pack(_MAGIC, _FORMAT, *layout, written, self._rows[0], span)
            tables = counts.tobytes() + checks.tobytes()
            file.seek(0)
            file.write(head + tables + _CHECK.pack(zlib.crc32(tables, zlib.crc32(head))))
        return size, written

    def _lists(self, parts: Sequence[IvfIndex | _Collected], width: int) -> Iterator[tuple[int, bytes]]:
        """Yield each list that is not empty, as it is written: what all parts have that was not removed.

        So many lists are read together as have some thousand descriptors: one by one they take ten times as
        long.
        """
        number = np.cumsum(sum(part.counts for part in parts)) // self._settings.joined
        bounds = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), codebook().lists]
        for first, end in pairwise(bounds):
            band = _Collected([part.between(first, end) for part in parts])
            yield from band.lists(self._dead, self._rows[0], width)


def _living(rows: Rows, dead: Rows) -> slice | npt.NDArray[np.bool_]:
    """Return which of `rows` were not removed."""
    if not len(dead):
        return slice(None)
    return np.asarray(dead[np.searchsorted(dead, rows).clip(max=len(dead) - 1)] != rows)


class _Collected:
    """Descriptors in memory, by list."""

    def __init__(self, chunks: Sequence[Entries]) -> None:
        book = codebook()
        cells = _joined([chunk[0] for chunk in chunks], (0,), np.int64)
        order = np.argsort(cells, kind="stable")
        self._cells = cells[order]
        self._codes = _joined([chunk[1] for chunk in chunks], (0, book.code_size), np.uint8)[order]
        self._owners = _joined([chunk[2] for chunk in chunks], (0,), np.int64)[order]
        self.counts = np.bincount(cells, minlength=book.lists)

    def between(self, first: int, end: int) -> Entries:
        part = slice(*np.searchsorted(self._cells, [first, end]))
        return self._cells[part], self._codes[part], self._owners[part]

    def lists(self, dead: Rows, first: int, width: int) -> Iterator[tuple[int, bytes]]:
        """Yield each list that is not empty, as `IvfBuilder` writes it."""
        living, size = _living(self._owners, dead), self._codes.shape[1]
        codes = self._codes[living].tobytes()
        owners = (self._owners[living] - first).astype(f"<u{width}").tobytes()
        filled, starts = np.unique(self._cells[living], return_index=True)
        ends = [*starts[1:].tolist(), len(owners) // width]
        for cell, start, end in zip(filled.tolist(), starts.tolist(), ends, strict=True):
            yield cell, codes[start * size : end * size] + owners[start * width : end * width]


def _joined(arrays: Sequence[npt.NDArray[Any]], shape: tuple[int, ...], kind: Any) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(shape, kind), *arrays])


def _width(rows: int) -> int:
    """Return how many bytes a row number takes in a range of `rows`."""
    return 2 if rows <= 1 << 16 else 4


def _start(lists: int) -> int:
    """Return where the first list begins."""
    end = _HEADER.size + 8 * lists + _CHECK.size
    return -(-end // _ALIGNED) * _ALIGNED
