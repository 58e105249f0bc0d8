"""Limits of connections: how many each address and all together may hold, and how long one may be silent.

uvicorn closes a connection that is idle after an answer; the rest is done here: headers that do not arrive,
an answer that is not read, too many connections. The connection that is closed for a new one is the longest
idle of the address that holds most, or one of its requests that is still arriving: so a crowd of idle or
half-sent ones keeps nobody out. An address is an IPv4 address or an IPv6 network of 64 bits.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from arcli.server.requests.access import grouped
from arcli.system import want_open_files


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionTuning:
    """Seconds. header_seconds (5 to 30): for a request's headers. unread_seconds (10 to 60): for an answer to
    be taken. Phones on slow networks send headers within 2 s. kept_handles (64 to 1024): files and sockets
    other than connections: stores, indexes, pipes to processes. header_bytes (8 to 256 KiB): of a request.
    chunks (100 to 10,000), chunk_bytes (16 to 1,024): of a body, beyond so many they must have so many bytes
    on average. Each takes 6 us of the thread that all requests share: a body of 10 MB in chunks of one byte
    took a minute of it.
    """

    header_seconds: float = 10.0
    unread_seconds: float = 30.0
    kept_handles: int = 256
    header_bytes: int = 64 << 10
    chunks: int = 1000
    chunk_bytes: int = 64


class Connections:
    """The open connections of a process, by address."""

    def __init__(self, *, most: int, per_address: int, exempt: Callable[[str], bool]) -> None:
        """`exempt`: addresses of proxies, which hold the connections of many."""
        self._most, self._per_address, self._exempt = most, per_address, exempt
        self._open: dict[str, OrderedDict[GuardedProtocol, None]] = {}
        self._count = 0

    def came(self, protocol: GuardedProtocol, address: str) -> bool:
        """Accept a connection; False if it must be closed instead."""
        sender = grouped(address)
        mine = self._open.setdefault(sender, OrderedDict())
        if len(mine) >= self._per_address and not self._exempt(address) and not self._close_idle(mine):
            return False
        if self._count >= self._most:
            fullest = max(self._open.values(), key=len)
            if len(fullest) <= len(mine) or not (self._close_idle(fullest) or self._close_arriving(fullest)):
                return False
        mine = self._open.setdefault(sender, OrderedDict())
        mine[protocol] = None
        self._count += 1
        return True

    def used(self, protocol: GuardedProtocol, address: str) -> None:
        """Record that a connection was used: it is now the last to be closed."""
        mine = self._open.get(grouped(address))
        if mine is not None and protocol in mine:
            mine.move_to_end(protocol)

    def went(self, protocol: GuardedProtocol, address: str) -> None:
        sender = grouped(address)
        mine = self._open.get(sender, OrderedDict())
        if protocol in mine:
            del mine[protocol]
            self._count -= 1
        if not mine:
            self._open.pop(sender, None)

    def _close_idle(self, several: OrderedDict[GuardedProtocol, None]) -> bool:
        return _dropped(next((one for one in several if one.is_idle), None))

    def _close_arriving(self, several: OrderedDict[GuardedProtocol, None]) -> bool:
        return _dropped(next((one for one in several if one.is_arriving), None))


def _dropped(one: GuardedProtocol | None) -> bool:
    if one is not None:
        one.drop()
    return one is not None


class GuardedConfig(uvicorn.Config):
    """uvicorn's settings, and the connections that its protocols share."""

    guard: Connections
    tuning: ConnectionTuning


class ChunkGuard(h11.Connection):
    """HTTP/1.1 as h11 reads it, but for a body that comes in too many chunks of too few bytes."""

    def __init__(self, tuning: ConnectionTuning) -> None:
        super().__init__(h11.SERVER, tuning.header_bytes)
        self._tuning = tuning
        self._chunks = self._bytes = 0

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
        elif isinstance(event, h11.Data):
            self._chunks += event.chunk_start
            self._bytes += len(event.data)
            if self._chunks > self._tuning.chunks and self._bytes < self._tuning.chunk_bytes * self._chunks:
                raise h11.RemoteProtocolError("the chunks of the body are too small")
        return event


class GuardedProtocol(H11Protocol):
    """One connection."""

    config: GuardedConfig
    _timer: asyncio.TimerHandle | None = None
    _address = ""

    def __init__(self, config: GuardedConfig, *rest: Any, **named: Any) -> None:
        super().__init__(config, *rest, **named)
        self.conn = ChunkGuard(config.tuning)

    @property
    def is_idle(self) -> bool:
        """Say whether no request of this connection is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def is_arriving(self) -> bool:
        """Say whether a request of this connection has not arrived to its end."""
        return self.conn.their_state is h11.SEND_BODY

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        if self.config.guard.came(self, self._address):
            self._wait(self.config.tuning.header_seconds)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self.config.guard.went(self, self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.is_idle and self._timer is None:  # the first bytes of another request
            self._wait(self.config.tuning.header_seconds)
        super().data_received(data)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            _path_of_url(self.scope)
            self._wait(None)
            self.config.guard.used(self, self._address)

    def send_400_response(self, msg: str) -> None:
        """Refuse input that is not HTTP, even in the middle of a request: its call then has nobody to answer.

        uvicorn would let the call answer when nothing may be sent any longer: a traceback in the log each
        time.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        self.config.guard.used(self, self._address)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait(self.config.tuning.unread_seconds)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._wait(None)

    def drop(self) -> None:
        """Close the connection at once, and make room for another."""
        self.config.guard.went(self, self._address)
        self.transport.abort()

    def _wait(self, seconds: float | None) -> None:
        """Close the connection after `seconds` unless this is called again; None: never."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


def _path_of_url(scope: Any) -> None:
    """Take the path of a whole URL, which a request may name too (RFC 9112, 3.2.2); the host is ignored."""
    if scope["raw_path"][:8].lower().startswith((b"http://", b"https://")):
        scope["raw_path"] = b"/" + scope["raw_path"].partition(b"://")[2].partition(b"/")[2]
        scope["path"] = unquote(scope["raw_path"].decode("ascii"))


def most_connections(asked: int) -> int:
    """Return how many connections a process may hold: `asked`, or as many as its file handles allow."""
    soft = want_open_files(asked + ConnectionTuning().kept_handles)
    if soft is None:
        return asked
    return max(16, min(asked, soft - min(ConnectionTuning().kept_handles, soft // 2)))
