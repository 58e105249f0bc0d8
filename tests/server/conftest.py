"""A server as users start it, over a data folder with a few accounts and channels."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from arcli.models import ChannelSettings, KeyRequest, ListKind, Scope
from tests.engine.conftest import photo_of, poster
from tests.protocols.conftest import openssl
from tests.server.places import ON_CLUSTER, accounts, clean_env, command, engine

__all__ = ["clean_env", "openssl"]

HERE = Path(__file__).parent
IMPORTED = "secret from the vendor"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where `make cluster` runs them, only the tests marked `cluster` are about it."""
    others = pytest.mark.skip(reason="not among the tests that run on a cluster")
    for item in items:
        if ON_CLUSTER and item.path.parent == HERE and item.get_closest_marker("cluster") is None:
            item.add_marker(others)


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
    with accounts(data_dir) as keepers, engine(data_dir) as gallery:
        for name in ("shop", "rival"):
            secrets[name] = keepers.add_account(username=name).secretkey
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
        secrets["shop/app"] = keepers.add_key(username="shop", key=scan).secretkey
        keepers.add_account(username="moved", key=KeyRequest(secretkey=IMPORTED))
        secrets["moved"] = IMPORTED
        keepers.grant(username="moved", channel="posters", scope=Scope.FIND)
    return secrets


@contextmanager
def serving(data_dir: Path, *options: str, config: str = "") -> Iterator[Served]:
    """Start `arcli serve` on a free port, and stop it as an operator does."""
    file = data_dir.parent / "serve.toml"
    file.write_text(config)
    words = ["serve", "--json", "--port", "0", "--config", str(file), *options]
    if "--metrics-port" not in options:
        words += ["--metrics-port", "0"]
    process = subprocess.Popen(command(data_dir, *words), stdout=subprocess.PIPE, env=clean_env(data_dir))
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
