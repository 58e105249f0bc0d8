"""What Prometheus can read from a server, on a separate loopback address.

With several worker processes each writes its numbers into files of a common folder
(PROMETHEUS_MULTIPROC_DIR, set before prometheus_client is imported) and the parent adds them up.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from arcli.errors import ShellHint, UsageError
from arcli.models import ClusterState, FindResult

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


_CLUSTER = {
    "pending_rows": "In a cluster: targets that Milvus does not have yet, of all channels.",
    "removed_rows": "In a cluster: removed targets that Milvus may still have.",
    "postgres_connections": "In a cluster: connections of all arcli processes to the database.",
}


class Metrics:
    """The numbers of one process. They include names of channels only if `by_channel` is on."""

    def __init__(self, *, by_channel: bool = False) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._by_channel = by_channel
        self._requests = Counter(
            "arcli_requests", "Requests answered.", ["call", "returncode"], registry=self.registry
        )
        self._seconds = Histogram(
            "arcli_request_seconds",
            "From the request's headers to its answer.",
            ["call"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        labels = ["matched", "channel"] if by_channel else ["matched"]
        self._lookups = Counter("arcli_lookups", "Photos looked up.", labels, registry=self.registry)
        self._waits = Counter(
            "arcli_lookup_waits",
            "Lookups that waited for a lock: adding gives them no reason to.",
            registry=self.registry,
        )
        self._jobs = Gauge(
            "arcli_photo_jobs",
            "Photos at work or waiting.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self._bodies = Gauge(
            "arcli_body_bytes",
            "Bytes of the requests' bodies held in memory.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self._indexes = Gauge(
            "arcli_index_bytes",
            "Bytes of memory that opened indexes take, without mapped files.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self._cluster = {
            name: Gauge(f"arcli_{name}", said, registry=self.registry, multiprocess_mode="livemostrecent")
            for name, said in _CLUSTER.items()
        }
        self._watched: Callable[[], int] = lambda: 0
        self._watched_bodies: Callable[[], int] = lambda: 0
        self._watched_indexes: Callable[[], int] = lambda: 0

    def watch(
        self, *, photos: Callable[[], int], body_bytes: Callable[[], int], index_bytes: Callable[[], int]
    ) -> None:
        """Set the functions that `sample` reads the gauges from."""
        self._watched, self._watched_bodies, self._watched_indexes = photos, body_bytes, index_bytes

    def cluster(self, state: ClusterState) -> None:
        """Show the state of a cluster; the server reads it every ten seconds."""
        for name, value in zip(_CLUSTER, (state.pending, state.removed, state.connections), strict=True):
            self._cluster[name].set(value)

    def sample(self) -> None:
        """Read the gauges; the server does this every second."""
        self._jobs.set(self._watched())
        self._bodies.set(self._watched_bodies())
        self._indexes.set(self._watched_indexes())

    def answered(self, call: str, returncode: str, seconds: float) -> None:
        self._requests.labels(call, returncode).inc()
        self._seconds.labels(call).observe(seconds)

    def looked_up(self, result: FindResult) -> None:
        if "wait" in result.timings_ms:
            self._waits.inc()
        matched = "yes" if result.matched else "no"
        if not self._by_channel:
            self._lookups.labels(matched).inc()
            return
        for channel in {match.channel or "" for match in result.matches} or {""}:
            self._lookups.labels(matched, channel).inc()


def forget_process(pid: int | None) -> None:
    """Remove the gauges of an ended worker process from the sum; what it counted stays."""
    if pid is not None and MULTIPROCESS in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


def serve_metrics(host: str, port: int, registry: CollectorRegistry | None) -> Callable[[], None]:
    """Serve /metrics in a thread; return the function that ends it.

    `registry` None: the worker processes' sum.

    Raises UsageError when the address is taken.
    """
    if registry is None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=os.environ[MULTIPROCESS])  # type: ignore[no-untyped-call]
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise UsageError(
            f"metrics cannot be served on {host}:{port}: {error.strerror}",
            hint=ShellHint("choose --metrics-port, 0 for none"),
        ) from error

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
