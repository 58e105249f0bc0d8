"""JSON answers, even to requests whose body was not read to its end."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from arcli.filetypes import PictureFormat, picture_format


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainTuning:
    """How much of an unread body is still read after the answer: bytes (1 to 64 MiB), seconds (.5 to 10).
    What is on its way when a client reads the answer is at most a round trip of its line.
    """

    bytes: int = 16 << 20
    seconds: float = 2.0


DRAIN = DrainTuning()


class JsonAnswer(JSONResponse):
    """A JSON answer. If the request's body is unread, the connection ends after it.

    Closing a socket with unread data resets it, and the reset can overtake the answer: so the answer is sent
    completely, then data that are already on their way are read, within limits, and only then is it closed.
    """

    def __init__(self, request: Request, content: Any, status_code: int = 200) -> None:
        self._unread = not getattr(request.state, "body_read", False) and _has_body(request)
        headers = {"connection": "close"} if self._unread else None
        super().__init__(content, status_code, headers)

    def render(self, content: Any) -> bytes:
        """Write JSON; bytes are JSON already. Half a surrogate pair in an error stays escaped."""
        if isinstance(content, bytes):
            return content
        written = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return written.encode(errors="backslashreplace")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._unread:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def picture_response(content: bytes) -> Response:
    """Answer with a kept picture."""
    kind = (picture_format(content) or PictureFormat.JPEG).media_type
    headers = {"x-content-type-options": "nosniff", "cache-control": "private, max-age=300"}
    return Response(content, media_type=kind, headers=headers)


def _has_body(request: Request) -> bool:
    announced = request.headers.get("content-length", "0")
    waits = request.headers.get("expect", "").lower() == "100-continue"  # the client has not sent it yet
    return not waits and (announced != "0" or "transfer-encoding" in request.headers)


async def _drain(receive: Receive) -> None:
    taken = 0
    try:
        async with asyncio.timeout(DRAIN.seconds):
            while taken < DRAIN.bytes:
                message = await receive()
                taken += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
    except TimeoutError:
        return
