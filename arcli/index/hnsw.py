"""The `hnsw` kind: hnswlib behind a wrapper that avoids its pitfalls (docs/appendix/recognition.md).

hnswlib keeps a 64-bit label per descriptor: the row id and the descriptor's number in its target, so that a
graph file is complete by itself.
"""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arcli.errors import DataDamaged, MemoryLimit, NotSupported, ShellHint
from arcli.index.seam import Codes, Neighbours, Rows
from arcli.parallel import machine_memory

if TYPE_CHECKING:
    import hnswlib

_ORDINAL_BITS = 10  # bits: up to 1023 descriptors per target; leaves 2^53 row ids
_HEADER = struct.Struct("<QQQQQQiIQQQdQ")  # hnswlib's own, see hnswalg.h saveIndex
_LINK_BYTES = 4
_NODE_OVERHEAD = 108  # 321 B a descriptor in memory (PSS of 150,000), 213 on disk
_SEED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class HnswSettings:
    """Measured in docs/appendix/recognition.md: a low recall of neighbours does not harm the vote.

    m: links per node (4 to 32). ef_construction: candidates while building (20 to 200). ef: candidates while
    searching (10 to 100), never below k: of 404 photos in a gallery of 3,274 the right target is in the
    shortlist of an 800 px photo 400 times with 12, 402 with 20 for 6 ms more, no more with 32. ef_large: the
    same beyond `large` descriptors (100,000 to 10,000,000), where a fixed number finds less: on the dev
    photos the right target was among the first five of 20,000 .963 of the time with 12, .975 with 32 for
    10 ms more, .980 with 200.
    """

    m: int = 8
    ef_construction: int = 40
    ef: int = 20
    ef_large: int = 32
    large: int = 1_000_000

    def ef_for(self, descriptors: int) -> int:
        """Return the ef for a graph of so many descriptors."""
        return self.ef if descriptors <= self.large else self.ef_large


def graph_bytes(descriptors: int, dim: int, settings: HnswSettings = HnswSettings()) -> int:
    """Estimate the size of a graph's file: level 0 and the links above it (213 B a descriptor, measured)."""
    upper = (settings.m * _LINK_BYTES + 4) / (settings.m - 1)
    return int(descriptors * (_node_bytes(dim, settings.m) + upper + 4))


def graph_memory(descriptors: int, dim: int, settings: HnswSettings = HnswSettings()) -> int:
    """Estimate the memory of a graph in bytes: its file, and the table of labels and a lock for each node."""
    return graph_bytes(descriptors, dim, settings) + descriptors * _NODE_OVERHEAD


def _node_bytes(dim: int, m: int) -> int:
    return 4 + 2 * m * _LINK_BYTES + dim * 4 + 8


def memory_limit() -> int:
    """Return how many bytes an index may take: a quarter of the machine's memory."""
    return machine_memory() // 4


def installed() -> bool:
    """Say whether hnswlib is installed: it has to be compiled, and not every machine has a compiler."""
    return find_spec("hnswlib") is not None


def _library() -> Any:
    """Return hnswlib. Raises NotSupported where it is not installed, or was compiled for another machine."""
    try:
        import hnswlib
    except ImportError as error:
        raise NotSupported(
            "the index of this channel is a graph (hnsw), and hnswlib cannot be loaded here",
            hint=ShellHint(
                "install a C++ compiler and run: pip install hnswlib; or do without graphs:"
                " arcli channel set NAME --index auto, then arcli channel compact NAME"
            ),
        ) from error
    return hnswlib


class HnswBuilder:
    """A graph being built; its own lock ensures that one thread at a time touches it."""

    def __init__(
        self,
        capacity: int,
        dim: int,
        settings: HnswSettings = HnswSettings(),
        *,
        base: tuple[Path, int] | None = None,
    ) -> None:
        """Begin empty, or with `base`: the file of a graph, and how many descriptors it has.

        The caller has checked the bytes of that file. Raises MemoryLimit when the estimate for `capacity`
        descriptors is over `memory_limit()`, DataDamaged, OverflowError when the base has more.
        """
        hnswlib = _library()
        need, limit = graph_memory(capacity, dim, settings), memory_limit()
        if need > limit:
            raise MemoryLimit(
                f"an hnsw index of {capacity:,} descriptors needs {need / 2**30:.1f} GiB of memory,"
                f" over the limit of {limit / 2**30:.1f} GiB",
                hint="use a machine with more memory, or split the channel",
            )
        self._lock = threading.Lock()
        self._capacity = max(capacity, 1)
        self._graph = hnswlib.Index(space="l2", dim=dim)
        if base is None:
            self._graph.init_index(self._capacity, settings.m, settings.ef_construction, _SEED)
            return
        if base[1] > self._capacity:
            raise OverflowError(f"more than the announced {self._capacity} descriptors")
        _load(self._graph, *base, self._capacity)

    def add(self, codes: Codes, rows: Rows, threads: int = 1) -> None:
        """Add whole targets: all descriptors (n, dim) of the targets that own them, in `rows` (n,) order.

        Raises OverflowError beyond the announced capacity, ValueError for a target given in parts.
        """
        if not len(codes):
            return
        with self._lock:
            total = self._graph.get_current_count() + len(codes)
            if total > self._capacity:
                raise OverflowError(f"more than the announced {self._capacity} descriptors")
            labels = rows << _ORDINAL_BITS | _ordinals(rows)
            self._graph.add_items(codes.astype(np.float32), labels, num_threads=threads)
            if self._graph.get_current_count() != total:  # hnswlib overwrites what has the same label
                raise ValueError("all descriptors of a target must be added at once")

    @property
    def descriptors(self) -> int:
        return int(self._graph.get_current_count())

    def save(self, path: Path) -> int:
        """Write the graph and return the size it should have: hnswlib reports no error."""
        with self._lock:
            self._graph.save_index(str(path))
            return int(self._graph.index_file_size())


def _ordinals(rows: Rows) -> Rows:
    """Number each target's descriptors from 0; `rows` has equal ids side by side."""
    starts = np.flatnonzero(np.diff(rows, prepend=rows[:1] - 1))
    lengths = np.diff(starts, append=len(rows))
    return np.arange(len(rows)) - np.repeat(starts, lengths)


class HnswIndex:
    """A graph read from a file and never changed again: any number of threads may search it."""

    def __init__(self, graph: hnswlib.Index, ef: int) -> None:
        self._graph: Any = graph
        self._graph.set_ef(ef)

    @classmethod
    def load(cls, path: Path, *, dim: int, descriptors: int, ef: int) -> HnswIndex:
        """Load a graph whose bytes the caller has checked: hnswlib's loader is unsafe on damaged files.

        Raises DataDamaged when the header does not announce `descriptors` vectors of `dim` numbers.
        """
        graph = _library().Index(space="l2", dim=dim)
        _load(graph, path, descriptors, descriptors)
        return cls(graph, ef)

    @property
    def descriptors(self) -> int:
        return int(self._graph.get_current_count())

    @property
    def memory(self) -> int:
        return graph_memory(self.descriptors, int(self._graph.dim))

    def search(self, queries: Codes, k: int) -> Neighbours:
        usable = min(k, self.descriptors)
        found = Neighbours.none(len(queries), k)
        if not usable or not len(queries):
            return found
        wide = queries.astype(np.float32)
        try:
            self._fill(found, wide, slice(None), usable)
        except RuntimeError:  # a query may be caught in a part of the graph that has fewer than k
            for number in range(len(wide)):
                self._fill_one(found, wide, number, usable)
        return found

    def _fill(self, found: Neighbours, wide: Any, which: slice, k: int) -> None:
        labels, distances = self._graph.knn_query(wide[which], k=k, num_threads=1)
        found.rows[which, :k] = labels.astype(np.int64) >> _ORDINAL_BITS
        found.distances[which, :k] = distances

    def _fill_one(self, found: Neighbours, wide: Any, number: int, k: int) -> None:
        while k:
            try:
                return self._fill(found, wide, slice(number, number + 1), k)
            except RuntimeError:
                k //= 2
        return None


def _load(graph: hnswlib.Index, path: Path, descriptors: int, capacity: int) -> None:
    _check_header(path, graph.dim, descriptors)
    try:
        graph.load_index(str(path), max_elements=capacity)
    except (RuntimeError, MemoryError) as error:
        raise DataDamaged(f"{path.name}: {error}") from error


def _check_header(path: Path, dim: int, descriptors: int) -> None:
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise DataDamaged(f"{path.name}: shorter than its header")
    level0, capacity, count, node, label_at, data_at, _, _, _, links0, m, *_ = _HEADER.unpack(head)
    expected = (0, _node_bytes(dim, m), 2 * m, 4 + links0 * _LINK_BYTES, node - 8)
    if (level0, node, links0, data_at, label_at) != expected or not descriptors == count <= capacity:
        raise DataDamaged(f"{path.name}: not the graph that its record describes")
