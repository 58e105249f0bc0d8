"""`arcli serve` that can be killed and started again at the same address."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

from arcli.engine import LocalGallery
from arcli.models import ChannelSettings
from arcli.store.accounts import Accounts
from tests.cli.processes import environment

USERNAME = "shop"


class KillableServer:
    """Serves `home`/data with one account that owns `channels`."""

    def __init__(self, home: Path, *channels: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.data_dir = home, home / "data"
        with Accounts(self.data_dir) as accounts, LocalGallery(self.data_dir) as gallery:
            self.secret = accounts.add_account(username=USERNAME).secretkey
            for channel in channels or ("default",):
                gallery.create_channel(name=channel, settings=ChannelSettings(owner=USERNAME))
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> KillableServer:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self.process is not None
        self.process.terminate()
        self._gone()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def login(self) -> dict[str, str]:
        """Return the environment of a client."""
        return {"ARCLI_URL": self.url, "ARCLI_USERNAME": USERNAME, "ARCLI_SECRETKEY": self.secret}

    def start(self) -> None:
        """Return when the server answers."""
        words = ["serve", "--json", "--port", str(self.port), "--metrics-port", "0"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "arcli", *words],
            env=environment(self.home),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"serve ended with status {self.process.wait(60)}"
        assert json.loads(line)["status"] == "ok"

    def kill_and_restart(self) -> None:
        assert self.process is not None
        self.process.kill()
        self._gone()
        self.start()

    def _gone(self) -> None:
        assert self.process is not None
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
