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


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_benchmarks_reach_the_product_by_its_public_names_and_patch_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    ours: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("arcli"):
            names = [alias.name for alias in node.names]
            assert not [name for name in [*names, *str(node.module).split(".")] if name.startswith("_")]
            ours |= {alias.asname or alias.name for alias in node.names}
        assert not (isinstance(node, ast.ImportFrom) and node.module == "unittest.mock")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ours:
            assert not node.attr.startswith("_"), f"line {node.lineno}"
            assert isinstance(node.ctx, ast.Load), f"line {node.lineno}: it sets {node.value.id}.{node.attr}"
