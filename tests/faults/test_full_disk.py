"""A full disk: reading continues, and removing works with no space left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
_MOUNTS = 'mount -t tmpfs -o size=1m none "$1"'


def _may_mount(folder: Path) -> bool:
    unshare = shutil.which("unshare")
    return (
        unshare is not None
        and not subprocess.run(
            [unshare, "-m", "sh", "-c", _MOUNTS, "sh", str(folder)], capture_output=True, check=False
        ).returncode
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    if not _may_mount(tmp_path / "data"):
        pytest.skip("no file system can be mounted here: not root, or no unshare")
    return tmp_path


def run(home: Path, size: str, script: str) -> list[tuple[int, dict[str, object]]]:
    """Run a script on a file system of that size at data/; return status and JSON of each `say COMMAND`."""
    picture = next(SAMPLES.rglob("peanuts.png"))
    prelude = f"""
    mount -t tmpfs -o size={size} none {home}/data
    arcli() {{ {sys.executable} -m arcli "$@"; }}
    say() {{ arcli "$@" --json 2>/dev/null | tr -d '\\n'; printf '\\t%s\\n' "${{PIPESTATUS[0]}}"; }}
    fill() {{ dd if=/dev/zero of={home}/data/fill bs=4k 2>/dev/null; }}
    picture={picture}
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "ARCLI_DATA_DIR": str(home / "data"),
    }
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", prelude + script],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    lines = [line.rpartition("\t") for line in done.stdout.splitlines() if "\t" in line]
    return [(int(status), json.loads(answer)) for answer, _, status in lines]


FILLED = """
for n in 1 2 3; do arcli add $picture --id big_$n --on-exists skip -q >/dev/null 2>&1; done
rm -f $ARCLI_DATA_DIR/*-shm $ARCLI_DATA_DIR/*/*/*-shm $ARCLI_DATA_DIR/*-wal $ARCLI_DATA_DIR/*/*/*-wal
fill
"""


def test_reading_goes_on_and_rm_works_with_nothing_left(home: Path) -> None:
    answers = run(
        home,
        "4m",
        FILLED
        + """
        say find $picture; say ls; say get big_1; say stats; say doctor
        say rm big_1 --yes; say rm big_2 nobody --yes; say ls; say channel compact default
        """,
    )
    statuses = [status for status, _ in answers]
    assert statuses == [0, 0, 0, 0, 0, 0, 3, 0, 0]
    listed = answers[7][1]["data"]
    assert [target["identifier"] for target in listed["targets"]] == ["big_3"]  # type: ignore[index,call-overload]


def test_a_channel_can_be_removed_where_not_even_the_reserve_found_room(home: Path) -> None:
    answers = run(home, "700k", FILLED + "say channel rm default --yes; say channel ls; say doctor")
    assert [status for status, _ in answers] == [0, 0, 0]
    assert answers[1][1]["data"]["totalcount"] == 0  # type: ignore[index,call-overload]


def test_what_needs_space_says_so(home: Path) -> None:
    answers = run(home, "4m", FILLED + "say add $picture --id more; say channel create other")
    codes = [[error["code"] for error in answer["errors"]] for _, answer in answers]  # type: ignore[attr-defined]
    assert [status for status, _ in answers] == [11, 11]
    assert codes == [["disk_full"], ["disk_full"]]
