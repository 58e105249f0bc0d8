"""What `doctor` finds in a store, and what it can repair."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arcli.errors import DataDamaged, DataTooNew
from arcli.models import Finding
from arcli.store.channel import ChannelStore
from arcli.store.connections import open_connection
from arcli.store.counts import COUNTS_FILE, Counts
from arcli.store.repair.check import advice, repair_store, verify_counts, verify_store
from arcli.store.repair.mends import renew_counts
from arcli.store.rows import NewTarget

SPOILS = {
    "counted": "UPDATE state SET targets = 9",
    "rows of features": "INSERT INTO features VALUES (77, x'00')",
    "rows of pictures": "INSERT INTO pictures VALUES (77, x'00')",
    "marked as removed": "INSERT INTO dead VALUES (1, 0)",
}


def read_features(data: bytes) -> None:
    if data != b"F":
        raise DataDamaged("stored features are cut short")


def damages(store: ChannelStore) -> list[Finding]:
    return [finding for finding in verify_store(store, read_features) if not finding.ok]


@pytest.fixture
def store(folder: Path) -> Iterator[ChannelStore]:
    with ChannelStore.open(folder) as opened:
        with opened.write() as txn:
            txn.insert(NewTarget(identifier="one", features=b"F"))
            txn.insert(NewTarget(identifier="two", features=b"F", picture=b"P"))
        yield opened


def spoil(store: ChannelStore, statement: str) -> None:
    with store.database.excluded():
        connection = open_connection(store.database.path, "mode=rw")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement)
        connection.close()


def test_a_sound_store(store: ChannelStore) -> None:
    findings = [*verify_store(store, read_features)]
    assert [finding.ok for finding in findings] == [True, True]
    assert "2 targets are complete" in findings[-1].message
    assert [*repair_store(store)] == []


@pytest.mark.parametrize("what", SPOILS)
def test_strays_are_found_and_repaired(store: ChannelStore, what: str) -> None:
    spoil(store, SPOILS[what])
    [finding] = damages(store)
    assert what in finding.message
    assert [f.repaired for f in repair_store(store)] == [True]
    assert damages(store) == []


def test_features_that_cannot_be_read_name_their_target(store: ChannelStore) -> None:
    """Also of a target that an arcli without checksums wrote."""
    spoil(store, "UPDATE features SET data = x'0102' WHERE row_id = 2")
    [finding] = damages(store)
    assert (finding.subject, "wrong checksum" in finding.message) == ("cards/two", True)
    spoil(store, "UPDATE targets SET crc32 = NULL, features_crc = NULL WHERE row_id = 2")
    [finding] = damages(store)
    assert (finding.subject, "cut short" in finding.message) == ("cards/two", True)


def test_targets_without_features_cannot_be_repaired(store: ChannelStore) -> None:
    spoil(store, "DELETE FROM features WHERE row_id = 2")
    [finding] = damages(store)
    assert "1 targets have no features" in finding.message
    assert [(f.ok, f.repaired) for f in repair_store(store)] == [(False, False)]


def test_a_damaged_page_is_found(store: ChannelStore, folder: Path) -> None:
    with store.write() as txn:
        for number in range(50):
            txn.insert(NewTarget(identifier=f"more{number}", features=b"F"))
    store.close()
    file = folder / "store.sqlite"
    data = bytearray(file.read_bytes())
    data[8192 * 3 : 8192 * 12] = bytes(8192 * 9)
    file.write_bytes(data)
    assert damages(store)


def test_damaged_counts_are_put_aside(folder: Path) -> None:
    with Counts(folder) as counts:
        assert [*verify_counts(counts)] == [*renew_counts(counts)] == []
        counts.record(["one"])
        assert counts.flush()
        assert [finding.ok for finding in verify_counts(counts)] == [True]
    rubbish = b"rubbish" * 1000
    (folder / COUNTS_FILE).write_bytes(rubbish)
    with Counts(folder) as counts:
        [finding] = verify_counts(counts)
        assert "doctor --repair" in str(finding.hint)
        assert {finding.repaired for finding in renew_counts(counts)} == {True}
        assert [aside.read_bytes() for aside in folder.glob("counts.sqlite.damaged-*[!l]")] == [rubbish]
        counts.record(["one"])
        assert counts.flush()


def test_what_to_do_about_a_damaged_store_is_not_to_run_doctor(folder: Path) -> None:
    (folder / "store.sqlite").write_bytes(b"rubbish" * 1000)
    with pytest.raises(DataDamaged) as caught:
        ChannelStore.open(folder)
    assert "backup" in str(advice(caught.value))
    assert "newer arcli" in str(advice(DataTooNew("x")))
