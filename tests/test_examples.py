"""The commands of README, tutorial and the page for those who leave a vendor do and print what it says."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
_SPEC = importlib.util.spec_from_file_location("examples", ROOT / "docs" / "examples.py")
assert _SPEC is not None
assert _SPEC.loader is not None
examples: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(examples)
PAGES = ["README.md", "docs/tutorial.md", "docs/how-to/leaving-a-vendor.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "openssl"))), reason="the pages use bash, curl and openssl"
)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_prints_what_it_says(page: str, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="the extra server is not installed")
    printed = examples.run(text(page), tmp_path)
    assert examples.differences(text(page), printed) == [], "run: python docs/examples.py " + page


def test_an_output_that_differs_is_seen() -> None:
    page = "```console\n$ echo found 12 ms\nfound 3 ms\n$ echo nothing\nsomething\n$ never\n```\n"
    assert examples.differences(page, ["found 7 ms\n", "nothing\n"]) == [
        "$ echo nothing\nnothing\n",
        "$ never\nwas not reached",
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_of_a_page_is_there(page: str) -> None:
    named = set(re.findall(r"`make ([a-z-]+)", text(page)))
    assert page != "README.md" or {"demo", "test"} <= named, "the two commands that do everything"
    for target in named:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_levels_of_the_good_and_bad_targets_are_what_the_page_says() -> None:
    done = subprocess.run(
        [sys.executable, "docs/targets.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
