"""Segments: index files of any kind, built from codes and opened by their record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from arcli.errors import DataDamaged, NotSupported, extra_hint
from arcli.features import INDEX_DIM
from arcli.files import FaultPoint, reached
from arcli.index import codebook, flat, hnsw
from arcli.index.costs import WITHOUT_FAISS, KindCosts, costs
from arcli.index.files import FileGone, checked_path, checksums, new_name, verify_content, write_durably
from arcli.index.hnsw import HnswBuilder, HnswIndex, HnswSettings, graph_memory, memory_limit
from arcli.index.ivf import IvfBuilder, IvfIndex
from arcli.index.seam import Chunk, DescriptorIndex, IndexWriter, Rows
from arcli.models import IndexKind, SegmentFile

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSegment:
    """What a builder is made for: a file of `folder` for the rows first..last.

    capacity: descriptors at most. bases: segments of the same kind in `folder` to begin with. dead: sorted
    row ids that were removed.
    """

    folder: Path
    rows: tuple[int, int]
    dim: int
    capacity: int
    bases: Sequence[SegmentFile]
    dead: Rows | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentKind:
    """A kind of segment: what opens its file, what builds one, and what upkeep must know of it.

    joins: any of its files are joined without dead rows; its parts are compared with checksums of their own
    when they are used, and while they are joined. grows: one file without dead rows is added to. memory:
    bytes that an opened file of so many descriptors takes beside what is mapped.
    """

    load: Callable[[Path, SegmentFile], DescriptorIndex]
    builder: Callable[[NewSegment], IndexWriter]
    joins: bool = False
    grows: bool = False
    memory: Callable[[int], int] = lambda _: 0


def _graph(new: NewSegment) -> IndexWriter:
    start = [(checked_path(new.folder, base), base.descriptors) for base in new.bases]
    return HnswBuilder(new.capacity, new.dim, HnswSettings(), base=start[0] if start else None)


def _lists(new: NewSegment) -> IndexWriter:
    bases = [_load_lists(checked_path(new.folder, base), base) for base in new.bases]
    return IvfBuilder(new.folder, new.rows, bases=bases, dead=new.dead)


def _load_lists(path: Path, file: SegmentFile) -> IvfIndex:
    if not codebook.installed():
        say_once(_advice(file.descriptors, costs_of(IndexKind.IVF).search.at(file.descriptors)))
    return IvfIndex.load(path, dim=file.dim, descriptors=file.descriptors)


@cache
def say_once(advice: str | None) -> None:
    """Tell once a process what to install, if that helps."""
    if advice is not None:
        _log.warning("the index is searched without faiss, which is slow: %s", advice)


KINDS: dict[str, SegmentKind] = {
    IndexKind.FLAT: SegmentKind(
        load=lambda path, file: flat.load(path, dim=file.dim, descriptors=file.descriptors),
        builder=lambda _: flat.FlatBuilder(),
    ),
    IndexKind.HNSW: SegmentKind(
        load=lambda path, file: HnswIndex.load(path, dim=file.dim, descriptors=file.descriptors, ef=file.ef),
        builder=_graph,
        grows=True,
        memory=lambda descriptors: graph_memory(descriptors, INDEX_DIM),
    ),
    IndexKind.IVF: SegmentKind(load=_load_lists, builder=_lists, joins=True),
}
"""Each kind by its name in `IndexKind`, from those for few targets to those for many: a new one gets a line
here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceOptions:
    """How `auto` chooses.

    flat_limit: descriptors up to which it takes flat, 2,000 to 100,000: those of the smallest channel
    measured; nothing has to be loaded, and a search takes 22 ms at most. flat_beside (200 to 5,000): the same
    beside inverted lists, whose codebook is loaded and whose cells are known when a search comes to a small
    file: 7,400 descriptors took 9.4 ms flat, .6 as lists. lookups (1 to 10,000): lookups of a
    process for each time that it opens a channel. A command makes one, a server millions: at 100, a graph
    that takes 3 s to load must save 30 ms a search.
    """

    flat_limit: int = 20_000
    flat_beside: int = 1_000
    lookups: int = 100


CHOICE = ChoiceOptions()


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind, in a sentence why, and what could be installed for a better one."""

    kind: IndexKind
    why: str
    hint: str | None = None


def kind_for(setting: IndexKind, descriptors: int, beside: Sequence[SegmentFile] = ()) -> IndexKind:
    """Return the kind of a segment with so many descriptors in a channel with that setting.

    beside: the files of the channel's other segments.
    """
    lists = any(file.kind == IndexKind.IVF for file in beside)
    if setting is IndexKind.AUTO and lists and codebook.installed() and descriptors > CHOICE.flat_beside:
        return IndexKind.IVF
    return choice(setting, descriptors, sum(map(memory_of, beside))).kind


def memory_of(file: SegmentFile) -> int:
    """Return the bytes of memory that a file's index takes; none for a kind that is not known here."""
    return KINDS[file.kind].memory(file.descriptors) if file.kind in KINDS else 0


def choice(setting: IndexKind, descriptors: int, beside: int = 0) -> Choice:
    """Choose a kind: the one that is set, or for `auto` the cheapest of those that serve here.

    With faiss no graph is considered: up to some thousand targets it would save 4 ms a search, but it takes
    several times as long to build, and memory for all of it (docs/explanation/size.md). Without faiss, numpy
    scans inverted lists; where graphs would take more memory than allowed, they are what is left: slow, but
    without a limit. So it is without hnswlib.
    """
    if setting is not IndexKind.AUTO:
        return Choice(setting, "set for this channel")
    if descriptors <= CHOICE.flat_limit:
        return Choice(IndexKind.FLAT, "so few targets are compared one by one, and nothing is loaded")
    over = graph_memory(descriptors, INDEX_DIM) + beside > memory_limit()
    graphs = hnsw.installed() and not codebook.installed()
    unfit = () if graphs and not over else (IndexKind.HNSW,)
    kinds = [kind for kind in IndexKind if kind in KINDS and kind not in unfit and _costs_name(kind)]
    spent = sorted((_cost(kind, descriptors), kind) for kind in kinds)
    shown = ", ".join(f"{kind} {cost:,.0f}" for cost, kind in spent)
    why = f"cheapest as measured, in ms of CPU a search: {shown}"
    if over and graphs:
        why += f"; a graph would take over {memory_limit() / 2**30:.1f} GiB of memory"
    return Choice(spent[0][1], why, _advice(descriptors, spent[0][0]))


def costs_of(kind: IndexKind) -> KindCosts:
    """Return what a kind costs with the libraries that are installed. Raises NotSupported: not measured."""
    name = _costs_name(kind)
    if name is None:
        raise NotSupported(f"what the index kind {kind} costs was not measured")
    return costs().kinds[name]


def _costs_name(kind: IndexKind) -> str | None:
    """Return under which name the costs of a kind are shipped, None if they were not measured."""
    name = kind + WITHOUT_FAISS if KINDS[kind].joins and not codebook.installed() else kind.value
    return name if name in costs().kinds else None


def _cost(kind: IndexKind, descriptors: int) -> float:
    """Return ms of CPU a search, with its share of opening the channel."""
    measured = costs_of(kind)
    return measured.search.at(descriptors) + measured.open.at(descriptors) / CHOICE.lookups


def _advice(descriptors: int, spent: float) -> str | None:
    """Return what to install for a cheaper kind, and what it would bring; None where it brings nothing."""
    lists = costs().kinds[IndexKind.IVF].search.at(descriptors)
    if codebook.installed() or lists > spent / 2:
        return None
    return f"{extra_hint('large')}: faiss brings a search down from {spent:.0f} to {lists:.0f} ms"


def outgrown(
    setting: IndexKind, file: SegmentFile, descriptors: int, beside: Sequence[SegmentFile] = ()
) -> bool:
    """Say whether a segment should be written again as another kind; beside: the channel's other files.

    `auto` moves in one direction, that of KINDS: two processes, one with faiss and one without it, would
    otherwise rewrite the same channel in turn. A graph that nothing here can open has to go.
    """
    lists = [other for other in beside if other.kind == IndexKind.IVF]  # which no limit of memory is about
    wanted, order = kind_for(setting, descriptors, lists), [*KINDS]
    if setting is not IndexKind.AUTO or file.kind not in order:
        return wanted != file.kind
    closed = file.kind == IndexKind.HNSW and not hnsw.installed()
    return order.index(wanted) > order.index(file.kind) or closed


def open_segment(folder: Path, file: SegmentFile) -> DescriptorIndex:
    """Open a published segment after checking its bytes (of inverted lists only the table).

    Raises FileGone, DataDamaged, OSError.
    """
    kind = KINDS.get(file.kind)
    path = checked_path(folder, file) if kind is None or kind.joins else verify_content(folder, file)
    if kind is None:
        raise DataDamaged(f"{file.name}: a kind of segment that this arcli does not know: {file.kind}")
    try:
        return kind.load(path, file)
    except (DataDamaged, OSError) as error:
        if not path.exists():  # the file was collected between check and loading
            raise FileGone(file.name) from error
        raise


def write_segment(
    folder: Path,
    rows: tuple[int, int],
    chunks: Iterable[Chunk],
    *,
    kind: IndexKind,
    dim: int,
    capacity: int,
    bases: Sequence[SegmentFile] = (),
    dead: Rows | None = None,
) -> SegmentFile | None:
    """Write the codes of the rows first..last as a file of `folder`; None when there are none.

    `capacity`: descriptors at most. bases: segments of the same kind in `folder` to begin with; `chunks` are
    the rows that they do not hold. A graph takes one base at most, whose content is verified and none of
    whose rows was removed; inverted lists are joined, leaving out the sorted row ids `dead`. The file is
    durable and has its name when this returns. Raises MemoryLimit, OverflowError, OSError; DataDamaged and
    FileGone for the bases.
    """
    new = NewSegment(folder=folder, rows=rows, dim=dim, capacity=capacity, bases=bases, dead=dead)
    name, content = new_name(*rows, kind), KINDS[kind].builder(new)
    for codes, owners in chunks:
        content.add(codes, owners)
    if not content.descriptors:
        return None
    reached(FaultPoint.BUILT)
    write_durably(folder, name, content.save)
    crc32, sha256 = checksums(folder / name)
    return SegmentFile(
        name=name,
        kind=kind,
        dim=dim,
        ef=HnswSettings().ef_for(content.descriptors),
        descriptors=content.descriptors,
        bytes=(folder / name).stat().st_size,
        crc32=crc32,
        sha256=sha256,
    )
