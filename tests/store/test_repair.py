"""`doctor --repair` carries over what SQLite can read, wherever a file is hit, and lists what is lost."""

from __future__ import annotations

import datetime as dt
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from arcli.errors import DataTooNew
from arcli.models import ChannelSettings, Finding, Grant, KeyRequest, Scope
from arcli.store.accounts import Accounts
from arcli.store.catalog import CATALOG_FILE, Catalog
from arcli.store.channel import STORE_FILE, ChannelStore
from arcli.store.counts import COUNTS_FILE, Counts
from arcli.store.repair.mends import renew_counts
from arcli.store.repair.rebuild import rebuild_catalog, repair_pages
from arcli.store.rows import NewTarget

PAGE = 8192
TABLES = {
    "catalog": ("accounts", "keys", "grants", "bindings", "audit"),
    "store": ("targets", "features", "pictures", "thumbnails"),
    "counts": ("counts",),
}
Rows = dict[str, dict[object, tuple[object, ...]]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of some pages, with free ones among them, and a channel of 150 targets."""
    folder = tmp_path_factory.mktemp("data")
    with Catalog(folder) as catalog:
        record = catalog.create_channel("cards", ChannelSettings(quota=777), 1)
    with Accounts(folder) as accounts:
        for number in range(40):
            key = KeyRequest(scope=Scope.ALL, expires="2099-01-01T00:00:00Z", rate=5.0)
            grants = [Grant(channel="cards", scope=Scope.FIND)]
            accounts.add_account(username=f"user{number:02}", key=key, grants=grants)
        for number in range(0, 40, 4):
            accounts.remove_account(username=f"user{number:02}")
    noise = random.Random(2)
    with ChannelStore.open(record.folder) as store:
        with store.write() as txn:
            for number in range(150):
                new = NewTarget(
                    identifier=f"card{number:03}",
                    metadata=f'{{"number": {number}, "text": "{"x" * 200}"}}',
                    features=noise.randbytes(12_000),
                    picture=noise.randbytes(3_000),
                    thumbnail=noise.randbytes(200),
                )
                txn.insert(new)
        with store.write() as txn:
            for number in range(0, 150, 5):
                txn.remove(f"card{number:03}")
    with Counts(record.folder) as counts:
        days = [dt.date(2026, 1, 1) + dt.timedelta(days) for days in range(8)]
        numbers = range(1, 101)
        counts.add({(day, f"card{number:03}"): number for day in days for number in numbers}, timeout=9)
        counts.database.checkpoint()
    return folder


def readable(path: Path, kind: str) -> Rows:
    """Return all rows that SQLite gives, by scans from both ends and one by one."""
    found: Rows = {}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        for table in TABLES[kind]:
            rows = found.setdefault(table, {})
            key = {"audit": "number", "keys": "key_id", "accounts": "username", "bindings": "secret_id"}
            together = {"grants": "username || channel", "counts": "day || identifier"}
            by = together.get(table) or key.get(table, "row_id")
            columns = f"{by}, *"
            order = {"grants": "username DESC, channel", "counts": "day DESC, identifier"}.get(table, by)
            for select in (
                f"SELECT {columns} FROM {table}",
                f"SELECT {columns} FROM {table} ORDER BY {order} DESC",
                *(f"SELECT {columns} FROM {table} WHERE row_id = {n}" for n in range(151) if by == "row_id"),
            ):
                with suppress(sqlite3.Error):
                    for row in connection.execute(select):
                        rows[row[0]] = row[1:]
    return found


def repaired_catalog(folder: Path) -> list[Finding]:
    return [*rebuild_catalog(folder)]


def repaired_store(folder: Path) -> list[Finding]:
    with Catalog(folder) as catalog:
        record = catalog.channel("cards")
    with ChannelStore(record.folder, readonly=False) as store:
        return [*repair_pages(store, record)]


def file_of(folder: Path, kind: str) -> Path:
    if kind == "catalog":
        return folder / CATALOG_FILE
    (path,) = folder.glob(f"channels/*/{STORE_FILE if kind == 'store' else COUNTS_FILE}")
    return path


def repaired_counts(folder: Path) -> list[Finding]:
    with Counts(file_of(folder, "counts").parent) as counts:
        return [*renew_counts(counts)]


REPAIRS: dict[str, Callable[[Path], list[Finding]]] = {
    "catalog": repaired_catalog,
    "store": repaired_store,
    "counts": repaired_counts,
}


def offsets(kind: str, size: int) -> list[tuple[int, int]]:
    """Return bits to flip: all of the header, the beginnings of all pages, and anywhere."""
    noise = random.Random(f"{kind} 14")
    header = [*range(0, 100, 3)]
    pages = [at + noise.randrange(16) for at in range(0, size, PAGE)]
    anywhere = [noise.randrange(size) for _ in range(40)]
    chosen = header + (pages if len(pages) < 60 else noise.sample(pages, 60)) + anywhere
    return [(at, noise.randrange(8)) for at in chosen]


@pytest.mark.parametrize("kind", ["catalog", "store", "counts"])
def test_wherever_a_bit_is_flipped_what_can_be_read_is_carried_over(
    data: Path, tmp_path: Path, kind: str
) -> None:
    whole = readable(file_of(data, kind), kind)
    first = {"store": "targets", "catalog": "keys", "counts": "counts"}[kind]
    assert len(whole[first]) == {"store": 120, "catalog": 30, "counts": 800}[kind]
    renewed = 0
    for number, (at, bit) in enumerate(offsets(kind, file_of(data, kind).stat().st_size)):
        folder = tmp_path / str(number)
        shutil.copytree(data, folder)
        path = file_of(folder, kind)
        damaged = bytearray(path.read_bytes())
        damaged[at] ^= 1 << bit
        path.write_bytes(damaged)
        before = readable(path, kind)
        try:
            findings = REPAIRS[kind](folder)
        except DataTooNew:  # a bit of the format's number
            assert path.read_bytes() == damaged
            continue
        after = readable(file_of(folder, kind), kind)
        where = f"bit {bit} of byte {at}: {[f.message for f in findings]}"
        for table, rows in before.items():
            kept = {key for key, row in rows.items() if after[table].get(key) in (row, whole[table].get(key))}
            refused = " ".join(f.message for f in findings if "not valid" in f.message)
            missing = [key for key in rows if key not in kept and str(key).strip("b'") not in refused]
            assert missing == [], f"{table}: {missing} {where}"
        lost = any(len(after[table]) < len(rows) for table, rows in whole.items())
        assert not lost or any(not f.ok for f in findings), where
        with closing(sqlite3.connect(file_of(folder, kind))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], where
        if any("carried over" in f.message for f in findings):
            renewed += 1
            (aside,) = path.parent.glob(f"{path.name}.damaged-????????")
            assert aside.read_bytes() == bytes(damaged), "the damaged file stays"
        shutil.rmtree(folder)
    assert renewed > 30


def test_a_bit_in_the_list_of_free_pages_costs_nothing(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    path = folder / CATALOG_FILE
    content = bytearray(path.read_bytes())
    content[39] ^= 4  # how many free pages there are
    path.write_bytes(content)
    with Accounts(data) as accounts:
        before = accounts.accounts(), accounts.audit(limit=1000)
    assert all(finding.ok for finding in rebuild_catalog(folder))
    with Accounts(folder) as accounts:
        assert (accounts.accounts(), accounts.audit(limit=1000)) == before


def zero_page_of(path: Path, content: bytes) -> None:
    """Overwrite the page in which `content` lies."""
    data = bytearray(path.read_bytes())
    begin = data.index(content) // PAGE * PAGE
    data[begin : begin + PAGE] = bytes(PAGE)
    path.write_bytes(data)


def test_lost_targets_are_named_and_found_again_by_their_features(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    zero_page_of(file_of(folder, "store"), b'card001{"number": 1')
    findings = repaired_store(folder)
    [lost] = [finding for finding in findings if not finding.ok]
    assert "card001 (its metadata; found again by its features)" in lost.message
    with ChannelStore.open(file_of(folder, "store").parent) as store, store.read() as snapshot:
        assert snapshot.count() == 120
        assert len(snapshot.features(range(1, 151))) == 120


def test_a_lost_account_is_made_again_from_its_keys(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    zero_page_of(folder / CATALOG_FILE, b"user012")  # of accounts: name and date only
    findings = [*rebuild_catalog(folder)]
    with Accounts(data) as one, Accounts(folder) as other:
        names = [account.username for account in one.accounts()]
        after = other.accounts()
    assert [account.username for account in after] == names
    assert all(account.keys for account in after)
    assert any("made again from its keys" in finding.message for finding in findings)


def test_a_store_that_lost_what_it_is_takes_it_from_the_catalog(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    zero_page_of(file_of(folder, "store"), b'"quota": 777')
    assert any(not finding.ok for finding in rebuild_catalog(folder))
    with ChannelStore.open(file_of(folder, "store").parent) as store, store.read() as snapshot:
        assert snapshot.info().settings.quota == 777
        assert snapshot.count() == 120
