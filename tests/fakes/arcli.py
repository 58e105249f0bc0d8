"""An arcli server's extensions as arcli.protocols.extensions documents them: recorded, canned answers."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.fakes.http import FakeService, Reply, Request

FEATURES = (
    "add_options",
    "update_fields",
    "find_options",
    "misses",
    "list",
    "pictures",
    "check",
    "channels",
)
CREDENTIALS = {"username": "shöp", "secretkey": "s3cret:with:colons"}


class FakeArcli(FakeService):
    """`answers` by "METHOD /path" (without its query), or by call; what is not listed is 404."""

    busy = Reply.of({"error": {"code": "busy", "message": "the queue is full"}}, 503)

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Any] = {
            "GET /arcli/v1/capabilities": {"arcli": 1, "version": "9.9", "features": list(FEATURES)}
        }

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def answer(self, request: Request) -> Reply:
        open_to_all = request.path == "/arcli/v1/capabilities"
        if request.path.startswith("/arcli/v1/") and not open_to_all and not _authorized(request):
            return Reply.of({"error": {"code": "wrong_credentials", "message": "no"}}, 401)
        canned = self.answers.get(f"{request.method} {request.path.partition('?')[0]}")
        if canned is None:
            return Reply.of({"error": {"code": "channel_not_found", "message": "no such thing"}}, 404)
        return canned if isinstance(canned, Reply) else Reply.of(canned)


def _authorized(request: Request) -> bool:
    pair = f"{CREDENTIALS['username']}:{CREDENTIALS['secretkey']}"
    return request.headers.get("authorization") == "Basic " + base64.b64encode(pair.encode()).decode()


def error(code: str, message: str, status: int, **more: str) -> Reply:
    return Reply(status, json.dumps({"error": {"code": code, "message": message, **more}}).encode())
