"""A line a request: method, path, status, milliseconds. No query string, and no capability of a picture."""

from __future__ import annotations

import logging
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)
_CAPABILITY = re.compile(r"^/pictures/[^/]*")


class AccessLog:
    """Wraps an application and logs what it answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            path = _CAPABILITY.sub("/pictures/…", scope["path"])
            peer = (scope.get("client") or ("-",))[0]
            elapsed = (time.perf_counter() - began) * 1000
            _log.info("%s %s %r %s %.0f ms", peer, scope["method"], path, status, elapsed)
