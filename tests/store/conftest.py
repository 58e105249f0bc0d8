"""Stores, and processes that work on them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcli.models import ChannelSettings
from arcli.store.channel import ChannelStore
from tests.store.store_worker import Start

WORKER = Path(__file__).with_name("store_worker.py")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an empty store."""
    made = tmp_path / "channel"
    made.mkdir()
    ChannelStore.create(
        made, name="cards", settings=ChannelSettings(), preset=1, created="2026-01-01T00:00:00Z"
    )
    return made


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a command of store_worker.py; it is killed after the test if it still runs."""
    running: list[subprocess.Popen[str]] = []

    def begin(*words: object, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*before, sys.executable, str(WORKER), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()
