"""The life of one server process: its port, its certificate, what it serves, uvicorn around it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import ssl
import sys
import threading
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess

import uvicorn
from starlette.types import ASGIApp

from arcli import connect
from arcli.errors import ShellHint, StorageNotWritable, UsageError
from arcli.server.app import build_app
from arcli.server.metrics import Metrics
from arcli.server.options import ServeOptions
from arcli.server.process.connections import (
    Connections,
    ConnectionTuning,
    GuardedConfig,
    GuardedProtocol,
    most_connections,
)
from arcli.server.requests.access import ClientAddress
from arcli.server.requests.limits import BucketTable
from arcli.server.requests.log import PlainLines
from arcli.server.service import Backend, Service
from arcli.settings import DataPlace

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTuning:
    """How a server process waits.

    backlog (16 to 4,096): connections that wait to be accepted. ticks (1 to 600): of uvicorn (0.1 s each)
    between checks of the certificate's files. decode_seconds (0 to 10): that a picture may still be decoded
    after SIGTERM; a photo takes a tenth of this. switch_seconds (0.0005 to 0.005): that a photo's
    thread waits for the interpreter lock, instead of Python's 5 ms. keep_alive (5 to 300): seconds that an
    idle connection stays open. Chosen, not measured.
    """

    backlog: int = 256
    ticks: int = 10
    decode_seconds: float = 1.0
    switch_seconds: float = 0.001
    keep_alive: int = 30


PROCESS = ProcessTuning()


def open_backend(place: DataPlace, *, index_memory: int | None = None) -> Backend:
    """Open the data folder or cluster, making it if there is none; the caller closes it.

    index_memory: bytes of memory that opened indexes take together; None: as many as there are.
    """
    gatekeeper = connect.gatekeeper(place)
    accounts = connect.accounts_of(place)
    gallery = connect.served_gallery(place, index_memory=index_memory)
    failures = connect.failure_log(place)

    def flush() -> None:
        gallery.flush_counts()
        gatekeeper.flush()

    def close() -> None:
        gallery.close()
        accounts.close()
        gatekeeper.close()
        if failures is not None:
            failures.close()

    return Backend(
        gallery=gallery,
        channels=gallery,
        gatekeeper=gatekeeper,
        accounts=accounts,
        pepper=connect.server_pepper(place),
        signing_key=lambda: connect.server_signing_key(place),
        flush=flush,
        upkeep=gallery.look_after_indexes,
        index_bytes=lambda: gallery.index_memory,
        failures=failures,
        state=gallery.state,
        ready=lambda: gatekeeper.binding(""),
        close=close,
    )


def listen(options: ServeOptions) -> tuple[ServeOptions, socket.socket]:
    """Open the port; return the options with the actual port (0: any free one).

    Raises UsageError when the address cannot be used.
    """
    try:
        options.host.encode()  # raises for what is no text; a socket would raise a TypeError
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        listener = socket.create_server((options.host, options.port), family=family, backlog=PROCESS.backlog)
    except PermissionError as error:
        raise StorageNotWritable(
            f"port {options.port} needs privileges", hint=ShellHint("choose another --port")
        ) from error
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"cannot listen on {options.host}:{options.port}: {getattr(error, 'strerror', '') or error}",
            hint=ShellHint("choose another --host or --port"),
        ) from error
    # Connections inherit it. asyncio sets it only on sockets made with an explicit protocol; without it each
    # answer waits 40 ms for a delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return replace(options, port=listener.getsockname()[1]), listener


def check_tls(options: ServeOptions) -> None:
    """Raise UsageError when the certificate or its key cannot be used."""
    if options.tls_cert is None or options.tls_key is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.tls_cert, options.tls_key, password=lambda: b"")
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"the TLS certificate or its key cannot be used: {error}",
            hint="both are PEM files, without a passphrase",
        ) from error


def run_process(options: ServeOptions, listener: socket.socket, metrics: Metrics) -> None:
    """Serve in this process until SIGTERM or SIGINT; running requests end, counts are written."""
    _log_to_stderr(options)
    backend = open_backend(options.data_dir, index_memory=options.index_memory)
    table = None if options.shared_table is None else BucketTable(options.shared_table)
    service = Service(backend, options, metrics, table)
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises the signals again when it has stopped
        signal.signal(number, lambda *_: None)
    sys.setswitchinterval(PROCESS.switch_seconds)
    ServerProcess(uvicorn_config(build_app(service), options), service).run(sockets=[listener])


def _stamps(options: ServeOptions) -> tuple[int | None, ...]:
    """Return when the files of the certificate were changed; None for a missing one."""
    found: list[int | None] = []
    for path in (options.tls_cert, options.tls_key):
        try:
            found.append(None if path is None else path.stat().st_mtime_ns)
        except OSError:
            found.append(None)
    return tuple(found)


class ServerProcess(uvicorn.Server):
    """uvicorn that at its end lets requests finish, but waits for no picture that takes long to decode."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._stamps = _stamps(service.options)

    async def on_tick(self, counter: int) -> bool:
        if counter % PROCESS.ticks == 0:
            self._renew_certificate()
        return await super().on_tick(counter)

    def _renew_certificate(self) -> None:
        """Have new connections use a certificate that has replaced the old one."""
        options, context = self._service.options, self.config.ssl
        if context is None or options.tls_cert is None or options.tls_key is None:
            return
        stamps = _stamps(options)
        if stamps == self._stamps or None in stamps:
            return
        self._stamps = stamps
        try:
            check_tls(options)
            context.load_cert_chain(options.tls_cert, options.tls_key)
        except (UsageError, OSError) as error:
            _log.error("the new certificate is not used: %s", error)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ending = asyncio.get_running_loop().call_later(
            PROCESS.decode_seconds, self._service.photos.end_decoding
        )
        await super().shutdown(sockets)
        ending.cancel()


def run_worker(options: ServeOptions, listener: socket.socket) -> None:
    """Run one of several processes from start to end; it stops when its parent is gone."""
    parent = parent_process()
    assert parent is not None, "a worker is started by multiprocessing"
    threading.Thread(target=_follow, args=[parent], daemon=True).start()
    run_process(options, listener, Metrics(by_channel=options.metrics_by_channel))


def uvicorn_config(app: ASGIApp, options: ServeOptions) -> GuardedConfig:
    """Return uvicorn's settings; proxy_headers is off: X-Forwarded-For counts only from --trusted-proxy."""
    config = GuardedConfig(
        app,
        http=GuardedProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=PROCESS.backlog,
        timeout_keep_alive=PROCESS.keep_alive,
        timeout_graceful_shutdown=options.grace_seconds,
        ssl_certfile=options.tls_cert,
        ssl_keyfile=options.tls_key,
    )
    config.tuning = ConnectionTuning()
    config.guard = Connections(
        most=most_connections(options.connections),
        per_address=options.connections_per_address,
        exempt=ClientAddress(options.trusted_proxies).is_trusted,
    )
    return config


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _log_to_stderr(options: ServeOptions) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainLines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level = logging.INFO if options.access_log else logging.WARNING
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # a stranger's broken request is not worth a warning
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
