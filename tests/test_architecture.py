"""docs/architecture.md names existing files, and each package and wing says what belongs in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGES = sorted((ROOT / "arcli").rglob("__init__.py"))


def test_each_file_that_the_page_names_is_there() -> None:
    names = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", PAGE))
    assert len(names) > 20
    there = [str(path.relative_to(ROOT)) for path in ROOT.glob("[a-z]*/**/*.py")]
    assert not {name for name in names if not any(f"/{path}".endswith(f"/{name}") for path in there)}


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_a_package_says_what_lives_in_it(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said is not None
    assert len(said) > 40


def test_the_picture_shows_each_wing() -> None:
    picture = (ROOT / "docs" / "house.svg").read_text(encoding="utf-8")
    assert not {path.parent.name for path in PACKAGES if path.parent.name not in picture} - {"arcli"}
