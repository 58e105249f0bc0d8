"""Who maintains the index: the adder after it has acknowledged, a server at once, a lookup never."""

from __future__ import annotations

import datetime as dt
import logging
import multiprocessing
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from arcli import files
from arcli.engine import LocalGallery
from arcli.files import file_lock
from arcli.models import FindOptions, Picture, StatisticsQuery, TargetChanges
from arcli.store.channel import ChannelStore
from arcli.store.counts import Counts
from arcli.store.database import Database
from arcli.store.rows import NewTarget
from tests.index.index_samples import features

from .conftest import item, photo_of

CHANNEL = "default"
FOLD_AT = 100  # targets without a segment


def folder_of(data_dir: Path) -> Path:
    (folder,) = (data_dir / "channels").glob("*/")
    return folder


def fill(data_dir: Path, count: int, keypoints: int = 4) -> Path:
    """Add made-up targets without any upkeep."""
    with LocalGallery(data_dir) as gallery:
        gallery.create_channel(name=CHANNEL)
    folder = folder_of(data_dir)
    data = features(1, keypoints).to_bytes()
    with ChannelStore.open(folder) as store, store.write() as txn:
        for number in range(count):
            txn.insert(NewTarget(identifier=f"made{number}", features=data))
    return folder


def segments(gallery: LocalGallery) -> list[tuple[int, int]]:
    return [(made.first_row, made.last_row) for made in gallery.channel(name=CHANNEL).segments]


def photo(seed: int) -> Picture:
    return Picture(name="photo", data=photo_of(seed))


def test_a_lookup_never_folds(data_dir: Path) -> None:
    folder = fill(data_dir, 3 * FOLD_AT)
    with LocalGallery(data_dir) as gallery:
        for _ in range(2):
            gallery.find(picture=photo(1), channels=[CHANNEL])
    assert not (folder / "index").exists()
    assert not (folder / "index.lock").exists()


def added(gallery: LocalGallery) -> object:
    return gallery.add(channel=CHANNEL, item=item(1))


def updated(gallery: LocalGallery) -> object:
    return gallery.update(channel=CHANNEL, identifier="made3", changes=TargetChanges(metadata="{}"))


def removed(gallery: LocalGallery) -> object:
    return gallery.remove(channel=CHANNEL, identifier="made3")


@pytest.mark.parametrize("change", [added, updated, removed])
def test_the_index_is_brought_up_to_date_after_the_change_was_acknowledged(
    data_dir: Path, change: Any
) -> None:
    fill(data_dir, FOLD_AT + 1)
    with LocalGallery(data_dir) as gallery:
        change(gallery)
        assert segments(gallery) == []
    with LocalGallery(data_dir) as gallery:
        assert len(segments(gallery)) == 1


def test_the_next_change_folds_what_the_one_before_has_left(data_dir: Path) -> None:
    fill(data_dir, FOLD_AT + 1)
    with LocalGallery(data_dir) as gallery:
        removed(gallery)
        added(gallery)
        assert segments(gallery) == [(1, FOLD_AT + 1)]


def test_a_load_acknowledges_each_batch_before_it_folds(data_dir: Path) -> None:
    fill(data_dir, FOLD_AT)
    with LocalGallery(data_dir) as gallery:
        results = gallery.add_many(channel=CHANNEL, items=[item(1)])
        assert next(results).error is None
        assert segments(gallery) == []
        assert [*results] == []
        assert segments(gallery) == [(1, FOLD_AT + 1)]


def wait_for_builders() -> None:
    for child in multiprocessing.active_children():
        child.join(120)


def test_a_server_looks_after_the_index_in_the_background(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(data_dir, FOLD_AT)
    monkeypatch.setattr(os, "fork", forbidden)  # a forked child would drop SQLite's locks
    with caplog.at_level(logging.INFO), LocalGallery(data_dir, background=True) as gallery:
        assert segments(gallery) == []
        gallery.look_after_indexes()  # what the server does every now and then
        assert "in a separate process" in caplog.text
        wait_for_builders()
        assert segments(gallery) == [(1, FOLD_AT)]
        for number in range(FOLD_AT // 5 + 1):
            gallery.remove(channel=CHANNEL, identifier=f"made{number}")
        wait_for_builders()
        assert gallery.channel(name=CHANNEL).tombstones == 0, "a fifth was dead"


def test_a_find_reads_in_one_transaction(gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery.add(channel=CHANNEL, item=item(1))
    gallery.add(channel=CHANNEL, item=item(2))
    begun: list[str] = []
    read = Database.read
    monkeypatch.setattr(Database, "read", lambda self: begun.append(self.path.name) or read(self))
    assert gallery.find(picture=photo(1), channels=[CHANNEL], options=FindOptions(count=False)).matched
    assert begun.count("store.sqlite") == 1


@contextmanager
def by_arcli(counts: Counts) -> Iterator[None]:
    with file_lock(counts.database.lock_path, timeout=0):
        yield


@contextmanager
def by_another_program(counts: Counts) -> Iterator[None]:
    with closing(sqlite3.connect(counts.database.path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("held", [by_arcli, by_another_program])
def test_counting_never_makes_a_lookup_wait(
    gallery: LocalGallery, data_dir: Path, held: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.add(channel=CHANNEL, item=item(1))
    gallery.find(picture=photo(1), channels=[CHANNEL])
    gallery.flush_counts()
    with Counts(folder_of(data_dir)) as counts, held(counts):
        monkeypatch.setattr(files.time, "sleep", forbidden)
        for _ in range(2):
            assert gallery.find(picture=photo(1), channels=[CHANNEL]).matched
        gallery.flush_counts()
        monkeypatch.undo()
    ever = StatisticsQuery(start=dt.date.min, end=dt.date.max, channel=CHANNEL)
    (record,) = gallery.statistics(query=ever)
    assert record.count == 3, "what was counted meanwhile is not lost"


def forbidden(*args: object) -> None:
    raise AssertionError("it must not be called")
