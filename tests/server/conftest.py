"""A server as users start it, over a data folder with a few accounts and channels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from arcli.engine import LocalGallery
from arcli.models import ChannelSettings, KeyRequest, ListKind, Scope
from arcli.store.accounts import Accounts
from tests.engine.conftest import photo_of, poster
from tests.protocols.conftest import openssl

__all__ = ["openssl"]

IMPORTED = "secret from the vendor"


@dataclass
class Served:
    """A running server: its URL, its folder, the secret keys by account."""

    url: str
    data_dir: Path
    process: subprocess.Popen[bytes]
    started: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def login(self, account: str = "shop", **more: str) -> dict[str, str]:
        """Return the fields username and secretkey, and `more`."""
        return {"username": account.partition("/")[0], "secretkey": self.secrets[account], **more}


def populate(data_dir: Path) -> dict[str, str]:
    """Make accounts and channels; return secrets. `shop/app` is a key of shop's for scanning posters."""
    secrets = {}
    with Accounts(data_dir) as accounts, LocalGallery(data_dir) as gallery:
        for name in ("shop", "rival"):
            secrets[name] = accounts.add_account(username=name).secretkey
        for name, settings in {
            "posters": ChannelSettings(owner="shop"),
            "labels": ChannelSettings(owner="shop", kind=ListKind.BLACK),
            "vault": ChannelSettings(owner="shop", private=True),
            "full": ChannelSettings(owner="shop", quota=1),
            "wide": ChannelSettings(owner="shop", any_format=True),
            "theirs": ChannelSettings(owner="rival"),
        }.items():
            gallery.create_channel(name=name, settings=settings)
        scan = KeyRequest(scope=Scope.FIND, channels=("posters",))
        secrets["shop/app"] = accounts.add_key(username="shop", key=scan).secretkey
        accounts.add_account(username="moved", key=KeyRequest(secretkey=IMPORTED))
        secrets["moved"] = IMPORTED
        accounts.grant(username="moved", channel="posters", scope=Scope.FIND)
    return secrets


@contextmanager
def serving(data_dir: Path, *options: str, config: str = "") -> Iterator[Served]:
    """Start `arcli serve` on a free port, and stop it as an operator does."""
    file = data_dir.parent / "serve.toml"
    file.write_text(config)
    words = ["--data-dir", str(data_dir), "serve", "--json", "--port", "0", "--config", str(file), *options]
    if "--metrics-port" not in options:
        words += ["--metrics-port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "arcli", *words], stdout=subprocess.PIPE, env=clean_env()
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"serve ended with status {process.wait(30)}"
    try:
        started = json.loads(line)["data"]
        yield Served(started["url"], data_dir, process, started)
    finally:
        process.terminate()
        status = process.wait(60)
        process.stdout.close()
    assert status == 0


def clean_env() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ARCLI_")}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data_dir = tmp_path_factory.mktemp("served") / "data"
    secrets = populate(data_dir)
    with serving(data_dir) as server:
        server.secrets = secrets
        yield server


@pytest.fixture(scope="session")
def picture() -> bytes:
    return poster(1)


@pytest.fixture(scope="session")
def photo() -> bytes:
    """Shows the picture."""
    return photo_of(1)
