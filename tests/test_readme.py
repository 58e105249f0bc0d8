"""What the README tells a newcomer to type works, in the order in which it is written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_in_the_readme_works(tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ARCLI_")}
    own = {"ARCLI_DATA_DIR": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    commands = re.findall(r"^    \$ arcli (.+)$", README, re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        words = ["serve", "--help"] if command == "serve" else shlex.split(command)
        done = subprocess.run(
            [sys.executable, "-m", "arcli", *words],
            cwd=tmp_path,
            env={**kept, **own, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
    assert (tmp_path / "found.jpg").stat().st_size > 10_000


@pytest.mark.parametrize("target", re.findall(r"^    make ([a-z-]+)", README, re.MULTILINE))
def test_every_make_target_of_the_readme_is_there(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
