"""Connections with a time limit for a whole call, however slowly the other side sends."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections to the address that `address(host, port)` names.

    `left` returns how many seconds the present call of this thread may still take, 0 or less: none. Every
    step gets that, or its own time limit if that is shorter. Raises httpcore.ReadTimeout.
    """

    def __init__(self, left: Callable[[], float], address: Callable[[str, int], str] | None = None) -> None:
        self._left, self._address = left, address
        self._plain = httpcore.SyncBackend()

    def limited(self, timeout: float | None) -> float:
        left = self._left()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(left, timeout)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        address = host if self._address is None else self._address(host, port)
        stream = self._plain.connect_tcp(
            address,
            port,
            timeout=self.limited(timeout),
            local_address=local_address,
            socket_options=socket_options,
        )
        return _Stream(stream, self)


class _Stream(httpcore.NetworkStream):
    """A connection in which every step may take the time that is left."""

    def __init__(self, stream: httpcore.NetworkStream, backend: DeadlineBackend) -> None:
        self._stream, self._backend = stream, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=self._backend.limited(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._backend.limited(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit = self._backend.limited(timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout=limit), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
