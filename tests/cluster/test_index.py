"""What leads from a committed row to a found target: out of order, in other processes, without Milvus."""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.queues import Queue
from typing import Any

import numpy as np
import pytest

from arcli.engine.cluster import carrier, delta
from arcli.engine.cluster.gallery import ClusterGallery
from arcli.engine.indexing import shortlist
from arcli.errors import Busy, Unreachable
from arcli.features import CODE_DIM, INDEX_DIM, Features
from arcli.index.milvus import MilvusCollection
from arcli.models import TargetChanges
from arcli.settings import ClusterPlace
from arcli.store.postgres.catalog import channel_number
from arcli.store.postgres.database import PostgresDatabase
from arcli.store.postgres.schema import STEPS, make_tables
from arcli.store.postgres.transit import Transit
from arcli.store.rows import NewTarget
from tests.cluster.servers import fresh_cluster

KEYPOINTS = 30
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def place() -> Iterator[ClusterPlace]:
    with fresh_cluster() as found:
        yield found


@pytest.fixture
def gallery(place: ClusterPlace) -> Iterator[ClusterGallery]:
    with ClusterGallery(place.postgres, place.milvus) as opened:
        opened.create_channel(name="posters")
        yield opened


def features(number: int) -> Features:
    """Return keypoints that no other number has."""
    rng = np.random.default_rng(number)
    codes = rng.integers(-100, 100, (KEYPOINTS, CODE_DIM)).astype(np.int8)
    return Features(np.ones((KEYPOINTS, 4), np.float32), codes, (640, 480), 1)


def target(number: int) -> NewTarget:
    return NewTarget(identifier=f"target.{number}", features=features(number).to_bytes(), level=3)


def add(gallery: ClusterGallery, *numbers: int) -> None:
    with gallery.channels_opened.get("posters").store.write() as writer:
        for number in numbers:
            writer.insert(target(number))


def found(gallery: ClusterGallery, number: int) -> str | None:
    """Return the identifier of the target with the most votes of those keypoints, if it has nearly all."""
    channel = gallery.channels_opened.get("posters")
    with channel.store.read() as snapshot:
        best = channel.shortlister().search(snapshot, features(number).codes, limit=1, alike=1000.0)
        if not best or best[0].votes < 0.9 * KEYPOINTS:
            return None
        return snapshot.rows([best[0].row_id])[best[0].row_id].identifier


def test_of_two_transactions_that_commit_in_reverse_order_both_are_found(gallery: ClusterGallery) -> None:
    store = gallery.channels_opened.get("posters").store
    with ExitStack() as stack:
        first = stack.enter_context(store.write())
        lower = first.insert(target(1))
        with store.write() as second:
            higher = second.insert(target(2))
        assert lower < higher
        assert found(gallery, 2) == "target.2"
        gallery.compact(channel="posters")
        assert found(gallery, 2) == "target.2"
        assert found(gallery, 1) is None
    assert found(gallery, 1) == "target.1"
    gallery.compact(channel="posters")
    assert [found(gallery, number) for number in (1, 2)] == ["target.1", "target.2"]
    assert gallery.channel(name="posters").delta_rows == 0


def test_a_reader_in_another_process_never_loses_sight_of_a_target(
    gallery: ClusterGallery, place: ClusterPlace
) -> None:
    context = multiprocessing.get_context("spawn")
    acknowledged: Queue[int] = context.Queue()
    loader = context.Process(target=_load, args=(place, acknowledged))
    loader.start()
    known: list[int] = []
    try:
        while loader.is_alive() or not acknowledged.empty():
            while not acknowledged.empty():
                known.append(acknowledged.get())
            for number in known[-6:]:
                assert found(gallery, number) == f"target.{number}"
    finally:
        loader.join()
    assert loader.exitcode == 0
    assert [found(gallery, number) for number in range(24)] == [f"target.{number}" for number in range(24)]


def _load(place: ClusterPlace, acknowledged: Queue[int]) -> None:
    """Add targets one at a time, and carry what was added while the reader searches."""
    with ClusterGallery(place.postgres, place.milvus) as gallery:
        for number in range(24):
            add(gallery, number)
            acknowledged.put(number)
            if number % 3 == 2:
                gallery.compact(channel="posters")


def test_what_was_removed_replaced_or_set_inactive_is_not_found_although_milvus_has_it(
    gallery: ClusterGallery,
) -> None:
    add(gallery, *range(5))
    gallery.compact(channel="posters")
    gallery.remove(channel="posters", identifier="target.1")
    gallery.update(channel="posters", identifier="target.2", changes=TargetChanges(active=False))
    with gallery.channels_opened.get("posters").store.write() as writer:
        writer.replace(NewTarget(identifier="target.3", features=features(33).to_bytes()))
    assert [found(gallery, number) for number in (1, 2, 3, 33)] == [None, None, None, "target.3"]
    assert gallery.channel(name="posters").tombstones == 2
    gallery.compact(channel="posters")
    assert [found(gallery, number) for number in (0, 1, 2, 3, 33)] == [
        *("target.0", None, None, None),
        "target.3",
    ]
    assert gallery.channel(name="posters").tombstones == 0
    gallery.update(channel="posters", identifier="target.2", changes=TargetChanges(active=True))
    assert found(gallery, 2) == "target.2"


def test_a_lost_collection_is_filled_again_by_repair_and_searched_exactly_until_then(
    gallery: ClusterGallery, caplog: pytest.LogCaptureFixture
) -> None:
    add(gallery, *range(6))
    gallery.compact(channel="posters")
    channels = gallery.channels_opened
    MilvusCollection(channels.service, channels.transit.place().collection).drop()
    with caplog.at_level(logging.WARNING):
        assert [found(gallery, number) for number in range(6)] == [f"target.{n}" for n in range(6)]
    assert sum("without Milvus" in line for line in caplog.messages) == 1
    assert [finding.ok for finding in gallery.verify()] == [True, False]
    assert [finding.repaired for finding in gallery.repair()] == [False, True]
    assert [finding.ok for finding in gallery.verify()] == [True, True]
    assert [found(gallery, number) for number in range(6)] == [f"target.{n}" for n in range(6)]


def test_while_milvus_is_filled_again_what_it_has_and_what_is_new_is_found(gallery: ClusterGallery) -> None:
    add(gallery, *range(4))
    gallery.compact(channel="posters")
    gallery.channels_opened.transit.begin_again()
    add(gallery, 4)
    assert [found(gallery, number) for number in range(5)] == [f"target.{n}" for n in range(5)]
    gallery.compact(channel="posters")
    assert gallery.channels_opened.transit.place().former is None
    assert [found(gallery, number) for number in range(5)] == [f"target.{n}" for n in range(5)]


def test_a_restored_database_begins_a_new_collection(gallery: ClusterGallery) -> None:
    add(gallery, 1, 2)
    gallery.compact(channel="posters")
    before = gallery.channels_opened.transit.place().collection
    gallery.compact(channel="posters")
    assert gallery.channels_opened.transit.place().collection == before
    with gallery.channels_opened.catalog().database.write() as connection:
        connection.execute("UPDATE index_state SET home = 'where it was saved'")
    gallery.compact(channel="posters")
    after = gallery.channels_opened.transit.place()
    assert (after.collection != before, after.former) == (True, None)
    assert [found(gallery, number) for number in (1, 2)] == ["target.1", "target.2"]


def test_without_milvus_targets_are_added_and_found_and_carried_when_it_is_back(place: ClusterPlace) -> None:
    with ClusterGallery(place.postgres, NOWHERE) as alone:
        alone.create_channel(name="posters")
        add(alone, 1, 2)
        assert found(alone, 1) == "target.1"
        with pytest.raises(Unreachable):
            alone.compact(channel="posters")
    with ClusterGallery(place.postgres, place.milvus) as gallery:
        assert gallery.compact(channel="posters").delta_rows == 0
        assert found(gallery, 2) == "target.2"


def test_one_process_carries_at_a_time(gallery: ClusterGallery) -> None:
    add(gallery, 1)
    with gallery.channels_opened.transit.carrying(), pytest.raises(Busy):
        gallery.compact(channel="posters")
    assert gallery.compact(channel="posters").delta_rows == 0


def test_tables_are_made_once_however_many_start_at_once(place: ClusterPlace) -> None:
    databases = [PostgresDatabase(place.postgres) for _ in range(4)]
    steps: list[int] = []
    threads = [threading.Thread(target=lambda one=one: steps.append(make_tables(one))) for one in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert sorted(steps) == [0, 0, 0, len(STEPS)]


def test_readers_get_the_timestamp_of_what_was_carried_with_what_is_no_longer_pending(
    gallery: ClusterGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    search = MilvusCollection.search

    def watched(self: MilvusCollection, *args: Any, guarantee: int) -> Any:
        asked.append(guarantee)
        return search(self, *args, guarantee=guarantee)

    monkeypatch.setattr(MilvusCollection, "search", watched)
    transit = gallery.channels_opened.transit
    for number, now in enumerate((5, 7)):
        monkeypatch.setattr(MilvusCollection, "now", lambda _, now=now: now)
        add(gallery, number)
        gallery.compact(channel="posters")
        assert transit.place().guarantee == now
        assert found(gallery, number) == f"target.{number}"
        assert asked.pop() == now
    transit.begin_again()
    assert transit.place().guarantee == 0


def test_what_an_interrupted_carrier_wrote_is_not_written_twice(
    gallery: ClusterGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(gallery, 1, 2, 4)
    with monkeypatch.context() as patch:
        patch.setattr(Transit, "settle", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            gallery.compact(channel="posters")
    add(gallery, 3)
    gallery.compact(channel="posters")
    channels = gallery.channels_opened
    collection = MilvusCollection(channels.service, channels.transit.place().collection)
    assert collection.count(channel_number(channels.get("posters").record)) == 4 * KEYPOINTS
    assert [found(gallery, number) for number in range(1, 5)] == [f"target.{n}" for n in range(1, 5)]


def _interrupted(*args: object) -> None:
    raise KeyboardInterrupt


def test_sizes_are_those_of_a_channels_targets_also_where_channels_share_a_partition(
    gallery: ClusterGallery,
) -> None:
    assert (gallery.channel(name="posters").store_bytes, gallery.channel(name="posters").index_bytes) == (
        0,
        0,
    )
    add(gallery, *range(30))
    alone = gallery.channel(name="posters")
    assert alone.store_bytes > 30 * len(features(1).to_bytes())
    assert alone.index_bytes == 0
    gallery.compact(channel="posters")
    assert gallery.channel(name="posters").index_bytes >= 30 * KEYPOINTS * INDEX_DIM
    neighbour = _of_the_same_partition(gallery)
    with gallery.channels_opened.get(neighbour).store.write() as writer:
        for number in range(10):
            writer.insert(target(number))
    ours, theirs = (gallery.channel(name=name).store_bytes for name in ("posters", neighbour))
    assert ours == pytest.approx(3 * theirs, rel=0.01)
    assert ours + theirs > alone.store_bytes


def _of_the_same_partition(gallery: ClusterGallery) -> str:
    """Make channels until one is kept in the partition of `posters`; return its name."""
    same = "SELECT satisfies_hash_partition('targets'::regclass, 16, remainder, ?::bigint)"
    database = gallery.channels_opened.catalog().database
    wanted: list[bool] = []
    for number in range(300):
        name = "posters" if number == 0 else f"other{number}"
        if number:
            gallery.create_channel(name=name)
        key = channel_number(gallery.channels_opened.get(name).record)
        with database.read() as connection:
            inside = connection.execute(f"{same} FROM generate_series(0, 15) AS remainder", (key,)).fetchall()
        if number and inside == wanted:
            return name
        wanted = wanted or inside
    raise AssertionError("all channels are in other partitions")


def test_rows_that_cannot_be_read_back_stay_pending_although_later_ones_were_written(
    gallery: ClusterGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next rows are written while some are read back."""
    add(gallery, *range(8))
    wrote: list[list[int]] = []
    write, present = MilvusCollection.write, MilvusCollection.present
    second = threading.Event()

    def noted(self: MilvusCollection, channel: int, rows: Any, *, again: bool = True) -> None:
        wrote.append([row for row, _ in rows])
        write(self, channel, rows, again=again)
        if len(wrote) == 2:
            second.set()

    def short(self: MilvusCollection, channel: int, row_ids: Any) -> int:
        assert second.wait(60)
        return present(self, channel, row_ids) - 1

    monkeypatch.setattr(carrier, "CARRIER", replace(carrier.CARRIER, batch_rows=3))
    monkeypatch.setattr(MilvusCollection, "write", noted)
    monkeypatch.setattr(MilvusCollection, "present", short)
    with pytest.raises(Unreachable, match="89 of 90"):
        gallery.compact(channel="posters")
    assert [len(rows) for rows in wrote] == [3, 3]
    assert len({row for rows in wrote for row in rows}) == 6
    assert gallery.state().pending == 8
    assert [found(gallery, number) for number in range(8)] == [f"target.{n}" for n in range(8)]

    monkeypatch.setattr(MilvusCollection, "present", present)
    assert gallery.compact(channel="posters").delta_rows == 0
    channel = gallery.channels_opened.get("posters")
    place = gallery.channels_opened.transit.place()
    collection = MilvusCollection(gallery.channels_opened.service, place.collection)
    assert collection.count(channel_number(channel.record)) == 8 * KEYPOINTS
    assert [found(gallery, number) for number in range(8)] == [f"target.{n}" for n in range(8)]


def test_where_the_strongest_voters_decide_the_others_do_not_ask_milvus(
    gallery: ClusterGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(gallery, *range(4))
    gallery.compact(channel="posters")
    asked: list[int] = []
    search = MilvusCollection.search

    def watched(self: MilvusCollection, channel: int, queries: Any, *args: Any, **options: Any) -> Any:
        asked.append(len(queries))
        return search(self, channel, queries, *args, **options)

    monkeypatch.setattr(MilvusCollection, "search", watched)
    for module in (delta, shortlist):
        monkeypatch.setattr(module, "EARLY", replace(shortlist.EARLY, descriptors=1, voters=10))
    one, other = features(1).codes, features(2).codes
    both = np.concatenate([one[:5], other])
    channel = gallery.channels_opened.get("posters")
    with channel.store.read() as snapshot:
        for codes, early, requests in ((one, True, [10]), (one, False, [30]), (both, True, [10, 25])):
            best = channel.shortlister().search(snapshot, codes, limit=5, alike=1000.0, early=early)
            assert asked == requests
            wanted = "target.2" if codes is both else "target.1"
            assert snapshot.rows([best[0].row_id])[best[0].row_id].identifier == wanted
            asked.clear()
