"""A network between a client and a real server that sometimes breaks, even after the work was done."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from tests.fakes.http import FakeService, Reply, Request

_PASSED_ON = ("content-type", "authorization")


class FaultyNetwork(FakeService):
    """Passes requests on to `url`; each fault of FakeService strikes with `rate`."""

    def __init__(self, url: str, rate: float) -> None:
        super().__init__()
        self._host = urlsplit(url).netloc
        self.rate = rate
        self.struck = 0

    def _struck(self) -> str | None:
        fault = super()._struck()
        self.struck += fault is not None
        return fault

    def answer(self, request: Request) -> Reply:
        connection = http.client.HTTPConnection(self._host, timeout=60)
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        try:
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            kind = answer.headers.get("Content-Type", "application/json")
            return Reply(answer.status, answer.read(), {"Content-Type": kind})
        finally:
            connection.close()
