"""In a server a search never waits for a merged segment to be loaded: what it merges is still searched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from arcli.engine.indexing import index_view, segment_opener, shortlist
from arcli.engine.indexing.index_view import IndexViewBuilder
from arcli.engine.indexing.shortlist import Shortlister
from arcli.engine.indexing.upkeep import compact
from arcli.index.seam import DescriptorIndex
from arcli.models import ChannelSettings, IndexKind, SegmentFile, TargetChanges
from arcli.timings import Phase, phase, recording
from tests.index.index_samples import Shop


class SlowDisk:
    """Loads nothing until it is released."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.names: list[str] = []
        self._open = segment_opener.open_segment

    def open(self, folder: Path, file: SegmentFile) -> DescriptorIndex:
        assert self.go_on.wait(60)
        self.names.append(file.name)
        return self._open(folder, file)


class Pool(ThreadPoolExecutor):
    """Records the work that it was given."""

    begun: ClassVar[list[Future[Any]]] = []

    def submit(self, *work: Any, **options: Any) -> Future[Any]:
        self.begun.append(super().submit(*work, **options))
        return self.begun[-1]


@pytest.fixture
def server(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shortlister]:
    """A search as a server makes it, with a segment of 20 targets open."""
    Pool.begun.clear()
    monkeypatch.setattr(segment_opener, "ThreadPoolExecutor", Pool)
    with shop.store.write() as txn:
        txn.set_settings(ChannelSettings(index=IndexKind.HNSW))
    shop.add(*range(20))
    compact(shop.store)
    search = Shortlister(shop.store, background=True)
    assert shop.votes(3, search)[0] == "pic3"
    yield search
    search.close()


@pytest.fixture
def disk(server: Shortlister, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    slow = SlowDisk()
    monkeypatch.setattr(segment_opener, "open_segment", slow.open)
    yield slow
    slow.go_on.set()


def expect_right_answers(shop: Shop, server: Shortlister) -> None:
    for identifier, seed in shop.told.items():
        assert shop.votes(seed, server)[0] == identifier


def test_searches_go_on_while_a_merged_segment_is_loaded(
    shop: Shop, server: Shortlister, disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (20, 21, 22):  # more generations than are kept
        shop.add(seed)
        shop.remove(f"pic{seed - 20}")
        compact(shop.store)
        expect_right_answers(shop, server)
        for gone in range(seed - 19):
            assert f"pic{gone}" not in shop.votes(gone, server)
    (last,) = [name for name in shop.files() if name.startswith("1-23-")]
    disk.go_on.set()
    wait(Pool.begun, timeout=60)
    assert disk.names[-1] == last
    expect_right_answers(shop, server)
    monkeypatch.setattr(
        index_view, "VIEW", index_view.ViewLimits(uncovered_rows=0)
    )  # busy, did it not search the merged one now
    with shop.store.write() as txn:
        txn.update("pic5", TargetChanges(metadata="{}"))
    expect_right_answers(shop, server)


def test_a_merged_segment_that_is_damaged_is_done_without(
    shop: Shop, server: Shortlister, disk: SlowDisk
) -> None:
    shop.add(20)
    before = shop.files()
    compact(shop.store)
    (merged,) = shop.files() - before
    path = shop.folder / "index" / merged
    path.write_bytes(bytes(path.stat().st_size))
    expect_right_answers(shop, server)
    disk.go_on.set()
    wait(Pool.begun, timeout=60)
    expect_right_answers(shop, server)
    assert disk.names == [merged], "once is enough"


def test_far_too_much_that_no_open_segment_has_is_waited_for(
    shop: Shop, server: Shortlister, disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_view, "VIEW", index_view.ViewLimits(catch_up_rows=4))
    shop.add(*range(20, 25))
    compact(shop.store)
    disk.go_on.set()
    assert shop.votes(24, server)[0] == "pic24"
    assert len(disk.names) == 1


def test_a_search_after_the_channel_was_closed_waits_itself(shop: Shop, server: Shortlister) -> None:
    server.close()
    shop.add(20)
    compact(shop.store)
    expect_right_answers(shop, server)


def test_a_search_that_waits_while_another_opens_the_index_records_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests of many processes (tests/faults) assert that adding makes none wait."""
    opening, waited = threading.Event(), threading.Event()
    build = IndexViewBuilder.build

    def slow(*words: Any, **named: Any) -> Any:
        opening.set()
        assert waited.wait(60), "the other search did not wait, or did not record it"
        return build(*words, **named)

    def seen(name: Phase) -> AbstractContextManager[None]:
        if name == "wait":
            waited.set()
        return phase(name)

    def look() -> tuple[str, bool]:
        with recording() as times:
            return shop.votes(3, search)[0], "wait" in times.milliseconds()

    shop.add(*range(5))
    search = Shortlister(shop.store)
    monkeypatch.setattr(IndexViewBuilder, "build", slow)
    monkeypatch.setattr(shortlist, "phase", seen)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(look)
        assert opening.wait(60)
        second = pool.submit(look)
        assert [first.result(60), second.result(60)] == [("pic3", False), ("pic3", True)]
    search.close()
