"""Segments: index files of any kind, built from codes and opened by their record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from arcli.errors import DataDamaged
from arcli.features import INDEX_DIM
from arcli.files import FaultPoint, reached
from arcli.index import flat
from arcli.index.codebook import installed
from arcli.index.files import FileGone, checked_path, checksums, new_name, verify_content, write_durably
from arcli.index.hnsw import HnswBuilder, HnswIndex, HnswSettings, graph_memory, memory_limit
from arcli.index.ivf import IvfBuilder, IvfIndex
from arcli.index.seam import Chunk, DescriptorIndex, IndexWriter, Rows
from arcli.models import IndexKind, SegmentFile

FLAT_LIMIT = 20_000  # descriptors up to which `auto` takes flat: about 20 ms a query, and no graph to load


def kind_for(setting: IndexKind, descriptors: int) -> IndexKind:
    """Return the kind of a segment with so many descriptors in a channel with that setting.

    `auto`: inverted lists beat the graph at every size above flat (docs/index.md, "Kinds"); without faiss
    numpy scans them, some ten times slower, but only where a graph would need more memory than allowed.
    """
    if setting is not IndexKind.AUTO:
        return setting
    if descriptors <= FLAT_LIMIT:
        return IndexKind.FLAT
    over = graph_memory(descriptors, INDEX_DIM) > memory_limit()
    return IndexKind.IVF if over or installed() else IndexKind.HNSW


def open_segment(folder: Path, file: SegmentFile) -> DescriptorIndex:
    """Open a published segment after checking its bytes (of inverted lists only the table).

    Raises FileGone, DataDamaged, OSError.
    """
    lazy = file.kind == IndexKind.IVF
    path = checked_path(folder, file) if lazy else verify_content(folder, file)
    try:
        return _load(path, file)
    except (DataDamaged, OSError) as error:
        if not path.exists():  # the file was collected between check and loading
            raise FileGone(file.name) from error
        raise


def _load(path: Path, file: SegmentFile) -> DescriptorIndex:
    if file.kind == IndexKind.FLAT:
        return flat.load(path, dim=file.dim, descriptors=file.descriptors)
    if file.kind == IndexKind.HNSW:
        return HnswIndex.load(path, dim=file.dim, descriptors=file.descriptors, ef=file.ef)
    if file.kind == IndexKind.IVF:
        return IvfIndex.load(path, dim=file.dim, descriptors=file.descriptors)
    raise DataDamaged(f"{file.name}: a kind of segment that this arcli does not know: {file.kind}")


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
    name = new_name(*rows, kind)
    settings = HnswSettings()
    content: IndexWriter
    if kind is IndexKind.FLAT:
        content = flat.FlatBuilder()
    elif kind is IndexKind.IVF:
        joined = [_load(checked_path(folder, base), base) for base in bases]
        lists = [index for index in joined if isinstance(index, IvfIndex)]
        content = IvfBuilder(folder, rows, bases=lists, dead=dead)
    else:
        start = [(checked_path(folder, base), base.descriptors) for base in bases]
        content = HnswBuilder(capacity, dim, settings, base=start[0] if start else None)
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
        ef=settings.ef_for(content.descriptors),
        descriptors=content.descriptors,
        bytes=(folder / name).stat().st_size,
        crc32=crc32,
        sha256=sha256,
    )
