"""Segments: index files of any kind, built from codes and opened by their record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from arcli.errors import DataDamaged
from arcli.features import INDEX_DIM
from arcli.files import FaultPoint, reached
from arcli.index import codebook, flat, hnsw
from arcli.index.files import FileGone, checked_path, checksums, new_name, verify_content, write_durably
from arcli.index.hnsw import HnswBuilder, HnswIndex, HnswSettings, graph_memory, memory_limit
from arcli.index.ivf import IvfBuilder, IvfIndex
from arcli.index.seam import Chunk, DescriptorIndex, IndexWriter, Rows
from arcli.models import IndexKind, SegmentFile


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
    return IvfIndex.load(path, dim=file.dim, descriptors=file.descriptors)


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
"""Each kind by its name in `IndexKind`: a new one gets a line here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSizes:
    """How `auto` chooses.

    flat_limit: descriptors up to which it takes flat, 2,000 to 100,000: about 20 ms a query, and nothing to
    load (docs/explanation/segments.md, "Kinds").
    """

    flat_limit: int = 20_000


SIZES = SegmentSizes()


def kind_for(setting: IndexKind, descriptors: int) -> IndexKind:
    """Return the kind of a segment with so many descriptors in a channel with that setting.

    `auto`: inverted lists beat the graph at every size above flat (docs/explanation/segments.md, "Kinds");
    without faiss numpy scans them, some ten times slower, but only where a graph would need more memory than
    allowed, or where there is no hnswlib.
    """
    if setting is not IndexKind.AUTO:
        return setting
    if descriptors <= SIZES.flat_limit:
        return IndexKind.FLAT
    over = graph_memory(descriptors, INDEX_DIM) > memory_limit()
    lists = over or codebook.installed() or not hnsw.installed()
    return IndexKind.IVF if lists else IndexKind.HNSW


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
