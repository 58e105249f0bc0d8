"""What `serve` prepares for who has nothing yet: a certificate of its own, a demonstration channel."""

from __future__ import annotations

import datetime as dt
import json
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from arcli import connect
from arcli.errors import AccountExists, StorageNotWritable
from arcli.files import write_atomically
from arcli.models import AddItem, ChannelSettings, KeyRequest, Picture, Scope
from arcli.protocols.certificates import fingerprint, own_certificate, still_good
from arcli.server.pages.static import SAMPLES
from arcli.server.process.worker import open_backend
from arcli.settings import DataPlace

DEMONSTRATION = "demonstration"
_TARGETS = ("card.png", "bear.jpg", "webcam.jpg")
_DNS_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCertificate:
    """The files of a certificate, its fingerprint, and the addresses of this machine that it is for."""

    cert: Path
    key: Path
    fingerprint: str
    addresses: tuple[str, ...]


def local_certificate(data_dir: Path) -> LocalCertificate:
    """Return this machine's certificate, making it at first use, and again when it ends or addresses change.

    Raises StorageNotWritable.
    """
    connect.server_pepper(data_dir)  # makes the folder
    cert, key = data_dir / "local-https-cert.pem", data_dir / "local-https-key.pem"
    addresses, now = own_addresses(), dt.datetime.now(dt.UTC)
    name = socket.gethostname()
    named = [name, f"{name.partition('.')[0]}.local"] if _DNS_NAME.fullmatch(name) else []
    hosts = list(dict.fromkeys(["localhost", *named, "127.0.0.1", "::1", *addresses]))
    try:
        if not (key.exists() and cert.exists() and still_good(cert.read_bytes(), hosts, now)):
            certificate, private = own_certificate(hosts, now)
            write_atomically(key, private, private=True)
            write_atomically(cert, certificate)
        pem = cert.read_bytes()
    except OSError as error:
        raise StorageNotWritable(f"{error.filename}: {error.strerror}", item=str(data_dir)) from error
    return LocalCertificate(cert=cert, key=key, fingerprint=fingerprint(pem), addresses=addresses)


def own_addresses() -> tuple[str, ...]:
    """Return the address by which other machines of the network reach this one; none without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # chooses an address; nothing is sent
            address = str(probe.getsockname()[0])
        except OSError:
            return ()
    return () if address.startswith("127.") or address == "0.0.0.0" else (address,)  # noqa: S104 - no bind


def demonstration(data_dir: DataPlace) -> str:
    """Make the demonstration channel unless it is there; return the fragment of a link that scans it.

    The link has a find-only key of its own, which ends tomorrow.
    """
    backend = open_backend(data_dir)
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    key = KeyRequest(scope=Scope.FIND, expires=ends.strftime("%Y-%m-%dT%H:%M:%SZ"))
    try:
        try:
            made = backend.accounts.add_account(username=DEMONSTRATION, key=key)
        except AccountExists:
            made = backend.accounts.add_key(username=DEMONSTRATION, key=key)
        if DEMONSTRATION not in backend.channels.settings():
            owned = ChannelSettings(owner=DEMONSTRATION, private=True)
            backend.channels.create_channel(name=DEMONSTRATION, settings=owned)
            for name in _TARGETS:
                picture = Picture(name=name, data=(SAMPLES / name).read_bytes())
                title = json.dumps({"title": f"The sample picture {name}"})
                item = AddItem(picture=picture, identifier=Path(name).stem, metadata=title)
                backend.gallery.add(channel=DEMONSTRATION, item=item)
    finally:
        backend.close()
    return urlencode({"u": DEMONSTRATION, "k": made.secretkey, "c": DEMONSTRATION, "demo": 1})
