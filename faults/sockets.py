"""Bytes that are hardly HTTP, sent to a server by hand: it answers 4xx or closes, and serves the next one."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from faults.site import Site

_HEAD = b"POST /FindImage HTTP/1.1\r\nHost: x\r\n"
_HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
Shape = Callable[[random.Random], bytes]


def _half(chance: random.Random) -> bytes:
    whole = _HEAD + b"Content-Type: application/json\r\nContent-Length: 400\r\n\r\n" + b"{" * 100
    return whole[: chance.randrange(1, len(whole))]


def _chunks(chance: random.Random) -> bytes:
    sizes = [b"zz", b"-1", b"FFFFFFFFFFFFFFFFF", b"5;" + b"x" * 5000, b"", b"0x5", b" 5 ", b"5\n"]
    return _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chance.choice(sizes) + b"\r\nhello\r\n0\r\n\r\n"


def _tiny_chunks(chance: random.Random) -> bytes:
    """Return a body in so many small chunks that reading them is the work."""
    size, count = chance.randrange(1, 20), chance.randrange(1000, 40_000)
    piece = b"%x%s\r\n%s\r\n" % (size, chance.choice([b"", b";a", b';a="b"']), b"x" * size)
    return _HEAD + b"Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" + piece * count


def _whole_url(chance: random.Random) -> bytes:
    host = chance.choice(
        [b"http://x", b"HTTPS://[::1]:9", b"http://", b"http:", b"ftp://x", b"http://x?", b"*"]
    )
    return b"GET " + host + b"/healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def _lengths(chance: random.Random) -> bytes:
    lines = [b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: -1", b"Content-Length: +5"]
    lines += [b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Content-Length: 1e3", b"Content-Length:"]
    lines += [b"Content-Length: 99999999999999999999", b"Transfer-Encoding: gzip, chunked, identity"]
    return _HEAD + chance.choice(lines) + b"\r\n\r\nhello"


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(1, 3000))


SHAPES: dict[str, Shape] = {
    "half a request": _half,
    "bad chunks": _chunks,
    "tiny chunks": _tiny_chunks,
    "whole URL": _whole_url,
    "contradicting lengths": _lengths,
    "noise": _noise,
    "huge header": lambda chance: _HEAD + b"X: " + b"y" * chance.randrange(10_000, 2_000_000) + b"\r\n\r\n",
    "many headers": lambda chance: _HEAD + b"X: y\r\n" * chance.randrange(1000, 40_000) + b"\r\n",
    "huge path": lambda chance: b"GET /" + b"a" * chance.randrange(10_000, 200_000) + b" HTTP/1.1\r\n\r\n",
    "pipelined": lambda chance: _HEALTH.replace(b"close", b"keep-alive") * chance.randrange(2, 200),
    "smuggled": lambda _: (
        _HEAD + b"Content-Length: 4\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + _HEALTH
    ),
    "folded header": lambda _: b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\td\r\n\r\n",
    "zero in header": lambda _: b"GET /healthz HTTP/1.1\r\nHost: x\0y\r\nA\0: b\r\n\r\n",
    "other version": lambda chance: chance.choice(
        [b"GET /\r\n", b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    ),
    "TLS greeting": lambda chance: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(500),
    "upgrade": lambda _: b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "other host": lambda _: b"GET http://169.254.169.254/latest/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "connect": lambda _: b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n",
    "expect": lambda _: _HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "path upwards": lambda _: b"GET /../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "line feeds": lambda _: b"GET /healthz HTTP/1.1\nHost: x\n\n",
}


def shape_problems(place: Site, name: str, chance: random.Random) -> list[str]:
    """Send a shape and hang up; the next request must be answered."""
    parts = urlsplit(place.url)
    where = (parts.hostname or "", parts.port or 80)
    got = exchange(where, SHAPES[name](chance), patience=0.2)
    answers = [line for line in got.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    problems = [f"{name}: {line!r}" for line in answers if line.split()[1] in (b"500", b"502")]
    if b"root:" in got or b"Traceback" in got:
        problems.append(f"{name}: {got[:300]!r}")
    if not exchange(where, _HEALTH, patience=60).startswith(b"HTTP/1.1 200"):
        problems.append(f"{name}: the next request was not answered")
    return problems


def exchange(where: tuple[str, int], sent: bytes, *, patience: float) -> bytes:
    """Send bytes, and return what comes back until the other side closes or is silent for `patience` s."""
    got = b""
    with suppress(OSError), socket.create_connection(where, timeout=30) as line:
        with suppress(OSError):
            line.sendall(sent)
        line.settimeout(patience)
        while piece := line.recv(65536):
            got += piece
    return got
