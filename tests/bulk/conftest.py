"""A fake gallery and folders of pictures that only the fake understands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bulk.fake_gallery import FakeGallery


@pytest.fixture
def gallery() -> FakeGallery:
    return FakeGallery()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    path = tmp_path / "pictures"
    path.mkdir()
    return path


@pytest.fixture
def draw(folder: Path) -> Callable[..., Path]:
    """Make a picture of a level in the folder; equal texts are equal pictures."""

    def make(name: str, text: str = "", level: int = 4) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"picture {level} {text or name}".encode())
        return path

    return make
