"""The commands of README, tutorial and the page for those who leave a vendor do and print what it says."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


examples, translations = _module("examples"), _module("translations")
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


@pytest.mark.parametrize(("english", "chinese"), translations.CHINESE.items())
def test_a_chinese_page_says_what_its_english_one_says(english: str, chinese: str) -> None:
    """The commands and outputs of the English page are run; these are the same."""
    assert translations.differences(text(english), text(chinese)) == [], "run: python docs/translations.py"
    here, there = Path(english), Path(chinese)
    assert f"]({_relative(there, here.parent)})" in text(english).split("\n\n")[1], (
        "a link to the other language"
    )
    assert f"]({_relative(here, there.parent)})" in text(chinese).split("\n\n")[1]


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder)


@pytest.mark.parametrize(
    "changed",
    [
        ("$ ls", "$ ls -l"),
        ("## Two", "### Two"),
        ("- one\n", ""),
        ("| a |\n", "| a |\n| b |\n"),
        ("p.png", "q.png"),
        ("    indented\n", "    indented --twice\n"),
        ("# a comment", "-l"),
    ],
)
def test_a_translation_that_drifts_is_seen(changed: tuple[str, str]) -> None:
    parts = (
        "# One",
        "```sh\n$ ls  # a comment\n```",
        "## Two",
        "- one\n- two",
        "| a |",
        "    indented",
        "![x](p.png)",
    )
    page = "\n\n".join(parts) + "\n"
    chinese = page.replace("# a comment", "# 注释").replace("One", "一").replace("![x]", "![图]")
    assert translations.differences(page, chinese) == []
    assert len(translations.differences(page.replace(*changed), chinese)) == 1
    if "$" in changed[0] or "indented" in changed[0]:
        assert (
            translations.differences(
                page.replace(*changed), translations.followed(page.replace(*changed), chinese)
            )
            == []
        )


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
