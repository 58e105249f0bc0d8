"""The codebook of the `ivf` kind, and its two searchers: faiss (extra `large`), or numpy without it.

A descriptor is coded as 16 bytes (Jegou, Douze and Schmid, "Product quantization for nearest neighbor
search", 2011) in the list of the cell that it falls into (Sivic and Zisserman, "Video Google", 2003). Cells
and tables belong to the feature preset and are shipped: no channel is trained, and all files share the same
codebook. faiss is imported here and nowhere else.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from arcli.errors import DataTooNew
from arcli.index.seam import Codes, Distances

Cells = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

CODEBOOK = 1  # for preset 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerOptions:
    """groups (2 to 64; docs/explanation/segments.md, "Kinds"): groups whose cells are compared with a
    descriptor. block (64 to 4096): what numpy compares with all cells at once; 256 take 16 MB.
    """

    groups: int = 8
    block: int = 256


SCANNER = ScannerOptions()


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """Centres of groups of cells (G, dim), centres of the cells (L, dim), and the tables of the product
    quantiser (M, 256, dim / M), all float32 in units of index codes."""

    number: int
    groups: Floats
    cells: Floats
    tables: Floats

    @property
    def lists(self) -> int:
        return len(self.cells)

    @property
    def dim(self) -> int:
        return int(self.cells.shape[1])

    @property
    def code_size(self) -> int:
        return len(self.tables)


@dataclass(frozen=True, slots=True, eq=False)
class ListTable:
    """Where the lists of a file are.

    counts (descriptors), offsets (bytes): (L,) int64. size: bytes of the file.
    """

    counts: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    size: int

    @classmethod
    def of(cls, counts: npt.NDArray[np.int64], entry: int, start: int) -> ListTable:
        """Lay out lists of `counts` entries of `entry` bytes from `start` on."""
        ends = np.cumsum(counts * entry) + start
        return cls(counts, ends - counts * entry, int(ends[-1]))


class Scanner(Protocol):
    """Codes descriptors and scans lists. Threads may share it."""

    def nearest(self, codes: Codes, count: int) -> tuple[Distances, Cells]:
        """Return squared distances (N, count) to the nearest cells, and the cells; -1: there are fewer."""
        ...

    def encode(self, codes: Codes) -> Bytes:
        """Return (N, code_size) uint8."""
        ...

    def lists(self, path: Path, table: ListTable) -> Any:
        """Map the lists of a file, for `scan`."""
        ...

    def scan(self, lists: Any, queries: Codes, k: int, cells: Cells) -> tuple[Distances, Cells]:
        """Return squared distances (Q, k) and places (Q, k) in the lists `cells` (Q, n).

        A place is list << 32 | position in that list; -1: there are fewer. A cell of -1 is skipped.
        """
        ...


def installed() -> bool:
    """Say whether faiss is installed."""
    return find_spec("faiss") is not None


@cache
def codebook(number: int = CODEBOOK) -> Codebook:
    """Return a shipped codebook. Raises DataTooNew for a number that this arcli does not know."""
    file = files("arcli.index").joinpath("data", f"codebook-{number}.npz")
    if not file.is_file():
        raise DataTooNew(f"codebook {number} is not known to this arcli")
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        groups, cells, tables = (stored[name].astype(np.float32) for name in ("groups", "cells", "tables"))
    return Codebook(number, groups, cells, tables)


@cache
def scanner(number: int = CODEBOOK) -> Scanner:
    """Return the searcher for a codebook, faiss where it is installed. Raises DataTooNew."""
    return FaissScanner(codebook(number)) if installed() else NumpyScanner(codebook(number))


class FaissScanner:
    """Cells compared through groups of cells; lists memory-mapped and scanned by faiss."""

    def __init__(self, book: Codebook) -> None:
        import faiss

        faiss.omp_set_num_threads(1)  # callers run their own threads and processes
        self._faiss: Any = faiss
        self._book = book
        self._coarse = faiss.IndexFlatL2(book.dim)
        self._coarse.add(book.groups)
        self._cells = faiss.IndexIVFFlat(self._coarse, book.dim, len(book.groups))
        self._cells.is_trained = True
        self._cells.add(book.cells)
        self._product = faiss.ProductQuantizer(book.dim, book.code_size, 8)
        self._fill(self._product)

    def _fill(self, product: Any) -> None:
        self._faiss.copy_array_to_vector(np.ascontiguousarray(self._book.tables).ravel(), product.centroids)

    def nearest(self, codes: Codes, count: int) -> tuple[Distances, Cells]:
        options = self._faiss.SearchParametersIVF(nprobe=SCANNER.groups)
        distances, cells = self._cells.search(codes.astype(np.float32), count, params=options)
        return distances, cells

    def encode(self, codes: Codes) -> Bytes:
        return np.asarray(self._product.compute_codes(codes.astype(np.float32)))

    def lists(self, path: Path, table: ListTable) -> Any:
        book, faiss = self._book, self._faiss
        index = faiss.IndexIVFPQ(faiss.IndexFlatL2(book.dim), book.dim, book.lists, book.code_size, 8)
        index.by_residual, index.use_precomputed_table, index.is_trained = False, -1, True
        self._fill(index.pq)
        lists = faiss.OnDiskInvertedLists()
        lists.nlist, lists.code_size, lists.read_only = book.lists, book.code_size, True
        lists.filename, lists.totsize = str(path), table.size
        lists.lists.resize(book.lists)
        layout = np.stack([table.counts, table.counts, table.offsets], axis=1).astype(np.uint64)
        ctypes.memmove(
            int(lists.lists.data().this), layout.ctypes.data, layout.nbytes
        )  # size, capacity, offset
        lists.do_mmap()
        lists.this.disown()
        index.replace_invlists(lists, True)
        return index

    def scan(self, lists: Any, queries: Codes, k: int, cells: Cells) -> tuple[Distances, Cells]:
        wide, cells = np.ascontiguousarray(queries, np.float32), np.ascontiguousarray(cells)
        unused = np.zeros(cells.shape, np.float32)  # distances of the cells, for codes of residuals
        distances, places = np.empty((len(wide), k), np.float32), np.empty((len(wide), k), np.int64)
        point = self._faiss.swig_ptr
        probed = point(wide), k, point(cells), point(unused)
        lists.nprobe = cells.shape[1]
        lists.search_preassigned_c(len(wide), *probed, point(distances), point(places), True)
        return distances, places


class NumpyScanner:
    """The same in numpy alone: about ten times slower, but exact in its choice of cells."""

    def __init__(self, book: Codebook) -> None:
        self._book = book
        self._squares = np.einsum("ld,ld->l", book.cells, book.cells)

    def nearest(self, codes: Codes, count: int) -> tuple[Distances, Cells]:
        found = [
            self._nearest(codes[at : at + SCANNER.block], count) for at in range(0, len(codes), SCANNER.block)
        ]
        if not found:
            return np.zeros((0, count), np.float32), np.zeros((0, count), np.int64)
        distances, cells = zip(*found, strict=True)
        return np.concatenate(distances), np.concatenate(cells)

    def _nearest(self, codes: Codes, count: int) -> tuple[Distances, Cells]:
        wide = codes.astype(np.float32)
        distances = self._squares - 2 * (wide @ self._book.cells.T)
        if count == 1:
            cells = distances.argmin(axis=1)[:, None]
        else:
            cells = np.argpartition(distances, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(distances, cells, 1) + np.einsum("qd,qd->q", wide, wide)[:, None]
        order = np.argsort(near, axis=1, kind="stable")
        return np.take_along_axis(near, order, 1), np.take_along_axis(cells, order, 1)

    def encode(self, codes: Codes) -> Bytes:
        found = np.empty((len(codes), self._book.code_size), np.uint8)
        for at in range(0, len(codes), SCANNER.block):
            block = slice(at, at + SCANNER.block)
            found[block] = self._distances(codes[block]).argmin(axis=2)
        return found

    def _distances(self, codes: Codes) -> Floats:
        """Return squared distances (N, M, 256) of the parts of descriptors to the entries of the tables."""
        tables = self._book.tables
        parts = codes.astype(np.float32).reshape(len(codes), len(tables), -1)
        return np.asarray(((parts[:, :, None, :] - tables) ** 2).sum(axis=3))

    def lists(self, path: Path, table: ListTable) -> Any:
        return np.memmap(path, np.uint8, "r"), table

    def scan(self, lists: Any, queries: Codes, k: int, cells: Cells) -> tuple[Distances, Cells]:
        data, table = lists
        parts = self._distances(queries)
        best = np.full((len(queries), k), np.inf, np.float32)
        places = np.full((len(queries), k), -1, np.int64)
        for cell in np.unique(cells[cells >= 0]):
            count = int(table.counts[cell])
            if not count:
                continue
            who = np.flatnonzero((cells == cell).any(axis=1))
            start, size = int(table.offsets[cell]), self._book.code_size
            codes = data[start : start + count * size].reshape(count, size)
            found = parts[who[:, None, None], np.arange(size), codes].sum(axis=2)
            both = np.concatenate([best[who], found], axis=1)
            here = np.broadcast_to((int(cell) << 32) + np.arange(count), found.shape)
            known = np.concatenate([places[who], here], axis=1)
            kept = np.argpartition(both, k - 1, axis=1)[:, :k]
            best[who] = np.take_along_axis(both, kept, 1)
            places[who] = np.take_along_axis(known, kept, 1)
        order = np.argsort(best, axis=1, kind="stable")
        return np.take_along_axis(best, order, 1), np.take_along_axis(places, order, 1)
