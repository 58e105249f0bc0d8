"""Several processes on one store: nothing acknowledged is lost, and nobody waits for a dead process."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcli.errors import ChannelNotFound, Locked
from arcli.files import file_lock
from arcli.models import ChannelSettings
from arcli.store.catalog import Catalog
from arcli.store.channel import ChannelStore
from arcli.store.counts import Counts
from arcli.store.repair.check import verify_store
from arcli.store.rows import NewTarget
from tests.store.store_worker import Start


def identifiers(folder: Path) -> list[str]:
    with ChannelStore.open(folder, readonly=True) as store, store.read() as snapshot:
        return [row.identifier for row in snapshot.list()[1]]


def assert_sound(folder: Path) -> None:
    with ChannelStore.open(folder) as store:
        assert [f for f in verify_store(store, decode=len) if not f.ok] == []


def test_adders_removers_and_readers_at_once(folder: Path, start: Start) -> None:
    watchers = [start("watch", folder) for _ in range(2)]
    adders = [start("add", folder, prefix, 40) for prefix in ("keep", "drop", "stay")]
    remover = start("remove", folder, "drop", 40)
    added = [name for adder in adders for name in adder.communicate(timeout=120)[0].split()]
    assert remover.communicate(timeout=120)[0] == "removed\n"
    reads = [int(watcher.communicate(timeout=120)[0]) for watcher in watchers]
    assert all(process.returncode == 0 for process in (*adders, remover, *watchers))
    assert len(added) == 120
    assert identifiers(folder) == sorted(name for name in added if not name.startswith("drop"))
    assert min(reads) > 0
    assert_sound(folder)


def test_what_was_acknowledged_survives_kill_9(folder: Path, start: Start) -> None:
    acknowledged: list[str] = []
    for attempt in range(4):
        adder = start("add", folder, f"try{attempt}_", 1000)
        assert adder.stdout is not None
        acknowledged += [adder.stdout.readline().strip() for _ in range(3 + 5 * attempt)]
        adder.kill()
        acknowledged += adder.communicate()[0].split()
    assert set(acknowledged) <= set(identifiers(folder))
    assert_sound(folder)


def test_a_process_killed_inside_a_transaction_leaves_nothing_and_blocks_nobody(
    folder: Path, start: Start
) -> None:
    process = start("stop_inside", folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    with ChannelStore.open(folder) as store:
        with store.read() as snapshot:
            assert snapshot.count() == 0, "readers do not wait for a writer, and do not see it"
        with pytest.raises(Locked), store.write(timeout=0):
            pass
        process.kill()
        process.wait()
        with store.write(timeout=10) as txn:
            assert txn.insert(NewTarget(identifier="next", features=b"")) == 1
    assert identifiers(folder) == ["next"]
    assert_sound(folder)


def test_a_channel_is_created_once_however_many_try(tmp_path: Path, start: Start) -> None:
    processes = [start("create", tmp_path / "data", "Straße") for _ in range(5)]
    answers = sorted(p.communicate(timeout=60)[0].strip() for p in processes)
    assert answers[:4] == ["! channel_exists"] * 4
    with Catalog.open(tmp_path / "data", create=False) as catalog:
        assert [c.folder.name for c in catalog.channels()] == answers[4:]
        assert catalog.stores() == [catalog.channels()[0].folder]


def test_a_removed_channel_lets_readers_finish_and_refuses_newcomers(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "data", create=True) as catalog:
        record = catalog.create_channel("gone", ChannelSettings(), 1)
        store, counts = ChannelStore.open(record.folder), Counts(record.folder)
        with store.write() as txn:
            txn.insert(NewTarget(identifier="one", features=b"F"))
        with store.read() as snapshot:
            catalog.remove_channel("gone")
            assert snapshot.features([1]) == {1: b"F"}
        counts.record(["one"])
        for attempt in (store.read, store.write):
            with pytest.raises(ChannelNotFound), attempt():
                pass
        with pytest.raises(ChannelNotFound):
            counts.flush()
        store.close()
        assert catalog.channels() == []
        assert [*catalog.channels_dir.iterdir()] == []
        catalog.create_channel("gone", ChannelSettings(), 1)


def test_counts_never_wait(folder: Path) -> None:
    with Counts(folder) as counts:
        counts.record(["one"])
        assert counts.flush()
        counts.record(["one", "two"])
        counts.record([])
        with file_lock(counts.database.lock_path, timeout=0):
            assert not counts.flush()
        assert counts.flush()
