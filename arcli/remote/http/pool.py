"""The connections of one service: its proxy, its certificate authorities, a time limit for each call.

httpx makes and reads requests; its own connections have no limit for a whole call, so httpcore's are used.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpcore
import httpx

from arcli.errors import UsageError
from arcli.remote.http.deadline import DeadlineBackend
from arcli.remote.http.proxies import Proxy, proxy_for
from arcli.remote.http.transport import HTTP


class Deadlines(threading.local):
    """When the present call of each thread must end."""

    until = float("inf")


class CoreTransport(httpx.BaseTransport):
    """Sends httpx's requests over httpcore's connections. Raises httpcore's errors."""

    def __init__(self, url: str, *, connections: int, clock: Callable[[], float]) -> None:
        self.deadlines = Deadlines()
        backend = DeadlineBackend(lambda: self.deadlines.until - clock())
        self.proxy = proxy = proxy_for(url, os.environ)
        try:
            self._pool = _pool(proxy, connections, backend)
        except (ValueError, ImportError, OSError, RuntimeError) as error:  # an unusable authority or proxy
            named = proxy.variable if proxy is not None else "SSL_CERT_FILE or SSL_CERT_DIR"
            raise UsageError(f"{named} cannot be used: {type(error).__name__}: {error}") from None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        url = request.url
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        answer = self._pool.handle_request(sent)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The body of an answer, read as it arrives."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


def _pool(proxy: Proxy | None, connections: int, backend: DeadlineBackend) -> httpcore.ConnectionPool:
    context = _authorities()
    if proxy is None:
        return httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            keepalive_expiry=HTTP.kept_open,
            network_backend=backend,
        )
    socks = proxy.url.startswith("socks")
    kind: type[httpcore.HTTPProxy | httpcore.SOCKSProxy]
    kind = httpcore.SOCKSProxy if socks else httpcore.HTTPProxy
    auth = None if proxy.auth is None else (proxy.auth[0].encode(), proxy.auth[1].encode())
    return kind(
        proxy.url,
        proxy_auth=auth,
        ssl_context=context,
        max_connections=connections,
        keepalive_expiry=HTTP.kept_open,
        network_backend=backend,
    )


def _authorities() -> ssl.SSLContext:
    """Return the trusted authorities: those of SSL_CERT_FILE and SSL_CERT_DIR, else those of httpx."""
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        place = os.environ.get(variable)
        if place and not Path(place).exists():
            raise UsageError(f"{variable}: there is no {place}")
    context: ssl.SSLContext = httpx.create_ssl_context(trust_env=True)
    return context
