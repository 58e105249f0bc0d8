"""Files of the index are whole, durable and named once, or not there."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from arcli.engine.indexing.upkeep import compact, maybe_fold
from arcli.errors import DiskFull
from arcli.files import FaultPoint
from arcli.index import flat, segment
from arcli.index.files import FileGone, new_name, write_durably
from arcli.index.flat import ExactIndex
from arcli.index.segment import open_segment, write_segment
from arcli.models import ChannelSettings, IndexKind, SegmentFile
from tests.faults import arming
from tests.index.index_samples import PER_TARGET, Codes, Shop


def short(path: Path) -> int:
    """Write as hnswlib does on a full disk: less than it should, and no error."""
    path.write_bytes(bytes(100))
    return 200


def failing(path: Path) -> int:
    path.write_bytes(bytes(100))
    raise OSError(5, "the disk is broken")


@pytest.mark.parametrize(("save", "why"), [(short, "100 of 200 bytes"), (failing, "broken")])
def test_a_file_that_cannot_be_written_whole_leaves_nothing(tmp_path: Path, save: object, why: str) -> None:
    with pytest.raises(OSError, match=why):
        write_durably(tmp_path, new_name(1, 2, "flat"), save)  # type: ignore[arg-type]
    assert [*tmp_path.iterdir()] == []


@contextmanager
def small_disk() -> Iterator[None]:
    """Let no file grow beyond 10 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("kind", [IndexKind.FLAT, IndexKind.HNSW, IndexKind.IVF])
def test_a_full_disk_leaves_the_index_as_it_was(
    shop: Shop, kind: IndexKind, caplog: pytest.LogCaptureFixture
) -> None:
    with shop.store.write() as txn:
        txn.set_settings(ChannelSettings(index=kind))
    shop.add(*range(100))
    with small_disk():
        with pytest.raises(DiskFull):
            compact(shop.store)
        assert not maybe_fold(shop.store), "who has added is not told that it failed"
    assert "not brought up to date: no space left" in caplog.text
    assert shop.files() == set()
    shop.check(3)
    assert maybe_fold(shop.store)
    shop.check(3)


def written(folder: Path, sample: Codes) -> SegmentFile:
    count = 2 * PER_TARGET
    chunk = (sample.codes[:count], sample.rows[:count])
    file = write_segment(folder, (5, 8), [chunk], kind=IndexKind.FLAT, dim=32, capacity=count)
    assert file is not None
    return file


def test_a_name_is_never_used_twice(tmp_path: Path, sample: Codes) -> None:
    names = {written(tmp_path, sample).name for _ in range(20)}
    assert names == {path.name for path in tmp_path.iterdir()}
    assert len(names) == 20


def test_a_file_that_is_collected_while_it_is_loaded_is_gone_not_damaged(
    tmp_path: Path, sample: Codes, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, load = written(tmp_path, sample), flat.load

    def slow_load(path: Path, **record: int) -> ExactIndex:
        path.unlink()
        return load(path, **record)

    monkeypatch.setattr(segment.flat, "load", slow_load)
    with pytest.raises(FileGone):
        open_segment(tmp_path, file)


MEASURE = """
import sys
from pathlib import Path
import numpy as np
from arcli.index.hnsw import HnswBuilder, HnswIndex, graph_memory

def pss():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))

def built(count):
    builder = HnswBuilder(count, 32)
    for start in range(0, count, 5000):
        builder.add(rng.integers(-60, 60, (5000, 32), np.int8), np.arange(start, start + 5000) // 200)
    return builder

rng, file, count = np.random.default_rng(1), Path(sys.argv[1]), 60_000
first = built(5000)  # what every process needs once
before = pss()
builder = built(count)
after = pss()
builder.save(file)
saved = pss()
index = HnswIndex.load(file, dim=32, descriptors=count, ef=12)
print((after - before) / graph_memory(count, 32), (pss() - saved) / graph_memory(count, 32))
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="measures memory by Linux' /proc")
def test_a_graph_takes_the_memory_that_was_estimated(tmp_path: Path) -> None:
    """1.14 while building and 1.05 when loaded, of 60,000 descriptors; 1.08 and 1.02 of 100,000."""
    words = [sys.executable, "-c", MEASURE, str(tmp_path / "graph")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    np.testing.assert_allclose([float(ratio) for ratio in done.stdout.split()], 1, atol=0.25)


def test_no_variable_arms_a_step_at_which_tests_kill(tmp_path: Path) -> None:
    """A shipped program has the steps, and nothing in it that could die there."""
    armed = dict.fromkeys(("ARCLI_FAULT", arming.VARIABLE), FaultPoint.RENAMED.value)
    script = (
        "import sys, pathlib; from arcli.files import write_atomically;"
        " write_atomically(pathlib.Path(sys.argv[1]), b'whole')"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "a")], env={**os.environ, **armed})
    assert (done.returncode, (tmp_path / "a").read_bytes()) == (0, b"whole")
    script = "import tests.faults.arming;" + script
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, **armed, "PYTHONPATH": root}
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "b")], env=environment)
    assert done.returncode == -signal.SIGKILL, "the suite's own package does"
