"""The request log: a line of JSON a request, on stderr, without secrets, query strings or capabilities.

Keys: at (UTC), from, method, path, status, call, code (returncode, Tupu's code or HTTP status), who and key
(the account and the id of its key, once they are known), bytes (of the body), ms.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)
_CAPABILITY = re.compile(r"^/pictures/[^/]*")


class RequestLog:
    """Wraps an application and logs what it answers. What calls add is in `noted`."""

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
            line = _line(scope, status) | noted(scope)
            line["ms"] = round((time.perf_counter() - began) * 1000, 1)
            _log.info("%s", json.dumps(line, ensure_ascii=True))


def noted(scope: Scope) -> dict[str, Any]:
    """Return what is noted of a request so far; later steps add what they know."""
    found: dict[str, Any] = scope.setdefault("arcli.noted", {})
    return found


def _line(scope: Scope, status: int) -> dict[str, Any]:
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        "from": (scope.get("client") or ("-",))[0],
        "method": scope["method"],
        "path": _CAPABILITY.sub("/pictures/…", scope["path"])[:200],
        "status": status,
    }


class PlainLines(logging.Formatter):
    """Formats lines of the request log as they are, all others with time, level and place."""

    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage() if record.name == __name__ else super().format(record)
