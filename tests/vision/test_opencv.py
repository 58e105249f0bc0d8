"""How arcli uses OpenCV in a process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from arcli.vision.features.extract import raw_features
from arcli.vision.opencv import cv2, many_threads, prepare

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "gallery"

ENROLL_AGAIN = """
import resource, sys
from pathlib import Path
from arcli.engine.enroll import EnrollTask, enroll
from arcli.models import Picture
faults = []
for path in sorted(Path(sys.argv[1]).glob("*.jpg"))[:8]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    enroll(EnrollTask(picture=Picture.from_path(path), preset=1))
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sorted(faults)[len(faults) // 2])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told what to keep")
def test_the_memory_of_a_picture_serves_the_next() -> None:
    """Each page that is given back is fetched again, zeroed: 3,000 of them took a fifth of an add."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("MALLOC_", "GLIBC_"))
    }
    ran = subprocess.run(
        [sys.executable, "-c", ENROLL_AGAIN, str(SAMPLES)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(ran.stdout) < 200


MULTIPLY = """
import numpy as np
from pathlib import Path
from arcli.vision.opencv import prepare
def mapped():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmSize")).split()[1])
prepare()
square, before = np.ones((512, 512), np.float32), mapped()
square @ square
print(mapped() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_multiplying_takes_no_memory_later_that_may_be_gone_then() -> None:
    """OpenBLAS fetches 32 MiB for its first large product, and ends the process where there is no room."""
    ran = subprocess.run([sys.executable, "-c", MULTIPLY], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 8 * 1024, "kB"


IMPORT_THEN_DECODE = """
import importlib, pkgutil, sys
from pathlib import Path
import cv2
import arcli.engine, arcli.vision
cv2.setNumThreads(2)
for package in (arcli.vision, arcli.engine):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
print(cv2.getNumThreads())
from arcli.vision.decoding.decode import LOCAL, decode
decode(Path(sys.argv[1]).read_bytes(), name="a", limits=LOCAL)
print(cv2.getNumThreads())
cv2.setNumThreads(2)
decode(Path(sys.argv[1]).read_bytes(), name="a", limits=LOCAL)
print(cv2.getNumThreads())
"""


def test_importing_sets_nothing_and_the_first_picture_does_once() -> None:
    picture = str(next(SAMPLES.glob("*.jpg")))
    ran = subprocess.run(
        [sys.executable, "-c", IMPORT_THEN_DECODE, picture], capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines() == ["2", "1", "2"]


def sample() -> np.ndarray:
    return np.asarray(cv2.imread(str(next(SAMPLES.glob("*.jpg"))), cv2.IMREAD_GRAYSCALE), np.uint8)


def test_a_call_that_is_alone_has_more_threads_and_finds_the_same() -> None:
    gray = sample()

    def found() -> tuple[bytes, bytes]:
        keypoints, descriptors = raw_features(gray, 500)
        return keypoints.tobytes(), descriptors.tobytes()

    prepare()
    usual, seen = cv2.getNumThreads(), []
    with many_threads(1):
        seen.append((cv2.getNumThreads(), found()))
    with many_threads(3):
        seen.append((cv2.getNumThreads(), found()))
        with many_threads(3):
            seen.append((cv2.getNumThreads(), found()))
        seen.append((cv2.getNumThreads(), found()))
    assert [threads for threads, _ in seen] == [1, 3, 1, 1]
    assert {result for _, result in seen} == {seen[0][1]}
    assert cv2.getNumThreads() == usual


def test_calls_that_come_and_go_change_no_result() -> None:
    """The number of threads is one for the process, and changes while calls run."""
    gray = sample()
    alone = raw_features(gray, 500)[1]

    def work(number: int) -> bool:
        with many_threads(2 + number % 2):
            return bool(np.array_equal(raw_features(gray, 500)[1], alone))

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(work, range(60)))
