"""Full disks, read-only folders, foreign files and rot: a clear error, and nothing acknowledged is lost."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from arcli.commands.doctor import _error as doctors_error
from arcli.console.faults import as_arcli_error
from arcli.errors import (
    ArcliError,
    DataDamaged,
    DataTooNew,
    DiskFull,
    MemoryLimit,
    ResourceLimit,
    StorageNotWritable,
)
from arcli.files import of_os
from arcli.models import ChannelSettings, Finding, ListQuery, TargetChanges
from arcli.store import reserve
from arcli.store.catalog import Catalog
from arcli.store.channel import STORE_FILE, ChannelStore
from arcli.store.repair.check import verify_store
from arcli.store.reserve import network_file_system
from arcli.store.rows import NewTarget
from tests.store.store_worker import Start


def add(folder: Path, *identifiers: str) -> None:
    with ChannelStore.open(folder) as store, store.write() as txn:
        for identifier in identifiers:
            txn.insert(NewTarget(identifier=identifier, features=b"F" * 20_000, metadata='{"a": 1}'))


def test_a_full_disk_refuses_and_keeps_what_was_acknowledged(folder: Path, start: Start) -> None:
    # a file size limit stands for the full disk: a small file system cannot be mounted everywhere
    process = start("add_limited", folder, "t", 50, 300_000)
    *acknowledged, last = process.communicate(timeout=60)[0].split("\n")[:-1]
    assert last == "! disk_full"
    assert acknowledged
    with ChannelStore.open(folder) as store:
        with store.read() as snapshot:
            assert [row.identifier for row in snapshot.list()[1]] == acknowledged
        assert all(finding.ok for finding in verify_store(store, decode=len))
    add(folder, "afterwards")


def test_a_full_database_is_a_full_disk(folder: Path) -> None:
    add(folder, "one")
    with ChannelStore.open(folder) as store:
        with pytest.raises(DiskFull):
            insert_beyond_the_page_limit(store)
        with store.read() as snapshot:
            assert snapshot.count() == 1


def insert_beyond_the_page_limit(store: ChannelStore) -> None:
    with store.write() as txn:
        txn.connection.execute("PRAGMA max_page_count = 1")
        txn.insert(NewTarget(identifier="two", features=bytes(500_000)))


@pytest.mark.parametrize("state", ["at rest", "after a crash", "after a crash, without -shm"])
def test_a_readonly_folder_can_be_searched(folder: Path, start: Start, state: str) -> None:
    add(folder, "one")
    if state != "at rest":
        add_and_die(folder, start)
    if "without" in state:
        (folder / "store.sqlite-shm").unlink()
    for path in folder.iterdir():
        path.chmod(0o400)
    folder.chmod(0o500)
    answer = json.loads(start("look", folder).communicate(timeout=60)[0])
    folder.chmod(0o700)
    assert answer["code"] == "storage_not_writable"
    assert answer["seen"] == (["one"] if state == "at rest" else ["last00000", "last00001", "one"])


def add_and_die(folder: Path, start: Start) -> None:
    """Leave a log behind with two targets in it."""
    adder = start("add_and_wait", folder, "last", 2)
    assert adder.stdout is not None
    assert [adder.stdout.readline().strip() for _ in range(2)] == ["last00000", "last00001"]
    adder.kill()
    adder.wait()
    assert (folder / "store.sqlite-wal").stat().st_size > 0


def test_readers_never_checkpoint(folder: Path, start: Start) -> None:
    add_and_die(folder, start)
    before = (folder / STORE_FILE).read_bytes(), (folder / "store.sqlite-wal").read_bytes()
    with ChannelStore.open(folder, readonly=True) as store, store.read() as snapshot:
        assert snapshot.count() >= 1
    assert ((folder / STORE_FILE).read_bytes(), (folder / "store.sqlite-wal").read_bytes()) == before


def test_the_last_writer_to_leave_empties_the_log(folder: Path) -> None:
    add(folder, "one")
    assert sorted(path.name for path in folder.iterdir()) == [
        STORE_FILE,
        "store.sqlite.count",
        "store.sqlite.lock",
    ]


def test_a_database_of_a_newer_arcli_is_refused(folder: Path) -> None:
    connection = sqlite3.connect(folder / STORE_FILE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DataTooNew, match="format 99"):
        ChannelStore.open(folder)
    with ChannelStore(folder, readonly=False) as store, pytest.raises(DataTooNew), store.write():
        pass


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"SQLite format 3\0" + b"\xff" * 9000])
def test_a_file_that_is_no_database_is_refused(folder: Path, content: bytes) -> None:
    (folder / STORE_FILE).write_bytes(content)
    with pytest.raises(DataDamaged):
        ChannelStore.open(folder)
    assert (folder / STORE_FILE).read_bytes() == content


def test_the_database_of_another_program_is_refused(folder: Path) -> None:
    (folder / STORE_FILE).unlink()
    connection = sqlite3.connect(folder / STORE_FILE)
    connection.execute("CREATE TABLE targets (x)")
    connection.close()
    with pytest.raises(DataDamaged, match="not the database"):
        ChannelStore.open(folder)


def test_rot_never_crashes(folder: Path, tmp_path: Path) -> None:
    add(folder, *(f"target{number}" for number in range(30)))
    sound = (folder / STORE_FILE).read_bytes()
    chance = random.Random(3)
    noticed = 0
    for number in range(120):
        copy = tmp_path / f"copy{number}"
        copy.mkdir()
        (copy / STORE_FILE).write_bytes(spoiled(sound, chance))
        try:
            use(copy)
        except (DataDamaged, DataTooNew):
            noticed += 1
        shutil.rmtree(copy)
    assert noticed, "damage of the first pages cannot go unnoticed"


def spoiled(data: bytes, chance: random.Random) -> bytes:
    """Flip bits, zero a page, or cut the end."""
    rotten = bytearray(data)
    kind = chance.choice(["flip", "flip", "zero", "cut"])
    if kind == "cut":
        return bytes(rotten[: chance.randrange(len(rotten))])
    if kind == "zero":
        page = chance.randrange(len(rotten) // 8192) * 8192
        rotten[page : page + 8192] = bytes(8192)
        return bytes(rotten)
    for _ in range(8):
        at = chance.choice([chance.randrange(len(rotten)), chance.randrange(20_000)])
        rotten[at] ^= 1 << chance.randrange(8)
    return bytes(rotten)


def use(folder: Path) -> None:
    with ChannelStore.open(folder) as store:
        with store.read() as snapshot:
            _, rows = snapshot.list(ListQuery(where=(("a", "1"),)))
            snapshot.features(row.row_id for row in rows)
            snapshot.dead_rows()
            for _ in snapshot.features_after(0):
                pass
        list(verify_store(store, decode=len))
        with store.write() as txn:
            txn.remove("target3")
            txn.update("target4", TargetChanges(active=False))
            txn.insert(NewTarget(identifier="new", features=b"F"))


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EACCES, StorageNotWritable),
        (errno.EMFILE, ResourceLimit),
        (errno.ENFILE, ResourceLimit),
        (errno.ENOMEM, MemoryLimit),
        (errno.EIO, DataDamaged),
    ],
)
def test_what_the_system_refuses_is_told_from_damage(number: int, expected: type[ArcliError]) -> None:
    error = OSError(number, os.strerror(number), "x")
    assert type(of_os(Path("x"), error)) is expected
    found = Finding.of("x", of_os(Path("x"), error))
    assert doctors_error(found).exit_status == expected.exit_status
    if expected is not DataDamaged:
        assert as_arcli_error(error).exit_status == expected.exit_status


def test_too_few_file_handles_are_no_damage(tmp_path: Path) -> None:
    """Opened with ever fewer handles left: it works, or says what it needs."""
    script = (
        "import os, resource, sys; from pathlib import Path; from arcli.store.catalog import Catalog;"
        "from arcli.errors import LimitExceeded; from arcli.models import ChannelSettings\n"
        "data = Path(sys.argv[1])\n"
        "with Catalog.open(data, create=True) as made: made.create_channel('a', ChannelSettings(), 1)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)); held = []\n"
        "try:\n"
        "    while True: held.append(os.open('/dev/null', 0))\n"
        "except OSError: pass\n"
        "refused = 0\n"
        "for left in range(8):\n"
        "    try:\n"
        "        with Catalog.open(data, create=False) as catalog:\n"
        "            assert [channel.name for channel in catalog.channels()] == ['a']\n"
        "    except LimitExceeded as error: refused += 1; assert 'ulimit' in error.hint\n"
        "    os.close(held.pop())\n"
        "print(refused)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "data")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 1 <= int(done.stdout) <= 6


MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw shared:7 master:1 - nfs4 server:/export rw,vers=4.2
31 30 8:2 / /srv/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /mnt/with\\040space rw - fuse.sshfs me@there:/ rw
33 22 0:42 / /users/shop rw - cifs //server/share rw
34 22 8:3 / /users/shop rw - ext4 /dev/sdc1 rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/gallery", "nfs4"),
        ("/srv", "nfs4"),
        ("/srvx", None),
        ("/srv/local/gallery", None),
        ("/mnt/with space/deep/er", "fuse.sshfs"),
        ("/users/shop/data", None),
        ("/", None),
    ],
)
def test_a_network_file_system_is_known_by_its_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, kind: str | None
) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    monkeypatch.setattr(reserve, "_MOUNTS", tmp_path / "mounts")
    assert network_file_system(Path(path)) == kind
    monkeypatch.setattr(reserve, "_MOUNTS", tmp_path / "none")
    assert network_file_system(Path(path)) is None


def test_a_gallery_on_a_network_file_system_is_warned_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mounts").write_text(f"1 0 0:1 / {tmp_path.resolve()} rw - nfs4 server:/ rw\n")
    monkeypatch.setattr(reserve, "_MOUNTS", tmp_path / "mounts")
    for _ in range(2):
        with Catalog.open(tmp_path / "data", create=True) as catalog:
            catalog.create_channel("a", ChannelSettings(), 1) if not catalog.channels() else None
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 1
    assert "network file system (nfs4)" in warnings[0]
