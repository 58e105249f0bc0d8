"""A process that adds does small folds itself and leaves large ones to another process."""

from __future__ import annotations

import logging
import shutil

import pytest

from arcli.engine.indexing.fold_plan import UpkeepOptions
from arcli.engine.indexing.index_builder import IndexBuilder, fold_within
from arcli.engine.indexing.upkeep import compacting, maybe_fold
from arcli.store.channel import ChannelStore
from tests.index.index_samples import Shop


def test_small_folds_are_done_at_once(shop: Shop) -> None:
    builder = IndexBuilder(shop.store)
    shop.add(*range(99))
    builder.nudge()
    assert shop.segments() == []
    shop.add(99)
    builder.nudge()
    assert shop.segments() == [(1, 100)]
    builder.finish()


def test_who_has_added_many_leaves_one_segment(shop: Shop) -> None:
    builder = IndexBuilder(shop.store)
    for first in range(0, 160, 20):
        shop.add(*range(first, first + 20))
        builder.nudge()
    assert shop.segments() == [(1, 100)], "and a delta of 60"
    builder.finish()
    assert shop.segments() == [(1, 160)]
    shop.check()


def test_who_has_added_few_leaves_them_to_the_next(shop: Shop) -> None:
    for first in range(0, 160, 20):
        builder = IndexBuilder(shop.store)
        shop.add(*range(first, first + 20))
        builder.nudge()
        builder.finish()
    assert shop.segments() == [(1, 100)]


def test_a_large_fold_is_announced_and_done_in_a_process_of_its_own(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    builder = IndexBuilder(shop.store, inline_rows=99)
    shop.add(*range(100))
    with caplog.at_level(logging.INFO):
        builder.nudge()
    assert "MiB" in caplog.text
    builder.finish()
    assert shop.segments() == [(1, 100)]
    shop.check()


def test_where_nobody_waits_the_builder_is_ended_and_the_next_one_does_its_work(shop: Shop) -> None:
    shop.add(*range(100))
    hasty = IndexBuilder(shop.store, inline_rows=0)
    hasty.nudge()
    hasty.finish()
    IndexBuilder(shop.store).finish()
    assert shop.segments() == [(1, 100)]
    shop.check()


def test_no_builder_is_started_while_somebody_else_compacts(shop: Shop) -> None:
    shop.add(*range(100))
    with compacting(shop.store):
        IndexBuilder(shop.store, inline_rows=0).finish()
        assert shop.segments() == []


def test_a_removed_channel_needs_no_index(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.add(1)
    shop.store.close()
    shutil.rmtree(shop.folder)
    IndexBuilder(shop.store).finish()
    assert caplog.records == []


@pytest.mark.parametrize(("memory", "left"), [(0, [(1, 100)]), (1 << 40, [(1, 300)])])
def test_a_builder_leaves_a_merge_beyond_what_it_announced_to_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, memory: int, left: list[tuple[int, int]]
) -> None:
    """Targets keep coming while it builds, and no builder takes more memory than it announced."""
    coming = iter([range(100, 300)])

    def fold(store: ChannelStore, options: UpkeepOptions) -> bool:
        done = maybe_fold(store, options)
        shop.add(*next(coming, ()))
        return done

    monkeypatch.setattr("arcli.engine.indexing.index_builder.maybe_fold", fold)
    shop.add(*range(100))
    fold_within(shop.store, UpkeepOptions(), memory)
    assert shop.segments() == left
    IndexBuilder(shop.store).finish()
    assert shop.segments() == [(1, 300)]
    shop.check()
