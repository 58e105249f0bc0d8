"""Damage to index files costs recall or time, never a wrong answer; doctor finds it and repairs it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from arcli.engine.indexing import index_view, segment_opener
from arcli.engine.indexing.fold_plan import UpkeepOptions
from arcli.engine.indexing.index_check import repair_index, verify_index
from arcli.engine.indexing.shortlist import Shortlister
from arcli.engine.indexing.upkeep import compact, maybe_fold
from arcli.errors import Busy
from arcli.models import ChannelSettings, IndexKind
from arcli.store import segments
from tests.index.index_samples import ALIKE, Shop

DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"more"),
    "empty": lambda path: os.truncate(path, 0),
    "flipped": lambda path: flip(path, path.stat().st_size // 2),
    "foreign": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a link": lambda path: (
        path.rename(path.with_suffix(".moved")),
        path.symlink_to(path.with_suffix(".moved")),
    ),
}


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def only_file(shop: Shop) -> Path:
    (name,) = shop.files()
    return shop.folder / "index" / name


def use(shop: Shop, kind: IndexKind) -> None:
    with shop.store.write() as txn:
        txn.set_settings(ChannelSettings(index=kind))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", [IndexKind.FLAT, IndexKind.HNSW])
def test_a_damaged_segment_is_noticed_done_without_and_rebuilt(
    shop: Shop, kind: IndexKind, damage: str
) -> None:
    use(shop, kind)
    shop.add(*range(30))
    compact(shop.store)
    assert all(finding.ok for finding in verify_index(shop.store))
    DAMAGES[damage](only_file(shop))
    fresh = Shortlister(shop.store)
    assert [shop.votes(seed, fresh)[0] for seed in (0, 29)] == ["pic0", "pic29"]
    (finding,) = verify_index(shop.store)
    assert not finding.ok
    assert "doctor --repair" in str(finding.hint)
    (repaired,) = repair_index(shop.store)
    assert repaired.repaired
    assert all(finding.ok for finding in verify_index(shop.store))
    shop.check()


def test_the_generation_before_answers_for_a_damaged_segment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add(*range(20))
    compact(shop.store)
    first = only_file(shop)
    shop.add(*range(20, 26))
    shop.remove("pic3")
    compact(shop.store)
    (second,) = shop.files() - {first.name}
    flip(first.with_name(second), 500)
    monkeypatch.setattr(
        index_view, "VIEW", index_view.ViewLimits(uncovered_rows=6)
    )  # the delta may hold the six new ones and no more
    fresh = Shortlister(shop.store)
    assert [shop.votes(seed, fresh)[0] for seed in (0, 19, 20, 25)] == ["pic0", "pic19", "pic20", "pic25"]
    assert "pic3" not in shop.votes(3, fresh)


def test_above_the_limit_the_channel_is_busy_until_it_is_rebuilt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add(*range(20))
    compact(shop.store)
    only_file(shop).unlink()
    monkeypatch.setattr(index_view, "VIEW", index_view.ViewLimits(uncovered_rows=19))
    with pytest.raises(Busy, match="20 targets") as busy:
        shop.votes(3, Shortlister(shop.store))
    assert "doctor --repair" in str(busy.value.hint)
    assert [finding.repaired for finding in repair_index(shop.store)] == [True]
    assert shop.votes(3, Shortlister(shop.store))[0] == "pic3"


def test_a_deleted_index_folder_is_rebuilt_by_the_next_adder(shop: Shop) -> None:
    shop.add(*range(20))
    compact(shop.store)
    shutil.rmtree(shop.folder / "index")
    shop.add(20)
    shop.check()
    assert maybe_fold(shop.store, UpkeepOptions(delta_rows=10))
    assert shop.segments() == [(1, 21)]
    shop.check()


def test_a_search_that_began_before_a_file_was_collected_reads_the_list_again(shop: Shop) -> None:
    shop.add(*range(20))
    compact(shop.store)
    with shop.store.read() as snapshot:
        segments.live(snapshot)  # the snapshot begins here
        for seed in (20, 21, 22):
            shop.add(seed)
            compact(shop.store)
        found = Shortlister(shop.store).search(snapshot, codes_of(4), limit=3, alike=ALIKE)
        assert snapshot.rows([found[0].row_id])[found[0].row_id].identifier == "pic4"


def codes_of(seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
    from tests.index.index_samples import features

    return features(seed).codes


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_index_files_that_others_can_write_are_not_loaded(shop: Shop, mode: int) -> None:
    shop.add(*range(20))
    compact(shop.store)
    (shop.folder / "index").chmod(mode)
    flip(only_file(shop), 300)  # were it loaded, it would be noticed as damaged
    assert shop.votes(3, Shortlister(shop.store))[0] == "pic3"
    (finding,) = verify_index(shop.store)
    assert "not loaded" in finding.message
    assert [found.repaired for found in repair_index(shop.store)] == [True]
    assert [found.ok for found in verify_index(shop.store)] == [True]
    assert shop.votes(3, Shortlister(shop.store))[0] == "pic3"


def test_a_folder_above_that_others_can_write_counts_too_and_is_mended(shop: Shop) -> None:
    shop.add(*range(20))
    compact(shop.store)
    shop.folder.chmod(0o720)
    assert [finding.ok for finding in verify_index(shop.store)] == [False]
    list(repair_index(shop.store))
    assert stat.S_IMODE(shop.folder.stat().st_mode) == 0o700
    assert [found.ok for found in verify_index(shop.store)] == [True]


def test_a_file_that_others_can_write_is_not_loaded(shop: Shop) -> None:
    shop.add(*range(20))
    compact(shop.store)
    only_file(shop).chmod(0o602)
    assert "others" in next(iter(verify_index(shop.store))).message
    list(repair_index(shop.store))
    assert [found.ok for found in verify_index(shop.store)] == [True]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root owns what others read")
def test_what_root_made_is_loaded_by_others(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.add(*range(20))
    compact(shop.store)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert [found.ok for found in verify_index(shop.store)] == [True]
    assert shop.votes(3, Shortlister(shop.store))[0] == "pic3"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_repairs_belongs_to_the_folders_owner(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.add(*range(20))
    compact(shop.store)
    only_file(shop).unlink()
    os.chown(shop.folder, 12345, 12345)
    list(repair_index(shop.store))
    assert {path.stat().st_uid for path in (shop.folder / "index", only_file(shop))} == {12345}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_index_files_of_somebody_else_are_not_loaded(shop: Shop) -> None:
    shop.add(*range(20))
    compact(shop.store)
    os.chown(shop.folder / "index", 12345, -1)
    assert shop.votes(3, Shortlister(shop.store))[0] == "pic3"
    assert [finding.ok for finding in verify_index(shop.store)] == [False]


def test_a_copy_of_a_channel_that_goes_its_own_way_never_meets_the_others_files(
    shop: Shop, tmp_path: Path
) -> None:
    shop.add(*range(15))
    compact(shop.store)
    shop.store.close()
    shutil.copytree(shop.folder, tmp_path / "copy")
    copy = shop.at(tmp_path / "copy")
    copy.check()
    shop.add(100)
    compact(shop.store)
    copy.add(200)  # has the row id of 100 in the original
    compact(copy.store)
    for path in (shop.folder / "index").iterdir():
        shutil.copy(path, copy.folder / "index")
    shutil.rmtree(shop.folder / "index")
    shutil.copytree(copy.folder / "index", shop.folder / "index")
    for each in (shop, copy):
        each.check()
    assert "pic100" not in copy.votes(100)
    copy.store.close()


def test_a_copy_takes_over_the_segments_that_came_along(shop: Shop, tmp_path: Path) -> None:
    shop.add(*range(15))
    compact(shop.store)
    shop.store.close()
    shutil.copytree(shop.folder, tmp_path / "copy")
    copy = shop.at(tmp_path / "copy")
    copy.add(50)
    assert copy.segments() == [], "another epoch"
    copy.check()
    assert [finding.ok for finding in verify_index(copy.store)] == [False]
    maybe_fold(copy.store, UpkeepOptions(delta_rows=10))
    assert copy.segments() == [(1, 15)]
    assert [finding.ok for finding in verify_index(copy.store)] == [True]
    copy.check()
    copy.store.close()


@pytest.mark.parametrize("changed", [False, True])
def test_a_copy_is_compacted_before_anything_else_is_written(
    shop: Shop, tmp_path: Path, *, changed: bool
) -> None:
    shop.add(*range(15))
    compact(shop.store)
    if changed:
        shop.add(50)
    shop.store.close()
    shutil.copytree(shop.folder, tmp_path / "copy")
    copy = shop.at(tmp_path / "copy")
    compact(copy.store)
    assert len(copy.segments()) == 1
    assert [finding.ok for finding in verify_index(copy.store)] == [True]
    copy.check()
    copy.store.close()


@pytest.mark.parametrize("as_a_new_file", [False, True])
def test_an_older_state_put_back_answers_by_what_it_holds(
    shop: Shop, tmp_path: Path, as_a_new_file: bool
) -> None:
    shop.add(*range(15))
    compact(shop.store)
    shop.store.close()
    shutil.copytree(shop.folder, tmp_path / "backup")
    told = dict(shop.told)
    shop.add(100)
    shop.remove("pic3")
    compact(shop.store)
    shop.store.close()
    if as_a_new_file:
        (shop.folder / "store.sqlite").rename(tmp_path / "kept")  # else its inode is given out again
    shutil.copy(tmp_path / "backup" / "store.sqlite", shop.folder)
    back = shop.at(shop.folder)
    back.told = told
    back.check()
    back.add(300)
    assert bool(back.segments()) is not as_a_new_file, "another epoch, so not searched before it is compared"
    back.check()
    compact(back.store)
    back.check()
    assert "pic100" not in back.votes(100)
    back.store.close()


def test_a_file_that_could_not_be_read_once_is_tried_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shop.add(*range(20))
    compact(shop.store)

    def no_handles(*args: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(segment_opener, "open_segment", no_handles)
        assert shop.votes(3)[0] == "pic3"
    assert "Too many open files" in caplog.text
    shop.add(20)
    monkeypatch.setattr(
        index_view, "VIEW", index_view.ViewLimits(uncovered_rows=1)
    )  # without the segment it would be busy
    assert shop.votes(3)[0] == "pic3"
