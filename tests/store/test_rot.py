"""Bits that a medium has changed: each row and blob that is hit is named, and none is given out."""

from __future__ import annotations

import datetime as dt
import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from arcli.errors import DataDamaged, WrongCredentials
from arcli.models import ChannelSettings, Grant, KeyRequest, ListQuery, Scope, TargetChanges
from arcli.store import channel as channel_module
from arcli.store.accounts import Accounts
from arcli.store.catalog import Catalog
from arcli.store.channel import STORE_FILE, ChannelStore
from arcli.store.checksums import checksum, of_columns
from arcli.store.connections import open_connection
from arcli.store.counts import Counts
from arcli.store.database import Database
from arcli.store.gatekeeper import CatalogGatekeeper
from arcli.store.migrations import Schema
from arcli.store.repair.check import accept_losses, repair_store, verify_counts, verify_store
from arcli.store.repair.rebuild import rebuild_catalog, verify_catalog
from arcli.store.rows import NewTarget, seal_next
from arcli.store.schema import STORE
from arcli.store.secret_keys import PEPPER_FILE

RANDOM = random.Random(14)
YEAR = dt.datetime.now(dt.UTC).strftime("%%%Y-").encode()  # an account's name, and when it was made
FEATURES, PICTURE, THUMBNAIL = (RANDOM.randbytes(size) for size in (25_000, 9_000, 700))


def accept(data: bytes) -> None:
    """Features of any content decode: it is the checksum that has to notice."""


def bad(folder: Path) -> set[tuple[str, str]]:
    """Return (subject, message) of what `doctor` finds wrong in a store."""
    with ChannelStore.open(folder) as store:
        return {(f.subject, f.message) for f in verify_store(store, accept) if not f.ok}


def flip(path: Path, at: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


@pytest.fixture
def three(folder: Path) -> Path:
    with ChannelStore.open(folder) as store, store.write() as txn:
        for number, name in enumerate(("one", "two", "six")):
            txn.insert(
                NewTarget(
                    identifier=name,
                    metadata=f'{{"of": "{name}"}}',
                    name="f.jpg",
                    features=bytes([number]) + FEATURES,
                    picture=bytes([number]) + PICTURE,
                    thumbnail=bytes([number]) + THUMBNAIL,
                )
            )
    return folder


def positions(path: Path, content: bytes, piece: int) -> list[int]:
    """Return where pieces of a blob, which SQLite spreads over pages, lie in the file; one in a hundred."""
    data = path.read_bytes()
    found = [data.find(content[at : at + piece]) for at in range(0, len(content) - piece, 100)]
    return [at for at in found if at >= 0]


@pytest.mark.parametrize(
    ("blob", "what"), [(FEATURES, "features"), (PICTURE, "picture"), (THUMBNAIL, "thumbnail")]
)
def test_a_changed_bit_in_any_part_of_a_blob_is_named_and_the_blob_not_given_out(
    three: Path, blob: bytes, what: str
) -> None:
    path = three / STORE_FILE
    offsets = positions(path, blob, 16)
    assert len(offsets) > len(blob) / 110, "of the first of three targets that have it"
    for at in RANDOM.sample(offsets, min(25, len(offsets))):
        sound = path.read_bytes()
        flip(path, at, RANDOM.randrange(8))
        [(subject, message)] = bad(three)
        assert f"its {what} was changed" in message
        with ChannelStore.open(three) as store, store.read() as snapshot:
            (row_id,) = [row.row_id for row in snapshot.list()[1] if subject.endswith(f"/{row.identifier}")]
            others = {1, 2, 3} - {row_id}
            assert snapshot.features([1, 2, 3]).keys() == (others if what == "features" else {1, 2, 3})
            assert snapshot.thumbnails([1, 2, 3]).keys() == (others if what == "thumbnail" else {1, 2, 3})
            assert dict(snapshot.features_after(0)).keys() == {1, 2, 3}
            if what == "picture":
                with pytest.raises(DataDamaged):
                    snapshot.picture(row_id)
        path.write_bytes(sound)


@pytest.mark.parametrize("part", ["two", '{"of": "two"}', "f.jpg", "2026"])
def test_a_changed_bit_in_a_row_is_named_and_the_row_not_given_out(three: Path, part: str) -> None:
    """In every byte of its texts; what was changed into no text too (bit 7)."""
    path, sound = three / STORE_FILE, (three / STORE_FILE).read_bytes()
    row = sound.index(b'two{"of": "two"}')
    text = part.encode() if part != "2026" else sound[sound.index(b"20", row) :][:20]
    for at in range(sound.index(text, row), sound.index(text, row) + len(text)):
        for bit in (0, 7):
            path.write_bytes(sound)
            flip(path, at, bit)
            found = bad(three)
            assert len(found) in (1, 2), "an identifier also differs from SQLite's own index"
            with ChannelStore.open(three) as store, store.read() as snapshot:
                assert snapshot.rows([1, 2, 3]).keys() == {1, 3}
                if part == "two":  # SQLite takes the identifier from its index, where it is sound
                    assert {row.identifier for row in snapshot.list()[1]} == {"one", "two", "six"}
                    continue
                with pytest.raises(DataDamaged, match=r"two.* fails its checksum"):
                    snapshot.list(ListQuery())


def test_what_is_damaged_can_be_removed_and_replaced(three: Path) -> None:
    path = three / STORE_FILE
    sound = path.read_bytes()
    flip(path, sound.index(b'"two"}'))
    with ChannelStore.open(three) as store:
        with store.read() as snapshot, pytest.raises(DataDamaged, match="two") as caught:
            snapshot.target("two")
        assert caught.value.item == "two"
        with store.write() as txn:
            assert txn.remove("two") == 2
            txn.insert(NewTarget(identifier="two", features=b"F"))
    assert bad(three) == set()


def test_a_blob_that_vanished_is_named(three: Path) -> None:
    with closing(sqlite3.connect(three / STORE_FILE)) as connection, connection:
        connection.execute("DELETE FROM pictures WHERE row_id = 2")
    assert bad(three) == {("cards/two", "its picture is gone")}


def test_every_change_renews_the_checksum(three: Path) -> None:
    with ChannelStore.open(three) as store, store.write() as txn:
        txn.update("one", TargetChanges(metadata="[1]", matchratio=0.5, active=False, rename="uno"))
        txn.replace(NewTarget(identifier="two", features=b"other", level=4, metadata="ä \U0001f3b4"))
    assert bad(three) == set()
    with ChannelStore.open(three) as store, store.read() as snapshot:
        assert len(snapshot.list()[1]) == 3


def test_both_checksums_are_one() -> None:
    """Python's, which `find` compares with, and SQL's, which was written."""
    values = (7, "ä\0b", None, "0.5", "", "{}")
    with closing(open_connection(Path("/dev/null/x"), "mode=memory")) as connection:
        connection.execute("CREATE TABLE t (a, b, c, d, e, f)")
        connection.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", values)
        select = f"SELECT {of_columns('abcdef')}, checksum(b), checksum(NULL) FROM t"
        assert connection.execute(select).fetchone() == (checksum(*values), checksum("ä\0b"), None)


def old_store(folder: Path, count: int) -> None:
    """Make a store of format 2, without checksums."""
    (folder / STORE_FILE).unlink()
    schema = Schema(STORE.application_id, STORE.migrations[:2])
    with ChannelStore(folder, readonly=False) as store:
        meta = {"name": "cards", "preset": "1", "created": "x", "store_id": "a", "epoch": "b", "home": ""}
        settings = json.dumps({"kind": "plain", "index": "auto"})
        old = Database(store.database.path, schema, missing=lambda: DataDamaged("gone"))
        old.create()
        with old.write() as connection:
            connection.executemany("INSERT INTO meta VALUES (?, ?)", [*meta.items(), ("settings", settings)])
            for number in range(count):
                connection.execute(
                    "INSERT INTO targets (identifier, active, created, updated) VALUES (?, 1, 'x', 'y')",
                    (f"old{number}",),
                )
                connection.execute("INSERT INTO features VALUES (?, ?)", (number + 1, FEATURES))
            connection.execute("UPDATE state SET targets = ?, changes = 5", (count,))
        old.close()


def without_checksum(folder: Path) -> int:
    with ChannelStore.open(folder) as store, store.read() as snapshot:
        select = "SELECT count(*) FROM targets WHERE crc32 IS NULL OR features_crc IS NULL"
        return int(snapshot.connection.execute(select).fetchone()[0])


def test_targets_of_an_earlier_arcli_get_their_checksums_step_by_step(folder: Path) -> None:
    old_store(folder, 10)
    with ChannelStore.open(folder) as store:
        assert without_checksum(folder) == 10, "they open at once"
        assert store.seal(rows=4) == 6
        with store.write() as txn:
            txn.insert(NewTarget(identifier="new", features=b"F"))
            txn.update("old1", TargetChanges(metadata="{}"))
            txn.remove("old2")
        assert without_checksum(folder) == 4
        assert [store.seal(rows=3) for _ in range(4)] == [1, 0, 0, 0]
    assert (without_checksum(folder), bad(folder)) == (0, set())


def test_sealing_that_is_cut_short_goes_on_where_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_store(folder, 6)

    def stop(connection: sqlite3.Connection, rows: int) -> int:
        seal_next(connection, rows)
        raise KeyboardInterrupt

    with ChannelStore.open(folder) as store:
        assert store.seal(rows=2) == 4
        with monkeypatch.context() as patch:
            patch.setattr(channel_module, "seal_next", stop)
            with pytest.raises(KeyboardInterrupt):
                store.seal(rows=2)
        assert without_checksum(folder) == 4
        assert store.seal(rows=100) == 0


def test_readers_go_on_while_an_old_store_is_sealed(folder: Path) -> None:
    old_store(folder, 6)
    with ChannelStore.open(folder) as store, store.read() as snapshot:
        assert store.seal(rows=100) == 0
        assert len(snapshot.list()[1]) == 6
        assert len(snapshot.features(range(1, 7))) == 6


@pytest.fixture
def crashed(folder: Path, tmp_path: Path) -> tuple[Path, int]:
    """A folder as a killed writer leaves it, with a log; how many targets were acknowledged."""
    copy = tmp_path / "crashed"
    with ChannelStore.open(folder) as store, store.read():  # no one is the last to leave: the log stays
        for number in range(6):
            with store.write() as txn:
                txn.insert(NewTarget(identifier=f"t{number:02}", features=FEATURES))
        shutil.copytree(folder, copy)
    return copy, 6


def test_a_whole_log_is_no_loss(crashed: tuple[Path, int]) -> None:
    folder, _ = crashed
    assert bad(folder) == set()


@pytest.mark.parametrize("how", ["cut", "flipped", "gone"])
def test_a_log_that_lost_what_was_acknowledged_is_named(
    crashed: tuple[Path, int], how: str, tmp_path: Path
) -> None:
    """Wherever it was hit: in each of its frames."""
    folder, count = crashed
    log = (folder / f"{STORE_FILE}-wal").read_bytes()
    frames = range(32, len(log), 8192 + 24)
    assert len(frames) > 20
    for number, frame in enumerate(frames if how != "gone" else [0]):
        place = tmp_path / f"{how}{number}"
        shutil.copytree(folder, place)
        path = place / f"{STORE_FILE}-wal"
        if how == "flipped":
            flip(path, frame + RANDOM.randrange(8192))
        elif how == "cut":
            path.write_bytes(log[: frame + RANDOM.randrange(8192)])
        else:
            path.unlink()
        with ChannelStore.open(place) as store, store.read() as snapshot:
            there = snapshot.count()
        assert there < count
        [(_, message)] = bad(place)
        assert f"the last {count - there:,} changes that were acknowledged are missing" in message
        assert f"with {count - there:,} rows" in message


def test_a_loss_stays_named_after_more_was_added_and_until_it_is_accepted(crashed: tuple[Path, int]) -> None:
    folder, _ = crashed
    (folder / f"{STORE_FILE}-wal").unlink()
    with ChannelStore.open(folder) as store, store.write() as txn:
        txn.insert(NewTarget(identifier="new", features=b"F"))
    [(_, message)] = bad(folder)
    assert "the last 6 changes" in message
    with ChannelStore.open(folder) as store:
        assert [*repair_store(store)] == []
        [finding] = accept_losses(store.database)
        assert (finding.ok, finding.repaired) == (False, True), "said, once more, with a status that shows it"
        assert [*accept_losses(store.database)] == []
    assert bad(folder) == set()


def test_a_note_that_is_damaged_is_named_and_written_anew(three: Path) -> None:
    flip(three / f"{STORE_FILE}.count", 12)
    [(_, message)] = bad(three)
    assert "store.sqlite.count is damaged" in message
    with ChannelStore.open(three) as store, store.write() as txn:
        txn.remove("one")
    assert bad(three) == set()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with an account, whose key was imported and ends, a grant, and counts."""
    folder = tmp_path / "data"
    with Catalog(folder) as catalog:
        catalog.create_channel("cards", ChannelSettings(quota=77), 1)
        catalog.create_channel("films", ChannelSettings(), 1)
    with Accounts(folder) as accounts:
        key = KeyRequest(scope=Scope.ALL, secretkey="imported", expires="2099-01-01T00:00:00Z")
        accounts.add_account(username="bob", key=key, grants=[Grant(channel="cards", scope=Scope.ALL)])
        accounts.add_account(username="eve")
    return folder


def catalog_findings(folder: Path) -> list[str]:
    return [finding.message for finding in verify_catalog(folder) if not finding.ok]


def exchange(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("keys", b"2099-01-01", b"2999-01-01"),
        ("grants", b"bobcardsall", b"bobcardsalm"),
        ("accounts", YEAR.replace(b"%", b"eve"), YEAR.replace(b"%", b"evf")),
        ("channels", b'"quota": 77', b'"quota": 78'),
        ("audit", b"account added", b"account bdded"),
    ],
)
def test_each_row_of_the_catalog_that_was_changed_is_named(
    data: Path, table: str, old: bytes, new: bytes
) -> None:
    assert catalog_findings(data) == []
    exchange(data / "catalog.sqlite", old, new)
    assert any(f"{table}: " in message and "checksum" in message for message in catalog_findings(data))


def test_a_key_or_grant_that_was_changed_gives_no_right(data: Path) -> None:
    def keeper_says() -> tuple[str, ...]:
        keeper = CatalogGatekeeper(data)
        try:
            caller = keeper.authenticate(username="bob", secretkey="imported")
            return keeper.channels_of(caller, need=Scope.FIND)
        finally:
            keeper.close()

    sound = (data / "catalog.sqlite").read_bytes()
    assert keeper_says() == ("cards",)
    exchange(data / "catalog.sqlite", b"bobcardsall", b"bobfilmsall")
    assert keeper_says() == ()
    (data / "catalog.sqlite").write_bytes(sound)
    exchange(data / "catalog.sqlite", b"2099-01-01", b"2999-01-01")
    with pytest.raises(WrongCredentials):
        keeper_says()


def test_counts_that_were_changed_are_named(folder: Path) -> None:
    with Counts(folder) as counts:
        for _ in range(3):
            counts.record(["one", "two"])
            counts.flush()
        assert [f.ok for f in verify_counts(counts)] == [True]
    with closing(sqlite3.connect(folder / "counts.sqlite")) as connection, connection:
        connection.execute("UPDATE counts SET count = 300 WHERE identifier = 'two'")
    with Counts(folder) as counts:
        [finding] = [f for f in verify_counts(counts) if not f.ok]
    assert finding.message.startswith("counts: ")
    assert finding.message.endswith("two fails its checksum")


@pytest.mark.parametrize("how", ["gone", "flipped"])
def test_a_pepper_is_never_replaced_where_there_are_keys(data: Path, how: str) -> None:
    path = data / PEPPER_FILE
    before = path.read_bytes()
    path.unlink() if how == "gone" else flip(path, 5)
    for attempt in (lambda: CatalogGatekeeper(data), lambda: Accounts(data).add_account(username="ann")):
        with pytest.raises(DataDamaged, match=PEPPER_FILE) as caught:
            attempt()
        assert "backup" in str(caught.value.hint)
    assert not path.exists() if how == "gone" else path.read_bytes() != before
    [message] = catalog_findings(data)
    assert PEPPER_FILE in message
    [finding] = [f for f in rebuild_catalog(data) if PEPPER_FILE in f.subject]
    assert (finding.ok, finding.repaired) == (False, True)
    assert "bob/" in finding.message, "whose key was imported is named"
    assert catalog_findings(data) == []
    CatalogGatekeeper(data).close()


def test_a_pepper_of_an_earlier_arcli_is_not_replaced_either(data: Path) -> None:
    with closing(sqlite3.connect(data / "catalog.sqlite")) as connection, connection:
        connection.execute("DELETE FROM key_files")
    (data / PEPPER_FILE).unlink()
    with pytest.raises(DataDamaged, match="is gone"):
        CatalogGatekeeper(data)
    assert not (data / PEPPER_FILE).exists()


def test_an_empty_witness_is_no_damage_and_hides_none(three: Path) -> None:
    """A crash may leave it empty: it was made, and nothing of it was synced."""
    witness = three / f"{STORE_FILE}.count"
    for content in (b"", bytes(512)):
        witness.write_bytes(content)
        assert bad(three) == set()
        with ChannelStore.open(three) as store:
            assert [*accept_losses(store.database)] == []
            with store.write() as txn:
                assert txn.target("one") is not None
                txn.update("one", TargetChanges(metadata='"again"'))
        assert witness.read_bytes().strip(b"\0 \n"), "the next change writes it"
        assert bad(three) == set()
