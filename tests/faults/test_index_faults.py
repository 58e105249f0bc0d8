"""A process may die at every step of folding, merging and publishing: nothing is lost, nothing is wrong."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from arcli.engine.indexing.index_check import verify_index
from arcli.engine.indexing.shortlist import Shortlister
from arcli.features import Features
from arcli.files import FaultPoint
from arcli.models import ChannelSettings, IndexKind
from arcli.store.repair.check import verify_store
from arcli.store.snapshot import Snapshot
from tests.index.index_samples import Shop

ROOT = Path(__file__).parents[2]
ROUNDS = 5


def worker(*words: object, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, sys.executable, "-m", "tests.faults.index_worker", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


class Mortal:
    """Runs a command in a child that dies at a fault point."""

    def __init__(self, folder: Path) -> None:
        self.process = worker("serve", folder)

    def run(self, command: str, fault: str = "") -> int:
        """Return the signal that ended it, 0 when it came to its end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(command, fault, file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop.create(tmp_path / "channel")
    with made.store.write() as txn:
        txn.set_settings(ChannelSettings(index=IndexKind.HNSW))
    yield made
    made.store.close()


@pytest.fixture
def mortal(shop: Shop) -> Iterator[Mortal]:
    made = Mortal(shop.folder)
    yield made
    made.process.communicate()


class Changes:
    """Adds, removes and replaces, never the same picture twice."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.next = shop, 0

    def make(self) -> None:
        self.shop.add(*range(self.next, self.next + 5))
        self.shop.remove(f"pic{self.next}")
        self.shop.replace(f"pic{self.next + 1}", self.next + 5)
        self.next += 6


def expect_clean(shop: Shop) -> None:
    shop.check(3)
    findings = [*verify_store(shop.store, Features.from_bytes), *verify_index(shop.store)]
    assert [finding.message for finding in findings if not finding.ok] == []


@pytest.mark.parametrize("command", ["fold", "compact"])
def test_killed_at_every_step(shop: Shop, mortal: Mortal, command: str) -> None:
    changes = Changes(shop)
    for _ in range(3):  # so that there is something to merge and to collect
        changes.make()
        assert mortal.run("fold") == 0
    for point in FaultPoint:
        for _ in range(ROUNDS):
            changes.make()
            assert mortal.run(command, point) == signal.SIGKILL, f"{point} was not reached"
            expect_clean(shop)
    changes.make()
    assert mortal.run(command) == 0
    shop.check()
    leftovers = [name for name in shop.files() if name.endswith(".aside")]
    assert leftovers == [], "the next compactor removes what a dead one left"
    assert len(shop.files()) <= 8


def test_a_file_that_is_named_after_it_was_published_would_be_noticed(shop: Shop, mortal: Mortal) -> None:
    Changes(shop).make()
    assert mortal.run("fold_naming_late", FaultPoint.PUBLISHED) == signal.SIGKILL
    with pytest.raises(AssertionError, match="is missing"):
        expect_clean(shop)


def test_an_index_without_tombstones_would_be_noticed(
    shop: Shop, mortal: Mortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add(*range(20))
    assert mortal.run("fold") == 0
    shop.remove("pic19")
    assert shop.votes(19)[0] != "pic19"
    monkeypatch.setattr(Snapshot, "dead_rows", lambda self: [])
    with pytest.raises(AssertionError, match="what is gone gets no vote"):
        shop.votes(19, Shortlister(shop.store))


CALL = re.compile(r"^\S+ +(\w+)\((?:AT_FDCWD[^,]*, )?(?:\d+<)?\"?([^>\",]*)", re.MULTILINE)
WRITES = {"write", "pwrite64", "writev"}
SYNCS = {"fsync", "fdatasync"}


def order_of_publication(trace: str) -> list[str]:
    """Return the steps on index files and on the store's log, each run of equal ones once."""
    steps: list[str] = []
    for call, path in CALL.findall(trace):
        name = Path(path).name
        what = (
            "aside" if name.endswith(".aside") else "folder" if name == "index" else name.rpartition("-")[2]
        )
        verb = "write" if call in WRITES else "sync" if call in SYNCS else call
        if what in ("aside", "folder", "wal") and verb in ("write", "sync", "rename"):
            step = f"{verb} {what}"
            if steps[-1:] != [step]:
                steps.append(step)
    return steps


SAFE = ["write aside", "sync aside", "rename aside", "sync folder", "write wal", "sync wal"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(("command", "safe"), [("fold", True), ("fold_without_fsync", False)])
def test_a_segment_is_on_the_disk_before_the_store_names_it(
    shop: Shop, tmp_path: Path, command: str, safe: bool
) -> None:
    Changes(shop).make()
    log = tmp_path / "trace"
    calls = "trace=write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2"
    process = worker(command, shop.folder, before=("strace", "-f", "-y", "-e", calls, "-o", str(log)))
    process.communicate(timeout=120)
    if process.returncode:
        pytest.skip("strace may not trace here")
    steps = order_of_publication(log.read_text(errors="replace"))
    assert {"rename aside", "write wal"} <= {*steps}
    assert (steps[: len(SAFE)] == SAFE) is safe


CHANGING = ("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "flock")


@pytest.mark.bench
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("command", ["fold", "compact"])
@pytest.mark.parametrize("call", CHANGING)
def test_killed_before_every_system_call_that_changes_anything(shop: Shop, command: str, call: str) -> None:
    """Inside SQLite's commit too, where no fault point can be."""
    changes = Changes(shop)
    for number in range(1, 1000):
        changes.make()
        kill = f"inject={call}:signal=SIGKILL:when={number}"
        traced = ("strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", kill)
        process = worker(command, shop.folder, before=traced)
        process.communicate(timeout=120)
        if process.returncode > 0:
            pytest.skip("strace may not trace here")
        expect_clean(shop)
        if process.returncode == 0:
            break
    assert number > 1, f"{call} was not reached"


@pytest.mark.parametrize("kind", [IndexKind.FLAT, IndexKind.HNSW, IndexKind.IVF])
def test_random_damage_never_crashes_hangs_or_lies(shop: Shop, mortal: Mortal, kind: IndexKind) -> None:
    with shop.store.write() as txn:
        txn.set_settings(ChannelSettings(index=kind))
    shop.add(*range(16))
    assert mortal.run("compact") == 0
    (name,) = shop.files()
    path, rng = shop.folder / "index" / name, np.random.default_rng(1)
    sound = path.read_bytes()
    for number in range(100):
        path.write_bytes(damaged(sound, number % 3, rng))
        fresh = Shortlister(shop.store)
        seed = number % 16
        assert shop.votes(seed, fresh)[0] == f"pic{seed}"
        assert not all(finding.ok for finding in verify_index(shop.store))
    path.write_bytes(sound)
    expect_clean(shop)


def damaged(sound: bytes, kind: int, rng: np.random.Generator) -> bytes:
    """Flip one to eight bits, cut the end off, or zero a page."""
    data = bytearray(sound)
    if kind == 0:
        for at in rng.choice(8 * len(data), rng.integers(1, 9), replace=False):
            data[at // 8] ^= 1 << (at % 8)
    elif kind == 1:
        del data[rng.integers(0, len(data)) :]
    else:
        start = int(rng.integers(0, len(data) // 4096)) * 4096
        data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    return bytes(data)
