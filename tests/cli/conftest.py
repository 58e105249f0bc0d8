"""Runs command lines in process against a gallery in memory."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import arcli.connect
from tests.fakes.gallery import FakeGallery
from tests.in_process import ran_here


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The envelope: one object, nothing else on stdout."""
        return json.loads(self.out)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROFILE", "DATA_DIR", "CHANNEL", "URL", "USERNAME", "SECRETKEY", "FORMAT", "DEBUG"):
        monkeypatch.delenv(f"ARCLI_{name}", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch) -> FakeGallery:
    fake = FakeGallery()
    monkeypatch.setattr(arcli.connect, "open_gallery", lambda settings: fake)
    return fake


@pytest.fixture
def run(gallery: FakeGallery, capfdbinary: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs arcli with words and, optionally, bytes on stdin."""

    def call(*words: str | Path, stdin: bytes | None = None) -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin or b"")))
        return Ran(*ran_here(capfdbinary, words))

    return call


@pytest.fixture
def filled(gallery: FakeGallery, tmp_path: Path) -> FakeGallery:
    """A gallery with three targets in channel "default"."""
    from arcli.models import AddItem, Picture

    for name, metadata in (("alpha", '{"lang": "en"}'), ("beta_1", None), ("beta_2", '{"lang": "de"}')):
        picture = Picture(name=f"{name}.jpg", data=name.encode())
        gallery.add(channel="default", item=AddItem(picture=picture, identifier=name, metadata=metadata))
    return gallery
