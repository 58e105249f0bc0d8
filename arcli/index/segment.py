"""Segments: index files of either kind, built from codes and opened by their record."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from arcli.errors import DataDamaged
from arcli.files import FaultPoint, reached
from arcli.index import flat
from arcli.index.files import FileGone, checked_path, checksums, new_name, verify_content, write_durably
from arcli.index.hnsw import HnswBuilder, HnswIndex, HnswSettings
from arcli.index.seam import Chunk, DescriptorIndex, IndexWriter
from arcli.models import IndexKind, SegmentFile

FLAT_LIMIT = 20_000  # descriptors that `auto` keeps flat: about 20 ms a query, and no graph to load


def kind_for(setting: IndexKind, descriptors: int) -> IndexKind:
    """Return the kind of a segment of so many descriptors in a channel with that setting."""
    if setting is not IndexKind.AUTO:
        return setting
    return IndexKind.FLAT if descriptors <= FLAT_LIMIT else IndexKind.HNSW


def open_segment(folder: Path, file: SegmentFile) -> DescriptorIndex:
    """Open a published segment after checking its bytes. Raises FileGone, DataDamaged, OSError."""
    path = verify_content(folder, file)
    try:
        return _load(path, file)
    except (DataDamaged, OSError) as error:
        if not path.exists():  # collected between the check and the loading
            raise FileGone(file.name) from error
        raise


def _load(path: Path, file: SegmentFile) -> DescriptorIndex:
    if file.kind == IndexKind.FLAT:
        return flat.load(path, dim=file.dim, descriptors=file.descriptors)
    if file.kind == IndexKind.HNSW:
        return HnswIndex.load(path, dim=file.dim, descriptors=file.descriptors, ef=file.ef)
    raise DataDamaged(f"{file.name}: a kind of segment that this arcli does not know: {file.kind}")


def write_segment(
    folder: Path,
    rows: tuple[int, int],
    chunks: Iterable[Chunk],
    *,
    kind: IndexKind,
    dim: int,
    capacity: int,
    base: SegmentFile | None = None,
) -> SegmentFile | None:
    """Write the codes of the rows first..last as a file of `folder`; None when there are none.

    `capacity`: descriptors at most. base: an hnsw segment of `folder`, its content verified, to begin with;
    `chunks` are the rows that it does not hold. The file is durable and has its name when this returns.
    Raises MemoryLimit, OverflowError, OSError; DataDamaged and FileGone for the base.
    """
    name = new_name(*rows, kind)
    settings = HnswSettings()
    start = (checked_path(folder, base), base.descriptors) if base else None
    content: IndexWriter
    if kind is IndexKind.FLAT:
        content = flat.FlatBuilder()
    else:
        content = HnswBuilder(capacity, dim, settings, base=start)
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
