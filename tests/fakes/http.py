"""A service on loopback that can have the faults of networks and services."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RESET, LOST, BUSY, UNAVAILABLE = "reset", "lost", "busy", "unavailable"
FAULTS = (RESET, LOST, BUSY, UNAVAILABLE)


@dataclass
class Request:
    """What arrived: a path, headers with small letters, form fields in order, files by field name."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, str, bytes]] = field(default_factory=list)

    @property
    def values(self) -> dict[str, str]:
        return dict(self.fields)


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Reply:
        return cls(status, json.dumps(value).encode())


class FakeService:
    """Serves `answer(request)` on a free port. `faults` are used up one a request, then `rate` strikes.

    reset: the connection breaks before anything is done. lost: it is done, and the answer never comes.
    busy: what `busy` answers. unavailable: HTTP 503. A callable is asked for the reply itself.
    """

    busy: Reply = Reply.of({"returncode": 20015})

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.faults: list[str | Callable[[Request], Reply]] = []
        self.rate, self.random = 0.0, random.Random(5)
        self.at_once = self.most_at_once = 0
        self.connections = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def handle(self, request: Request) -> Reply | None:
        """Return the reply, None for none at all: then the connection is reset."""
        with self._lock:
            self.requests.append(request)
            fault = self.faults.pop(0) if self.faults else self._struck()
        if callable(fault):
            return fault(request)
        if fault == RESET:
            return None
        if fault == BUSY:
            return self.busy
        if fault == UNAVAILABLE:
            return Reply(503, b"<html>503</html>", {"Content-Type": "text/html"})
        reply = self.answer(request)
        return None if fault == LOST else reply

    def _struck(self) -> str | None:
        return self.random.choice(FAULTS) if self.random.random() < self.rate else None

    def enter(self) -> None:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)

    def leave(self) -> None:
        with self._lock:
            self.at_once -= 1


def _handler(service: FakeService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            service.connections += 1

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, self.rfile.read(length))
            parse_form(request)
            service.enter()
            try:
                reply = service.handle(request)
            finally:
                service.leave()
            if reply is None:
                self._reset()
            else:
                self._send(reply)

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def _reset(self) -> None:
            """Close with a reset, as a crashing service or a firewall does."""
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        do_POST = do_GET = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (OSError, ValueError):  # the client has gone, or we have
                self.close_connection = True

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

    return Handler


def parse_form(request: Request) -> None:
    """Read multipart/form-data as RFC 7578 has it, without help of the code under test."""
    kind, _, boundary = request.headers.get("content-type", "").partition("boundary=")
    if not kind.startswith("multipart/form-data"):
        return
    for chunk in request.body.split(b"--" + boundary.strip('"').encode())[1:-1]:
        head, _, content = chunk.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        attributes = dict(
            item.strip().split("=", 1) for item in head.decode().splitlines()[0].split(";") if "=" in item
        )
        name, content = attributes["name"].strip('"'), content.removesuffix(b"\r\n")
        if "filename" in attributes:
            request.files.append((name, attributes["filename"].strip('"'), content))
        else:
            request.fields.append((name, content.decode()))
