"""A process that looks up what another process has just added, and counts how often it would have to wait."""

from __future__ import annotations

import sqlite3
import statistics
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

from arcli.engine.indexing.shortlist import Shortlister
from arcli.errors import Locked
from arcli.features import Features
from arcli.store.channel import ChannelStore
from arcli.store.connections import Patience
from arcli.vision.features.presets import ALIKE


def finder(folder: Path, pipe: Connection) -> None:
    """Answer each row id that comes through `pipe` (None ends it), then send what was counted.

    Without any patience each lock that would be waited for is an error.
    """
    waits = 0
    missed, times = [], []
    with ChannelStore.open(folder, patience=Patience(writer=0, recovery=0)) as store:
        search = Shortlister(store)
        pipe.send("ready")
        while (row := pipe.recv()) is not None:
            began = perf_counter()
            try:
                if not sees(store, search, row):
                    missed.append(row)
            except (Locked, sqlite3.OperationalError):
                waits += 1
            times.append(1000 * (perf_counter() - began))
            pipe.send(row)
    pipe.send({"waits": waits, "missed": missed, "median_ms": round(statistics.median(times), 1)})


def sees(store: ChannelStore, search: Shortlister, row: int) -> bool:
    """Say whether a target is among the 30 that its own keypoints vote for."""
    with store.read() as snapshot:
        features = Features.from_bytes(snapshot.features([row])[row])
        found = search.search(snapshot, features.codes, limit=30, alike=ALIKE[features.preset])
        return row in {vote.row_id for vote in found}
