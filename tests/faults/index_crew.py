"""Processes on one channel's index, without pictures: python -m tests.faults.index_crew COMMAND DATA LOG …

The same commands and log as gallery_worker, but each picture is made-up features and each adder folds a delta
of five rows, so that segments are published and merged all the time. All end when stdin closes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from arcli.engine.indexing.fold_plan import UpkeepOptions
from arcli.engine.indexing.shortlist import Shortlister
from arcli.engine.indexing.upkeep import compact as compact_store
from arcli.engine.indexing.upkeep import maybe_fold
from arcli.errors import Locked
from arcli.store.channel import ChannelStore
from arcli.store.rows import NewTarget
from arcli.timings import recording
from tests.faults.gallery_worker import BLOCK, REPLACED, Log
from tests.index.index_samples import ALIKE, blurred, features

SMALL = UpkeepOptions(delta_rows=5)
_SURE = 25  # of 50 keypoints; a stranger gets about 8 votes


def stopped() -> bool:
    return sys.stdin.buffer.read(1) is not None


def write(store: ChannelStore, name: str, seed: int, *, replacing: bool) -> bool:
    """Store a picture; False when there is nothing left to replace."""
    new = NewTarget(identifier=name, features=features(seed).to_bytes())
    with store.write() as txn:
        if replacing and txn.target(name) is None:
            return False
        txn.replace(new) if replacing else txn.insert(new)
    return True


def add(store: ChannelStore, log: Log, first: str, count: str) -> None:
    """Add one at a time, replace every third, and fold after each."""
    for seed in range(int(first), int(first) + int(count)):
        if stopped():
            return
        name = f"poster{seed}"
        log(partial(write, store, name, seed, replacing=False), target=name, comes=seed)
        if seed % 3 == 0:
            other = seed + REPLACED
            log(
                partial(write, store, name, other, replacing=True),
                target=name,
                comes=other,
                goes=seed,
            )
        maybe_fold(store, SMALL)


def remove(store: ChannelStore, log: Log, first: str, count: str) -> None:
    """Remove every second one when it has come."""
    left = {seed for seed in range(int(first), int(first) + int(count)) if seed % 2 == 0}
    while left and not stopped():
        for seed in sorted(left):
            name = f"poster{seed}"
            with store.read() as snapshot:
                there = snapshot.target(name) is not None
            if there:
                log(partial(removed, store, name), target=name, goes="*")
                left.discard(seed)


def removed(store: ChannelStore, name: str) -> bool:
    with store.write() as txn:
        return txn.remove(name) is not None


def find(store: ChannelStore, log: Log, step: str, *seeds: str) -> None:
    """Look up again and again what may be there, and what will come soon."""
    search = Shortlister(store, background=int(step) % 2 == 0)  # as in a server, and as at the shell
    order = sorted(map(int, seeds), key=lambda seed: seed * int(step) % 101)
    while True:
        with store.read() as snapshot:
            soon = snapshot.last_row() // 4 + 20
        for seed in [seed for seed in order if seed % BLOCK < soon]:
            if stopped():
                return
            log(partial(found, store, search, seed), photo=seed)


def found(store: ChannelStore, search: Shortlister, seed: int) -> list[str]:
    with recording() as times, store.read() as snapshot:
        votes = search.search(snapshot, blurred(features(seed).codes), limit=30, alike=ALIKE)
        rows = snapshot.rows(vote.row_id for vote in votes)
    assert "wait" not in times.milliseconds(), "it waited for a lock"
    return [rows[vote.row_id].identifier for vote in votes if vote.votes > _SURE and vote.row_id in rows]


def compact(store: ChannelStore, log: Log) -> None:
    while not stopped():
        log(lambda: compacted(store))


def compacted(store: ChannelStore) -> str:
    try:
        compact_store(store)
    except Locked:
        return "busy"
    return "done"


COMMANDS: dict[str, Callable[..., None]] = {"add": add, "remove": remove, "find": find, "compact": compact}


def main(command: str, data_dir: str, log: str, *words: str) -> None:
    os.set_blocking(0, False)
    (folder,) = (Path(data_dir) / "channels").glob("*/")
    with ChannelStore.open(folder) as store:
        COMMANDS[command](store, Log(log), *words)


if __name__ == "__main__":
    main(*sys.argv[1:])
