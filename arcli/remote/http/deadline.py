"""Connections that end at a given moment, however slowly the other side drips."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections to the address that `address(host, port)` names; they last until `until`."""

    def __init__(
        self, address: Callable[[str, int], str], *, until: float, clock: Callable[[], float]
    ) -> None:
        self._address, self._until, self._clock = address, until, clock
        self._plain = httpcore.SyncBackend()

    def left(self) -> float:
        """Return the seconds that are left. Raises httpcore.ReadTimeout when there are none."""
        left = self._until - self._clock()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        address = self._address(host, port)
        return _Stream(self._plain.connect_tcp(address, port, timeout=self.left()), self)


class _Stream(httpcore.NetworkStream):
    """A connection whose every step gets the time that is left."""

    def __init__(self, stream: httpcore.NetworkStream, backend: DeadlineBackend) -> None:
        self._stream, self._backend = stream, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=self._backend.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._backend.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, timeout=self._backend.left())
        return _Stream(secured, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
