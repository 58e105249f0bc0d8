"""What the plan of folding writes and leaves when a channel is filled by loads: no file is written.

Run it by `python -m benchmarks.folding`, some seconds. Each load is a process that adds so many targets, 64
in a transaction, and ends. Printed for each: rows written to segments for each row there is in the end, and
how many segments there are after a load, on average and at most.
"""

from __future__ import annotations

from statistics import mean

from arcli.engine.indexing.fold_plan import AFTER_BULK, Piece, UpkeepOptions, due
from arcli.engine.indexing.index_builder import BUILDER
from arcli.models import IndexKind, SegmentFile
from arcli.store.segments import SegmentRecord
from benchmarks.results import print_table

TARGETS = (5000, 20_000)
LOADS = (100, 200, 256, 500, 1000, 2500)
BATCH = 64
NO_FILE = SegmentFile(name="", kind=IndexKind.IVF, dim=0, ef=0, descriptors=0, bytes=0, crc32=0, sha256="")


class Channel:
    """Rows, and which segments cover them."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.rows = self.written = 0

    def add(self, number: int) -> None:
        delta = self.pieces.pop() if self.pieces and self.pieces[-1].segment is None else None
        first, rows = (delta.first, delta.rows) if delta else (self.rows + 1, 0)
        self.rows += number
        self.pieces.append(Piece(first, self.rows, rows + number))

    def fold(self, options: UpkeepOptions) -> None:
        for job in due(self.pieces, options, IndexKind.IVF):
            self.written += job.rows
            kept = [piece for piece in self.pieces if piece not in job.pieces]
            segment = SegmentRecord(
                file=NO_FILE,
                first_row=job.first,
                last_row=job.last,
                rows=job.rows,
                built_at=0,
                store_id="",
                epoch="",
            )
            whole = Piece(job.first, job.last, job.rows, segment)
            self.pieces = sorted([*kept, whole], key=lambda piece: piece.first)

    def load(self, number: int) -> None:
        """Add so many as one process does."""
        begun = self.rows + min(BATCH, number)
        end = self.rows + number
        while self.rows < end:
            self.add(min(BATCH, end - self.rows))
            self.fold(UpkeepOptions())
        self.fold(AFTER_BULK if end - begun >= BUILDER.bulk_rows else UpkeepOptions())


def main() -> None:
    rows: list[tuple[int, int, float, float, int]] = []
    for targets in TARGETS:
        for each in LOADS:
            channel, counts = Channel(), list[int]()
            while channel.rows < targets:
                channel.load(min(each, targets - channel.rows))
                counts.append(sum(piece.segment is not None for piece in channel.pieces))
            written, most = channel.written / targets, max(counts)
            rows.append((targets, each, round(written, 1), round(mean(counts), 1), most))
    print_table(["targets", "a load", "written", "segments", "at most"], rows)


if __name__ == "__main__":
    main()
