"""What to do about a channel's segments: which ranges of rows to rewrite, and as which kind.

Segments shrink geometrically towards the newest rows. A fold takes the delta and, from the newest on, each
segment smaller than `ratio` times what is taken so far. Loading 20,000 targets by hundreds writes 5.8 times
the final index and has 2.8 segments on average, 5 at most; 100,000: 7.3, 3.7 and 6 (simulated;
benchmarks/folding.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arcli.engine.indexing.coverage import INDEXING, gaps
from arcli.errors import DataDamaged, MemoryLimit, ShellHint
from arcli.index.files import FileGone, checked_path
from arcli.index.hnsw import memory_limit
from arcli.index.segment import KINDS, kind_for, memory_of, outgrown
from arcli.models import IndexKind, SegmentFile
from arcli.store import segments
from arcli.store.segments import SegmentRecord
from arcli.store.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepOptions:
    """delta_rows (20 to 500): the delta is folded beyond so many; they cost a search about 20 ms, 1,000
    descriptors 1 ms (measured).

    ratio (1 to 8): the larger, the fewer segments and the more bytes written. small_ratio (1 to 24): the same
    for segments of up to small_rows rows. merge: whether the newest segments are merged although there is no
    delta. dead_share (0.1 to 0.5): a segment is rewritten when a larger share of its rows was removed.
    """

    delta_rows: int = 100
    ratio: float = 3.0
    small_ratio: float = 3.0
    small_rows: int = 5000
    merge: bool = False
    dead_share: float = 0.2

    def reach(self, taken: int, piece: Piece) -> float:
        """Return below how many rows a piece is rewritten too when `taken` rows beside it are."""
        small = taken + piece.rows <= self.small_rows
        return (self.small_ratio if small else self.ratio) * taken


AFTER_BULK = UpkeepOptions(delta_rows=1, small_ratio=12.0, merge=True)
"""When many targets were added and the adder closes. A lookup in 3,274 targets takes 4 % less time in one
segment than in two, a fifth to a third less than in three and a delta. Of 20,000 targets, loads of 200 each
write 9.6 times the index, loads of 500 8.1 times, and leave 1.9 and 1.6 segments on average
(benchmarks/folding.py)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of rows, how many of them exist, and the segment that covers it, if there is one.

    dead: rows of the segment that were removed. strays: rows that came back and that it may not hold.
    """

    first: int
    last: int
    rows: int
    segment: SegmentRecord | None = None
    dead: int = 0
    strays: int = 0

    @property
    def whole(self) -> bool:
        """Whether the segment holds what exists, and nothing else."""
        return not self.dead and not self.strays


@dataclass(frozen=True, slots=True)
class Job:
    """Write the rows of adjoining pieces as one segment. beside: the files of the channel's others."""

    pieces: tuple[Piece, ...]
    beside: tuple[SegmentFile, ...] = ()

    @property
    def first(self) -> int:
        return self.pieces[0].first

    @property
    def last(self) -> int:
        return self.pieces[-1].last

    @property
    def rows(self) -> int:
        return sum(piece.rows for piece in self.pieces)

    def kind(self, setting: IndexKind) -> IndexKind:
        """Return the kind of the segment to write in a channel with that setting."""
        return kind_for(setting, self.rows * INDEXING.keypoints, self.beside)

    def among(self, pieces: Sequence[Piece]) -> Job:
        """Return this job as one of a channel's: it leaves the other segments as they are."""
        return replace(self, beside=_files(piece for piece in pieces if piece not in self.pieces))

    def bases(self, kind: IndexKind) -> list[Piece]:
        """Return the pieces whose segments are reused: all inverted lists, which are joined without what
        was removed; or the largest graph from which nothing was removed, which is added to."""
        same = [piece for piece in self.pieces if piece.segment and piece.segment.file.kind == kind]
        if KINDS[kind].joins:
            return same
        graphs = [piece for piece in same if KINDS[kind].grows and piece.whole]
        return sorted(graphs, key=lambda piece: piece.rows)[-1:]

    def inserted(self, setting: IndexKind) -> int:
        """Return how many targets have to be coded or linked."""
        return self.rows - sum(piece.rows for piece in self.bases(self.kind(setting)))


def survey(snapshot: Snapshot, folder: Path, bad: frozenset[str] = frozenset()) -> list[Piece]:
    """Return which segment covers which rows, in order; one whose file is not as published covers none.

    bad: the names of files whose content is known to be damaged.
    """
    sound = [
        record
        for record in segments.live(snapshot)
        if record.file.name not in bad and _is_there(folder, record)
    ]
    pieces = [
        Piece(s.first_row, s.last_row, s.rows - dead + strays, s, dead, strays)
        for s in sound
        for dead, strays in [(segments.dead_in(snapshot, s), len(segments.strays(snapshot, [s])))]
    ]
    for first, last in gaps(sound, snapshot.last_row()):
        living = snapshot.living(first, last)
        if living:
            pieces.append(Piece(first, last, living))
    return sorted(pieces, key=lambda piece: piece.first)


def _is_there(folder: Path, record: SegmentRecord) -> bool:
    try:
        checked_path(folder, record.file)
    except (FileGone, DataDamaged):
        return False
    return True


def due(
    pieces: Sequence[Piece], options: UpkeepOptions = UpkeepOptions(), setting: IndexKind = IndexKind.AUTO
) -> list[Job]:
    """Return what ought to be written now, if anything."""
    jobs: list[Job] = []
    rest = list(pieces)
    delta = rest[-1].rows if rest and rest[-1].segment is None else 0
    if options.merge or delta >= options.delta_rows:
        taken = _newest(rest, options)
        if delta or len(taken) > 1:
            jobs.append(Job(tuple(taken)))
            del rest[-len(taken) :]
    elif delta:
        rest.pop()
    jobs += [Job((piece,)) for piece in rest if _must_go(piece, options) or _outgrown(piece, pieces, setting)]
    return [job.among(pieces) for job in jobs]


def _newest(pieces: Sequence[Piece], options: UpkeepOptions) -> list[Piece]:
    """Return the newest piece and those before it that are rewritten with it."""
    taken = list(pieces[-1:])
    for piece in reversed(pieces[:-1]):
        rows = sum(one.rows for one in taken)
        if piece.segment is not None and piece.rows >= options.reach(rows, piece):
            break
        taken.insert(0, piece)
    return taken


def _must_go(piece: Piece, options: UpkeepOptions) -> bool:
    """Say whether a piece other than the delta is a hole, or too much of it is dead or searched beside it."""
    if piece.segment is None or piece.strays >= options.delta_rows:
        return True
    return piece.dead + piece.strays > options.dead_share * piece.segment.rows


def _outgrown(piece: Piece, pieces: Sequence[Piece], setting: IndexKind) -> bool:
    """Say whether a segment is of another kind than one of its size beside the others would now be."""
    record, others = piece.segment, _files(other for other in pieces if other is not piece)
    return record is not None and outgrown(setting, record.file, record.rows * INDEXING.keypoints, others)


def _files(pieces: Iterable[Piece]) -> tuple[SegmentFile, ...]:
    return tuple(piece.segment.file for piece in pieces if piece.segment)


def whole(pieces: Sequence[Piece], setting: IndexKind) -> list[Job]:
    """Return the job that leaves one segment without dead rows; no job if that is so already."""
    if not pieces:
        return []
    if len(pieces) == 1 and pieces[0].segment and pieces[0].whole and not _outgrown(pieces[0], (), setting):
        return []
    return [Job(tuple(pieces))]


def check_memory(pieces: Sequence[Piece], jobs: Sequence[Job], setting: IndexKind) -> None:
    """Raise MemoryLimit when the channel's graphs would need more memory than an index may take."""
    taken = {piece for job in jobs for piece in job.pieces}
    kept = sum(memory_of(piece.segment.file) for piece in pieces if piece not in taken and piece.segment)
    need = sum(KINDS[job.kind(setting)].memory(job.rows * INDEXING.keypoints) for job in jobs)
    if need and kept + need > memory_limit():
        raise MemoryLimit(
            f"an index of {sum(piece.rows for piece in pieces):,} targets needs"
            f" {(kept + need) / 2**30:.1f} GiB of memory, over the limit of {memory_limit() / 2**30:.1f} GiB",
            hint=ShellHint(
                "let arcli choose its kind (arcli channel set NAME --index auto), or split the channel"
            ),
        )
