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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from arcli.errors import DataDamaged, DataTooNew
from arcli.files import ASIDE
from arcli.index.codebook import Bytes, Cells, Codebook, ListTable, codebook, scanner
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


@dataclass(frozen=True, slots=True, kw_only=True)
class IvfSettings:
    """How lists are searched and built.

    cells: lists probed for each query (1 to 64; docs/explanation/segments.md, "Kinds"). run: descriptors
    collected before they are spilled to a file, 100,000 to 10,000,000: 96 MB with a million.
    """

    cells: int = 8
    run: int = 1_000_000

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
        _, cells = scan.nearest(queries, settings.cells)
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

    def entries(self, cell: int) -> tuple[Bytes, Rows]:
        """Return the codes (n, code_size) of a list and the row ids (n,) that own them; DataDamaged."""
        count, offset = int(self._table.counts[cell]), int(self._table.offsets[cell])
        size = self._book.code_size
        data = self._bytes[offset : offset + count * (size + self._width)]
        if zlib.crc32(data.tobytes()) != self._checks[cell]:
            raise DataDamaged(f"{self._path.name}: list {cell} is not what was written")
        rows = data[count * size :].view(f"<u{self._width}").astype(np.int64) + self._rows[0]
        return np.asarray(data[: count * size]).reshape(count, size), rows

    def _opened(self) -> Any:
        with self._lock:
            if self._lists is None:
                self._lists = scanner(self._book.number).lists(self._path, self._table)
            return self._lists

    def _verified(self, cells: Cells) -> Cells:
        """Return `cells`, damaged ones replaced by -1; new ones are first compared with their CRC-32."""
        new = cells[~(self._sound | self._damaged)[cells] & (cells >= 0)]
        for cell in np.unique(new):
            try:
                self.entries(int(cell))
            except DataDamaged as error:
                _log.warning("searching without a part of the index (%s): arcli doctor --repair", error)
                self._damaged[cell] = True
            else:
                self._sound[cell] = True
        return np.where((cells >= 0) & ~self._damaged[cells], cells, -1)


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
        self._collected: list[tuple[Cells, Bytes, Rows]] = []
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
            for cell in range(book.lists):
                counts[cell], checks[cell] = self._write_list(file, cell, parts, _width(span))
            size = file.tell()
            written = int(counts.sum())
            layout = book.number, book.dim, book.code_size, book.lists
            head = _HEADER.pack(_MAGIC, _FORMAT, *layout, written, self._rows[0], span)
            tables = counts.tobytes() + checks.tobytes()
            file.seek(0)
            file.write(head + tables + _CHECK.pack(zlib.crc32(tables, zlib.crc32(head))))
        return size, written

    def _write_list(
        self, file: BinaryIO, cell: int, parts: Sequence[IvfIndex | _Collected], width: int
    ) -> tuple[int, int]:
        """Write one list, of what all parts have that was not removed; return its length and CRC-32."""
        codes, owners = zip(*(part.entries(cell) for part in parts), strict=True)
        code, rows = np.concatenate(codes), np.concatenate(owners)
        if len(self._dead) and len(rows):
            place = np.searchsorted(self._dead, rows).clip(max=len(self._dead) - 1)
            living = self._dead[place] != rows
            code, rows = code[living], rows[living]
        data = code.tobytes() + (rows - self._rows[0]).astype(f"<u{width}").tobytes()
        file.write(data)
        return len(rows), zlib.crc32(data)


class _Collected:
    """What a builder holds in memory, by list."""

    def __init__(self, chunks: Sequence[tuple[Cells, Bytes, Rows]]) -> None:
        book = codebook()
        cells = _joined([chunk[0] for chunk in chunks], (0,), np.int64)
        order = np.argsort(cells, kind="stable")
        self._codes = _joined([chunk[1] for chunk in chunks], (0, book.code_size), np.uint8)[order]
        self._owners = _joined([chunk[2] for chunk in chunks], (0,), np.int64)[order]
        self._ends = np.searchsorted(cells[order], np.arange(book.lists + 1))

    def entries(self, cell: int) -> tuple[Bytes, Rows]:
        part = slice(self._ends[cell], self._ends[cell + 1])
        return self._codes[part], self._owners[part]


def _joined(arrays: Sequence[npt.NDArray[Any]], shape: tuple[int, ...], kind: Any) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(shape, kind), *arrays])


def _width(rows: int) -> int:
    """Return how many bytes a row number takes in a range of `rows`."""
    return 2 if rows <= 1 << 16 else 4


def _start(lists: int) -> int:
    """Return where the first list begins."""
    end = _HEADER.size + 8 * lists + _CHECK.size
    return -(-end // _ALIGNED) * _ALIGNED
