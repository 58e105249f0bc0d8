"""The wheel that users get: the package with its data, completions where shells look for them, no more."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Build the wheel with the hatchling that is installed and return the names in it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_the_preset_and_the_type_marker_are_in_the_package(names: list[str]) -> None:
    assert "arcli/py.typed" in names
    packaged = {str(file.relative_to(ROOT)) for file in (ROOT / "arcli").rglob("*") if file.is_file()}
    assert {name for name in packaged if "__pycache__" not in name} <= set(names)
    assert any(name.startswith("arcli/vision/data/preset-") for name in names)


@pytest.mark.parametrize(
    "place",
    [
        "share/bash-completion/completions/arcli",
        "share/zsh/site-functions/_arcli",
        "share/fish/vendor_completions.d/arcli.fish",
        "share/man/man1/arcli.1",
    ],
)
def test_completions_are_where_shells_look_for_them(names: list[str], place: str) -> None:
    assert [name for name in names if name.endswith(f".data/data/{place}")]


def test_nothing_else_is_installed(names: list[str]) -> None:
    tops = {name.split("/")[0].split("-")[0] for name in names}
    assert tops == {"arcli", "arcli_gallery"}
