"""A channel with something in every field, and all that one holds, for tests that move channels."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np

from arcli.engine.channels import Channels
from arcli.features import CODE_DIM, Features
from arcli.models import ListQuery
from arcli.store.rows import NewTarget

SIZE = 70  # three batches of a migration
KEYPOINTS = 20


def features(number: int) -> bytes:
    """Return keypoints that no other number has."""
    codes = np.random.default_rng(number).integers(-100, 100, (KEYPOINTS, CODE_DIM)).astype(np.int8)
    return Features(np.ones((KEYPOINTS, 4), np.float32), codes, (640, 480), 1).to_bytes()


def target(number: int) -> NewTarget:
    return NewTarget(
        identifier=f"target.{number}",
        features=features(number),
        metadata=f'{{"é": {number}}}' if number % 2 else None,
        matchratio=(None, 0.7, "0,7")[number % 3],
        level=number % 6 or None,
        active=number % 5 != 0,
        picture_hash=f"{number:064x}",
        picture=b"picture %d" % number if number % 4 else None,
        thumbnail=b"thumbnail %d" % number,
        name=f"Ärger {number}.jpg" if number % 7 == 0 else None,
        created=f"2024-01-02T03:04:{number % 60:02}Z",
        updated=f"2025-01-02T03:04:{number % 60:02}Z",
    )


def filled(channels: Channels, name: str, size: int = SIZE) -> None:
    """Add targets with gaps between their row ids, and match counts."""
    opened = channels.get(name)
    with opened.store.write() as writer:
        writer.insert(replace(target(0), identifier="gone"))
        writer.remove("gone")
        for number in range(size):
            writer.insert(target(number))
    days = [dt.date(2025, 12, 31), dt.date(2026, 1, 2)]
    opened.counts.add({(days[0], "target.1"): 3, (days[1], "target.1"): 4, (days[1], "gone"): 1})


def contents(channels: Channels, name: str) -> object:
    """Return all that a channel is and holds, apart from row ids."""
    try:
        opened = channels.get(name)
        with opened.store.read() as snapshot:
            _, rows = snapshot.list(ListQuery())
            ids = [row.row_id for row in rows]
            blobs = snapshot.features(ids), snapshot.thumbnails(ids)
            targets = [
                (row.as_target(), snapshot.picture(row.row_id), *(kind.get(row.row_id) for kind in blobs))
                for row in rows
            ]
        counts = opened.counts.read(dt.date.min, dt.date.max)
        return opened.record.created, opened.settings, opened.preset, targets, counts
    finally:
        opened.rest()
