"""`arcli serve`, from its options to its end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from arcli import system
from arcli.errors import NotSupported, ShellHint, UsageError
from arcli.server.metrics import MULTIPROCESS, Metrics, serve_metrics
from arcli.server.options import ServeOptions
from arcli.server.process.supervise import Supervisor
from arcli.server.process.worker import check_tls, listen, open_backend, run_process
from arcli.server.requests.limits import BucketTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What an operator is told when the port is open. GetImage shows public channels to everybody."""

    url: str
    metrics_url: str | None
    public_channels: tuple[str, ...]
    private_channels: tuple[str, ...]


def serve(options: ServeOptions, announce: Callable[[Started], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is called once, when clients can connect.

    Raises UsageError for an address or a certificate that cannot be used, NotSupported for several workers
    on Windows, DataDamaged, StorageNotWritable.
    """
    if options.workers > 1 and not system.shares_listeners():
        hint = ShellHint("leave out --workers: one process looks up several photos at once, in threads")
        raise NotSupported("several workers cannot share a socket on this system", hint=hint)
    check_tls(options)
    public, private = _channels(options)
    options, listener = listen(options)
    with listener, ExitStack() as stack:
        metrics = Metrics(by_channel=options.metrics_by_channel) if options.workers == 1 else None
        if metrics is None:
            folder = stack.enter_context(_shared_numbers())
            options = replace(options, shared_table=BucketTable.make(folder / "limits"))
        metrics_url = _open_metrics(options, metrics, stack)
        announce(
            Started(
                url=options.base_url,
                metrics_url=metrics_url,
                public_channels=public,
                private_channels=private,
            )
        )
        if metrics is None:
            Supervisor(options, listener).run()
        else:
            run_process(options, listener, metrics)


def _channels(options: ServeOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the public and the private channels; fail early if the data cannot be served."""
    backend = open_backend(options.data_dir, index_memory=options.index_memory)
    try:
        settings = backend.channels.settings()
        backend.signing_key()  # made at the first start, so that its public half can be given to clients
    finally:
        backend.close()
    public = tuple(name for name, one in settings.items() if not one.private)
    return public, tuple(name for name, one in settings.items() if one.private)


def _open_metrics(options: ServeOptions, metrics: Metrics | None, stack: ExitStack) -> str | None:
    """Serve the metrics; if their port is taken and was not chosen by the user, go on without them."""
    if options.metrics_port == 0:
        return None
    port = options.metrics_port or options.port + 1
    if port > 65535:
        return None
    try:
        stop = serve_metrics(options.metrics_host, port, metrics.registry if metrics else None)
    except UsageError:
        if options.metrics_port is not None:
            raise
        return None
    stack.callback(stop)
    return f"http://{options.metrics_host}:{port}/metrics"


@contextmanager
def _shared_numbers() -> Iterator[Path]:
    """Make a folder in which the worker processes write their numbers."""
    with tempfile.TemporaryDirectory(prefix="arcli-metrics-") as folder:
        os.environ[MULTIPROCESS] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ[MULTIPROCESS]
