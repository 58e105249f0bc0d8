"""A server for hostile clients: two accounts, each with a secret of its own in a private channel."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from arcli.engine import LocalGallery
from arcli.models import AddItem, Picture, SettingsChanges, TupuBinding
from arcli.store.accounts import Accounts
from faults.model import picture
from tests.server.conftest import clean_env, populate

MARKS = {"shop": "mark-of-shop-b71c", "rival": "mark-of-rival-5e02"}
SECRET_ID = "0123456789abcdef01234567"
CONFIG = "request_rate = 100000.0\nconnections_per_address = 1000\nanonymous_rate = 100000.0\n"
CONFIG += "failures_per_address = 1000000\nfailures_per_account = 1000000\n"


@dataclass(frozen=True)
class Site:
    """A running server. secrets: by account, `shop/app` only scans. tupu_key: the private key of a client."""

    url: str
    pid: int
    secrets: dict[str, str]
    tupu_key: str
    photo: bytes
    log: Path


def furnish(data: Path, public_key: str) -> dict[str, str]:
    """Make accounts, channels, and in `vault` and `theirs` a target that bears its owner's mark."""
    secrets = populate(data)
    with LocalGallery(data) as gallery, Accounts(data) as accounts:
        gallery.set_channel(name="theirs", changes=SettingsChanges(private=True))
        for channel, owner in (("vault", "shop"), ("theirs", "rival")):
            shown = Picture(name="p.png", data=picture(len(owner)))
            marked = AddItem(picture=shown, identifier="marked", metadata=json.dumps(MARKS[owner]))
            gallery.add(channel=channel, item=marked)
        binding = {"secret_id": SECRET_ID, "username": "shop", "channels": ("posters",)}
        accounts.bind(TupuBinding(public_key=public_key, **binding))  # type: ignore[arg-type]
    return secrets


def key_pair(folder: Path) -> tuple[str, str]:
    """Return a private RSA key and its public one, made by openssl."""
    command = ["openssl", "genrsa", "-out", str(folder / "key.pem"), "2048"]
    subprocess.run(command, check=True, capture_output=True)
    public = ["openssl", "rsa", "-in", str(folder / "key.pem"), "-pubout"]
    done = subprocess.run(public, check=True, capture_output=True, text=True)
    return (folder / "key.pem").read_text(), done.stdout


@contextmanager
def site(config: str = CONFIG) -> Iterator[Site]:
    """Serve a furnished folder. It must end well, and its log must tell of no bug."""
    folder = Path(tempfile.mkdtemp(prefix="arcli-faults-site-"))
    private, public = key_pair(folder)
    secrets = furnish(folder / "data", public)
    (folder / "serve.toml").write_text(config)
    words = ["--data-dir", str(folder / "data"), "serve", "--json", "--port", "0", "--metrics-port", "0"]
    command = [sys.executable, "-m", "arcli", *words, "--config", str(folder / "serve.toml")]
    log = folder / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=clean_env())
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, log.read_text()
    try:
        url = json.loads(line)["data"]["url"]
        photo = (Path(__file__).parents[1] / "samples" / "photos" / "note_on_wood.jpg").read_bytes()
        yield Site(url, process.pid, secrets, private, photo, log)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
    assert process.returncode == 0, log.read_text()[-2000:]
    assert "Traceback" not in log.read_text(), log.read_text()[-4000:]
    shutil.rmtree(folder)
