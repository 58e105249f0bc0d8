"""`arcli serve`: the ARCloud and Tupu protocols over the data folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arcli.console.qr import show_qr
from arcli.console.session import Session
from arcli.errors import NotSupported, UsageError, extra_hint
from arcli.models import MESSAGES, some_of

if TYPE_CHECKING:
    from arcli.server.process.newcomer import LocalCertificate
    from arcli.server.process.serve import Started


PathOption = Path | None


def serve(
    ctx: typer.Context,
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Where to listen. Default: 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, metavar="N", help="Default: 8080; 0: any free one."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=64, metavar="N", help="Number of processes. Default: 1."),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(
            "--public-url", metavar="URL", help="URL by which clients reach it, for links in Tupu answers."
        ),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--trusted-proxy", metavar="ADDRESS", help="Proxy or network whose X-Forwarded-For is believed."
        ),
    ] = None,
    tls_cert: Annotated[
        PathOption, typer.Option("--tls-cert", metavar="FILE", help="Certificate chain, PEM.")
    ] = None,
    tls_key: Annotated[
        PathOption, typer.Option("--tls-key", metavar="FILE", help="The certificate's key, PEM.")
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--cors-origin", metavar="ORIGIN", help="Origin of web pages that may call it; * for all."
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", min=0, max=65535, metavar="N", help="Default: --port + 1; 0: none."),
    ] = None,
    memory_limit: Annotated[
        str | None,
        typer.Option(
            "--memory-limit",
            metavar="SIZE",
            help="Memory for opened indexes, such as 512M or 4G; least recently used ones are released."
            " Default: half of the machine's.",
        ),
    ] = None,
    save_misses: Annotated[
        PathOption,
        typer.Option(
            "--save-misses", metavar="DIR", help="Folder in which to keep photos that match nothing."
        ),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(
            "--time-zone", metavar="NAME", help="Time zone of the days that Statistics counts. Default: UTC."
        ),
    ] = None,
    local_https: Annotated[
        bool,
        typer.Option(
            "--local-https",
            help="Make a TLS certificate of its own and listen on the local network: phones give web pages"
            " the camera by https alone.",
        ),
    ] = False,
    open_: Annotated[
        bool,
        typer.Option("--open", help="Make a demonstration channel, and open the page that scans it."),
    ] = False,
    config: Annotated[
        PathOption,
        typer.Option("--config", metavar="FILE", help="TOML file of settings; see docs/how-to/server.md."),
    ] = None,
) -> None:
    """Serve the data folder over the ARCloud and Tupu protocols.

    The web pages are /scan, which recognises what a camera sees, and /gallery. With --open and nothing else a
    newcomer sees them work.

    Example: arcli serve --host 0.0.0.0 --port 8080 --workers 4
    """
    session = Session.of(ctx)
    if local_https and (tls_cert or tls_key):
        raise UsageError("--local-https makes a certificate: give no --tls-cert and no --tls-key")
    if local_https and config is None:
        host = host or "0.0.0.0"  # noqa: S104 - the local network is meant
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "workers": workers,
        "public_url": public_url,
        "trusted_proxies": tuple(trusted_proxy) if trusted_proxy else None,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "cors_origins": tuple(cors_origin) if cors_origin else None,
        "metrics_port": metrics_port,
        "memory_limit": None if memory_limit is None else _bytes(memory_limit),
        "save_misses": save_misses,
        "time_zone": time_zone,
        "access_log": True if session.verbose else None,
    }
    _require_server()
    from arcli.connect import local_data_dir, own_place
    from arcli.server.options import load_options
    from arcli.server.process.newcomer import demonstration, local_certificate
    from arcli.server.process.serve import serve as run

    data_dir = own_place(session.settings)
    own = local_certificate(local_data_dir(session.settings)) if local_https else None
    if own is not None:
        given |= {"tls_cert": own.cert, "tls_key": own.key}
    chosen = {name: value for name, value in given.items() if value is not None}
    options = load_options(config, chosen | {"data_dir": data_dir})
    fragment = demonstration(data_dir) if open_ else None

    def announce(started: Started) -> None:
        _announce(session, started)
        for line in () if own is None else _how_to_accept(started.url, own):
            session.say(line)
        if fragment is not None:
            _open(session, f"{started.url}/scan#{fragment}")
        if fragment is not None and own is not None:
            for address in own.addresses[:1]:
                link = f"{_on(address, started.url)}/scan#{fragment}"
                session.say(f"scan with a phone: {link}")
                show_qr(session, link)

    run(options, announce)
    session.streams.begin_line()  # after the ^C


def _how_to_accept(url: str, own: LocalCertificate) -> Iterator[str]:
    """Say how a phone reaches the server, and what its browser will ask."""
    for address in own.addresses:
        yield f"on a phone in this network: {_on(address, url)}/scan"
    yield "its browser warns, for nobody vouches for this certificate: choose Advanced, then proceed"
    yield f"the fingerprint that it may show: {own.fingerprint}"


def _on(address: str, url: str) -> str:
    return f"https://{address}:{url.rpartition(':')[2]}"


def _open(session: Session, link: str) -> None:
    """Open a page in the user's browser; where there is none, the link is for copying."""
    import webbrowser

    session.say(f"scan: {link}")
    if any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")) or os.name == "nt":
        webbrowser.open(link)


def _bytes(size: str) -> int:
    """Return how many bytes a size means: 4G is 4 GiB. Raises UsageError."""
    read = re.fullmatch(r"([0-9]{1,9})([KMGT]?)(?:I?B)?", size.strip().upper(), re.ASCII)
    if read is None or not int(read[1]):
        raise UsageError(f"--memory-limit {size!r} is not a size", hint="a number with M or G: 512M, 4G")
    return int(read[1]) << {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[read[2]]


def _require_server() -> None:
    """Raise NotSupported, naming the extra, if the server's libraries are not installed."""
    for name in ("starlette", "uvicorn", "python_multipart", "prometheus_client"):
        if find_spec(name) is None:
            raise NotSupported(f"serve needs the package {name}", hint=extra_hint("server"))


def _announce(session: Session, started: Started) -> None:
    """Report where it listens, and which channels GetImage shows to everybody."""
    from arcli.connect import account_admin

    record = {
        "url": started.url,
        "metrics_url": started.metrics_url,
        "public_channels": list(started.public_channels),
        "private_channels": list(started.private_channels),
    }
    session.record(
        record, name="url", lines=[("serving", started.url), ("metrics", started.metrics_url or "none")]
    )
    for line in _public(started.public_channels):
        session.say(line)
    with account_admin(session.settings) as accounts:
        without = not accounts.accounts()
    if without:
        session.say("no account yet: arcli account add NAME, then arcli channel create CHANNEL --owner NAME")


def _public(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        return ("public channels: none",)
    shown = some_of(names, MESSAGES.in_list)
    return (
        f"public channels (GetImage shows their targets to everybody): {shown}",
        "hide one: arcli channel set NAME --private",
    )
