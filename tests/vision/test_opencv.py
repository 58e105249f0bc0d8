"""How arcli uses OpenCV in a process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

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
