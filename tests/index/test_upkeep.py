"""Folding, merging and compacting change which files answer, never what is answered."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arcli.engine.indexing import fold_plan, upkeep
from arcli.engine.indexing.coverage import INDEXING
from arcli.engine.indexing.fold_plan import AFTER_BULK, UpkeepOptions
from arcli.engine.indexing.index_builder import IndexBuilder
from arcli.engine.indexing.shortlist import INDEX_FOLDER, Shortlister
from arcli.engine.indexing.upkeep import LOCK_FILE, compact, compacting, maybe_fold
from arcli.errors import Locked, MemoryLimit
from arcli.files import file_lock
from arcli.index import segment
from arcli.index.ivf import IvfIndex
from arcli.models import ChannelSettings, IndexKind, SegmentFile, TargetChanges
from arcli.store import database, segments
from arcli.store.connections import Patience
from arcli.store.rows import NewTarget
from arcli.store.snapshot import Snapshot
from tests.index.index_samples import ALIKE, PER_TARGET, Shop, blurred, costs_with, features

SMALL = UpkeepOptions(delta_rows=10)


def test_a_target_is_found_as_soon_as_it_is_added_and_folded_when_there_are_enough(shop: Shop) -> None:
    for seed in range(9):
        shop.add(seed)
        assert not maybe_fold(shop.store, SMALL)
        assert shop.votes(seed)[0] == f"pic{seed}"
    assert shop.segments() == []
    shop.add(9)
    assert maybe_fold(shop.store, SMALL)
    assert shop.segments() == [(1, 10)]
    shop.check()


def test_segments_shrink_towards_the_newest_rows_and_stay_a_handful(shop: Shop) -> None:
    written: set[str] = set()
    for start in range(0, 200, 10):
        shop.add(*range(start, start + 10))
        maybe_fold(shop.store, SMALL)
        sizes = [last - first + 1 for first, last in shop.segments()]
        assert len(sizes) <= 4
        assert all(older >= 3 * newer for older, newer in pairwise(sizes))
        written |= shop.files()
    shop.check()
    rows = sum(int(name.split("-")[1]) - int(name.split("-")[0]) + 1 for name in written)
    assert rows <= 10 * 200, "bytes written while loading"


def test_when_many_were_added_the_newest_segments_become_one_also_without_a_delta(shop: Shop) -> None:
    shop.add(*range(110))
    compact(shop.store)
    shop.add(*range(110, 120))
    assert maybe_fold(shop.store, SMALL)
    assert shop.segments() == [(1, 110), (111, 120)]
    assert not maybe_fold(shop.store, SMALL)
    assert maybe_fold(shop.store, AFTER_BULK)
    assert shop.segments() == [(1, 120)]
    assert not maybe_fold(shop.store, AFTER_BULK)
    shop.add(120)
    assert maybe_fold(shop.store, AFTER_BULK)
    assert shop.segments() == [(1, 120), (121, 121)], "one target is not worth writing all again"
    shop.check()


def test_what_is_removed_or_replaced_is_never_answered(shop: Shop) -> None:
    shop.add(*range(40))
    compact(shop.store)
    shop.remove("pic39")
    shop.add(100)
    shop.replace("pic7", 101)
    assert "pic39" not in shop.votes(39)
    assert shop.votes(7)[0] != "pic7", "its new picture does not look like that"
    shop.check()
    compact(shop.store)
    assert shop.segments() == [(1, 42)]
    shop.check()
    with shop.store.read() as snapshot:
        assert list(snapshot.removed_rows()) == [8, 40], "kept while the generation before holds them"
    shop.add(102)
    compact(shop.store)
    with shop.store.read() as snapshot:
        assert not snapshot.removed_rows()


def test_rows_that_are_left_out_are_not_searched_but_stay(shop: Shop) -> None:
    shop.add(*range(20))
    compact(shop.store)
    shop.add(20, 21)
    for seed in (7, 21):  # in a segment, in the delta
        with shop.store.read() as snapshot:
            target = snapshot.target(f"pic{seed}")
            assert target is not None
            row = target.row_id
            search = partial(shop.shortlister.search, snapshot, features(seed).codes, limit=5, alike=ALIKE)
            assert search()[0].row_id == row
            assert row not in {entry.row_id for entry in search(left_out=[row])}
    shop.check()


def test_a_segment_more_than_a_fifth_dead_is_rewritten(shop: Shop) -> None:
    shop.add(*range(40))
    compact(shop.store)
    before = shop.files()
    shop.remove(*(f"pic{seed}" for seed in range(8)))
    assert not maybe_fold(shop.store, SMALL)
    shop.remove("pic8")
    assert maybe_fold(shop.store, SMALL)
    assert shop.files() > before
    shop.check()


def test_nothing_is_left_of_an_emptied_channel(shop: Shop) -> None:
    shop.add(*range(12))
    compact(shop.store)
    shop.remove(*[*shop.told])
    compact(shop.store)
    assert shop.segments() == []
    assert shop.votes(3) == []
    shop.add(50)
    shop.check()


def test_compacting_again_writes_nothing(shop: Shop) -> None:
    shop.add(*range(12))
    compact(shop.store)
    before = shop.files()
    compact(shop.store)
    assert shop.files() == before


def test_two_generations_of_files_are_kept(shop: Shop) -> None:
    counts = []
    for seed in range(5):
        shop.add(seed)
        compact(shop.store)
        counts.append(len(shop.files()))
    assert counts == [1, 2, 2, 2, 2]


def test_there_is_one_compactor_and_the_second_returns_at_once(shop: Shop) -> None:
    shop.add(*range(12))
    with file_lock(shop.folder / LOCK_FILE, timeout=0):
        assert not maybe_fold(shop.store, SMALL)
        with pytest.raises(Locked):
            compact(shop.store)
    assert maybe_fold(shop.store, SMALL)


@pytest.mark.parametrize("kind", [IndexKind.FLAT, IndexKind.HNSW, IndexKind.IVF])
def test_the_kind_of_segment_is_that_of_the_channel(shop: Shop, kind: IndexKind) -> None:
    shop.add(*range(12))
    with shop.store.write() as txn:
        settings = txn.info().settings
        txn.set_settings(type(settings)(index=kind))
    compact(shop.store)
    assert {name.rpartition(".")[2] for name in shop.files()} == {kind.value}
    shop.check()


def test_an_index_over_the_memory_limit_is_refused_and_the_delta_answers(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with shop.store.write() as txn:
        txn.set_settings(ChannelSettings(index=IndexKind.HNSW))
    shop.add(*range(101))
    monkeypatch.setattr(fold_plan, "memory_limit", lambda: 1000)
    with pytest.raises(MemoryLimit, match="101 targets") as refused:
        compact(shop.store)
    assert refused.value.hint
    assert not maybe_fold(shop.store, SMALL)
    assert refused.value.hint in caplog.text
    assert shop.votes(3)[0] == "pic3"


@pytest.fixture
def small_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists and graphs pay beyond 100 descriptors, so beyond no target."""
    monkeypatch.setattr(segment, "CHOICE", segment.ChoiceOptions(flat_limit=100))
    monkeypatch.setattr(segment, "costs", lambda: costs_with(flat_limit=100))


def kinds(shop: Shop) -> list[str]:
    with shop.store.read() as snapshot:
        return [record.file.kind for record in segments.live(snapshot)]


def test_a_few_targets_beside_lists_become_lists_and_alone_stay_flat(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "CHOICE", segment.ChoiceOptions(flat_limit=12 * INDEXING.keypoints))
    shop.add(*range(12))
    assert maybe_fold(shop.store, SMALL)
    assert kinds(shop) == ["flat"]
    shop.add(*range(12, 60))
    compact(shop.store)
    shop.add(*range(60, 71))
    assert maybe_fold(shop.store, SMALL)
    shop.check()
    installed = segment.codebook.installed()
    assert kinds(shop) == (["ivf", "ivf"] if installed else ["hnsw", "flat"])
    shop.add(*range(71, 75))
    assert maybe_fold(shop.store, UpkeepOptions(delta_rows=2, ratio=1, small_ratio=1))
    assert kinds(shop)[2:] == ["flat"], "so few cost less than opening a file of lists"
    assert not maybe_fold(shop.store, SMALL)
    shop.check()


@pytest.mark.usefixtures("small_costs")
def test_without_faiss_lists_take_over_where_all_graphs_would_take_too_much_memory(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(segment.codebook, "installed", lambda: False)
    segment.say_once.cache_clear()
    shop.add(*range(40))
    assert maybe_fold(shop.store, SMALL)
    assert kinds(shop) == ["hnsw"]
    need = segment.graph_memory(55 * INDEXING.keypoints, 32)
    for module in (segment, fold_plan):
        monkeypatch.setattr(module, "memory_limit", lambda: need)
    for start in range(40, 100, 10):
        shop.add(*range(start, start + 10))
        assert maybe_fold(shop.store, SMALL), "adding goes on"
        shop.check()
    assert "ivf" in kinds(shop), "what would have been the graph too many"
    compact(shop.store)
    assert kinds(shop) == ["ivf"]
    shop.check()
    advice = [line for line in caplog.messages if "[large]" in line]
    assert len(advice) == 1, "once"
    assert "from 1000 to 100 ms" in advice[0]


@pytest.mark.usefixtures("small_costs")
def test_a_segment_becomes_the_kind_that_is_now_best_when_nothing_else_is_due(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment.codebook, "installed", lambda: False)
    shop.add(*range(12))
    assert maybe_fold(shop.store, SMALL)
    assert kinds(shop) == ["hnsw"]
    assert not maybe_fold(shop.store, SMALL)
    shop.check()
    monkeypatch.setattr(segment.codebook, "installed", lambda: True)
    assert maybe_fold(shop.store, SMALL), "faiss was installed"
    assert kinds(shop) == ["ivf"]
    shop.check()
    monkeypatch.setattr(segment.codebook, "installed", lambda: False)
    assert not maybe_fold(shop.store, SMALL), "or processes with and without it would move it in turn"
    with shop.store.write() as txn:
        txn.set_settings(ChannelSettings(index=IndexKind.FLAT))
    assert maybe_fold(shop.store, SMALL)
    assert kinds(shop) == ["flat"]
    shop.check()
    assert not maybe_fold(shop.store, SMALL)


def test_a_search_goes_on_while_a_segment_becomes_another_kind(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add(*range(12))
    compact(shop.store)
    seen: list[str] = []
    built = upkeep.write_segment

    def searching(*words: Any, **named: Any) -> SegmentFile | None:
        with shop.store.read() as before:
            file = built(*words, **named)
            assert shop.votes(3)[0] == "pic3"
            seen.extend(record.file.kind for record in segments.live(before))
        return file

    monkeypatch.setattr(upkeep, "write_segment", searching)
    with shop.store.write() as txn:
        txn.set_settings(ChannelSettings(index=IndexKind.IVF))
    assert maybe_fold(shop.store, SMALL)
    assert (seen, kinds(shop)) == (["flat"], ["ivf"])
    shop.check()


def test_joined_lists_are_without_what_was_removed(shop: Shop) -> None:
    with shop.store.write() as txn:
        txn.set_settings(ChannelSettings(index=IndexKind.IVF))
    shop.add(*range(12))
    assert maybe_fold(shop.store, SMALL)
    shop.remove("pic3")
    shop.add(*range(12, 24))
    before = shop.files()
    compact(shop.store)
    assert shop.files() > before, "the generation before is kept"
    with shop.store.read() as snapshot:
        (record,) = segments.live(snapshot)
        assert not segments.dead_in(snapshot, record)
    assert (record.rows, record.file.descriptors) == (23, 23 * PER_TARGET)
    shop.check()


def joined(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[str]]:
    """Compact a channel of one segment of inverted lists and a delta.

    Return how often each list of the segment was compared, and which files were compared as a whole.
    """
    whole: list[str] = []
    lists: list[int] = []
    check, compare = upkeep.verify_content, IvfIndex._compare

    def compared(folder: Path, file: SegmentFile) -> Path:
        whole.append(file.name)
        return check(folder, file)

    def compared_list(index: IvfIndex, cell: int, place: slice, checksum: int) -> None:
        lists.append(int(cell))
        compare(index, cell, place, checksum)

    monkeypatch.setattr(upkeep, "verify_content", compared)
    monkeypatch.setattr(IvfIndex, "_compare", compared_list)
    compact(shop.store)
    return lists, whole


def test_lists_are_compared_once_when_they_are_joined(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with shop.store.write() as txn:
        txn.set_settings(ChannelSettings(index=IndexKind.IVF))
    shop.add(*range(12))
    compact(shop.store)
    shop.add(*range(12, 24))
    lists, whole = joined(shop, monkeypatch)
    assert lists
    assert (len(lists), whole) == (len(set(lists)), [])
    shop.check()


def test_a_damaged_list_is_built_again_when_it_would_be_joined(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.store.write() as txn:
        txn.set_settings(ChannelSettings(index=IndexKind.IVF))
    shop.add(*range(12))
    compact(shop.store)
    (name,) = shop.files()
    path = shop.store.folder / INDEX_FOLDER / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    shop.add(*range(12, 24))
    _, whole = joined(shop, monkeypatch)
    assert whole == [name]
    with shop.store.read() as snapshot:
        (record,) = segments.live(snapshot)
    assert (record.rows, record.file.descriptors) == (24, 24 * PER_TARGET)
    shop.check()


def test_a_search_waits_for_nobody(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.add(*range(12))
    compact(shop.store)
    shop.add(12)

    def refused(*args: object, **options: object) -> None:
        raise AssertionError("a search takes no lock")

    with compacting(shop.store), shop.store.write() as txn:
        txn.remove("pic3")  # not yet committed
        monkeypatch.setattr(database, "file_lock", refused)
        fresh = Shop(shop.folder, Patience(writer=0, recovery=0))
        assert [fresh.votes(seed)[0] for seed in (3, 12)] == ["pic3", "pic12"]
        monkeypatch.undo()
    assert fresh.votes(3)[0] != "pic3"
    fresh.store.close()


def test_a_warm_search_reads_no_features_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.add(*range(12))
    compact(shop.store)
    shop.add(12, 13)
    shop.votes(12)
    read: list[int] = []
    features = Snapshot.features
    monkeypatch.setattr(Snapshot, "features", lambda self, rows: read.extend([*rows]) or features(self, rows))
    shop.votes(3)
    assert read == []
    shop.add(14)
    assert shop.votes(14)[0] == "pic14"
    assert read == [15]


def test_many_dead_look_alikes_do_not_crowd_out_the_living_one(shop: Shop) -> None:
    """A picture that was added 40 times: 39 of them are removed, and the last is still the answer."""
    data = features(500).to_bytes()
    with shop.store.write() as txn:
        for number in range(40):
            txn.insert(NewTarget(identifier=f"twin{number}", features=data))
    shop.add(*range(200, 260))
    with shop.store.write() as txn:
        settings = txn.info().settings
        txn.set_settings(type(settings)(index=IndexKind.FLAT))
    compact(shop.store)
    with shop.store.write() as txn:
        for number in range(39):
            txn.remove(f"twin{number}")
    assert shop.votes(500, Shortlister(shop.store))[0] == "twin39"


def test_what_is_inactive_gets_no_vote_until_it_is_active_again(shop: Shop) -> None:
    shop.add(*range(12))
    compact(shop.store)
    shop.add(12)
    for active in (False, True):
        with shop.store.write() as txn:
            for name in ("pic3", "pic12"):
                txn.update(name, TargetChanges(active=active))
        for seed in (3, 12):
            assert (f"pic{seed}" in shop.votes(seed)) is active
            assert (f"pic{seed}" in shop.votes(seed, Shortlister(shop.store))) is active


def test_segments_with_dead_rows_and_a_delta_answer_like_one_fresh_segment(shop: Shop) -> None:
    with shop.store.write() as txn:
        settings = txn.info().settings
        txn.set_settings(type(settings)(index=IndexKind.HNSW))
    for start in range(0, 150, 15):
        shop.add(*range(start, start + 15))
        maybe_fold(shop.store, SMALL)
        shop.remove(f"pic{start}")
    shop.add(150, 151)
    assert len(shop.segments()) > 1
    grown = first_answers(shop)
    compact(shop.store)
    fresh = first_answers(shop)
    assert 0.3 < np.mean(fresh) < 1, "hard enough to tell"
    assert abs(np.mean(grown) - np.mean(fresh)) <= 0.05


def first_answers(shop: Shop) -> list[bool]:
    """Look up photos in which all but two keypoints are of something else."""
    search, answers = Shortlister(shop.store), []
    for identifier, seed in shop.told.items():
        codes = blurred(features(seed).codes, seed)
        codes[2:] = features(seed + 10_000).codes[2:]
        with shop.store.read() as snapshot:
            votes = search.search(snapshot, codes, limit=1, alike=ALIKE)
            rows = snapshot.rows([votes[0].row_id])
        answers.append(rows[votes[0].row_id].identifier == identifier)
    return answers


def test_the_log_says_when_work_on_the_index_begins_and_ends(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    builder = IndexBuilder(shop.store)
    with caplog.at_level("DEBUG", "arcli.engine.indexing"):
        shop.add(*range(3))
        builder.nudge()
        builder.finish()
    steps = [record.index_work for record in caplog.records if hasattr(record, "index_work")]
    assert steps == ["begins", "ends"] * 3
