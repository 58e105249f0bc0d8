"""A fake gallery and folders of pictures that only the fake understands."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.conftest import encoded, poster, poster_pixels
from tests.fakes.gallery import FakeGallery
from tests.in_process import ran_here


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


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)["data"]

    @property
    def statuses(self) -> dict[str, str]:
        return {item["identifier"]: item["status"] for item in self.data["items"]}


Arcli = Callable[..., Ran]


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder that holds user data, so not SQLite's side files."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files if not path.name.endswith(("-shm", "-wal"))}


@pytest.fixture
def arcli(tmp_path: Path, capfdbinary: Any, monkeypatch: pytest.MonkeyPatch) -> Arcli:
    """Run a command line in this process, in `tmp_path`, over the embedded engine."""
    for name in ("PROFILE", "CHANNEL", "URL", "USERNAME", "SECRETKEY", "FORMAT", "DEBUG"):
        monkeypatch.delenv(f"ARCLI_{name}", raising=False)
    monkeypatch.setenv("ARCLI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        return Ran(*ran_here(capfdbinary, words))

    return run


@pytest.fixture
def posters(tmp_path: Path) -> Path:
    """A folder of four posters, p0 to p3."""
    folder = tmp_path / "posters"
    folder.mkdir()
    for seed in range(4):
        (folder / f"p{seed}_.png").write_bytes(poster(seed))
    return folder


def poor() -> bytes:
    """A picture with some details in one corner, and nothing else."""
    pixels = np.full((320, 320, 3), 220, np.uint8)
    pixels[:40, :40] = poster_pixels(30)[:40, :40]
    return encoded(pixels)
