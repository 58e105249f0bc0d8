"""Work on a channel's index in processes that may die: python -m tests.faults.index_worker COMMAND FOLDER …

`serve` reads `COMMAND FAULT` lines and runs each in a forked child, so that a kill costs no new interpreter;
it answers with the signal that ended the child, 0 if none did.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from arcli import system
from arcli.engine.indexing import upkeep
from arcli.engine.indexing.fold_plan import UpkeepOptions
from arcli.files import FaultPoint
from arcli.store.channel import ChannelStore
from tests.faults import arming

SMALL = UpkeepOptions(delta_rows=4)


def fold(folder: Path) -> None:
    with ChannelStore.open(folder) as store:
        upkeep.maybe_fold(store, SMALL)


def compact(folder: Path) -> None:
    with ChannelStore.open(folder) as store:
        upkeep.compact(store)


def fold_without_fsync(folder: Path) -> None:
    """Sabotage: nothing of the index is ever synced."""
    system.sync = lambda path: None  # type: ignore[assignment]
    fold(folder)


def fold_naming_late(folder: Path) -> None:
    """Sabotage: the file gets its name after it was published."""
    late: list[tuple[Path, Path]] = []
    rename, reached = Path.rename, upkeep.reached

    def name_at_the_end(point: FaultPoint) -> None:
        reached(point)
        if point is FaultPoint.PUBLISHED:
            for source, target in late:
                rename(source, target)

    def note(source: Path, target: Path) -> None:
        late.append((source.with_suffix(".late"), target))
        rename(source, source.with_suffix(".late"))

    upkeep.reached = name_at_the_end
    upkeep.write_segment = published_first(note)  # type: ignore[assignment]
    fold(folder)


def published_first(note: object) -> object:
    """Return a `write_segment` that leaves the file under another name, its record as if it had its own."""
    from arcli.index import segment

    def write(*args: object, **options: object) -> object:
        done = segment.write_segment(*args, **options)  # type: ignore[arg-type]
        if done is not None:
            path = Path(str(args[0])) / done.name
            note(path, path)  # type: ignore[operator]
        return done

    return write


COMMANDS = {
    "fold": fold,
    "compact": compact,
    "fold_without_fsync": fold_without_fsync,
    "fold_naming_late": fold_naming_late,
}


def serve(folder: Path) -> None:
    import numpy as np

    from arcli.index.hnsw import HnswBuilder

    HnswBuilder(1, 32)  # loads what the children then need not
    np.zeros((2, 2), np.float32) @ np.zeros((2, 2), np.float32)
    for line in sys.stdin:
        command, _, fault = line.strip().partition(" ")
        child = os.fork()
        if child == 0:
            os.environ[arming.VARIABLE] = fault
            try:
                COMMANDS[command](folder)
            finally:
                os._exit(0)
        status = os.waitpid(child, 0)[1]
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(Path(sys.argv[2]))
    else:
        COMMANDS[sys.argv[1]](Path(sys.argv[2]))
