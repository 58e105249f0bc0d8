"""One HTTP client for every remote gallery: connection reuse, time limits, size limits, clear failures.

Proxies (except for this machine itself) and certificate authorities come from the environment (HTTP_PROXY,
HTTPS_PROXY, ALL_PROXY, NO_PROXY: `proxies`; SSL_CERT_FILE, SSL_CERT_DIR). Redirects are not followed: a
secret goes only where the user sent it.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from arcli.errors import (
    ArcliError,
    BadAnswer,
    Busy,
    NotAuthorized,
    PictureTooLarge,
    RateLimited,
    TimedOut,
    Unreachable,
    UsageError,
)
from arcli.remote.http.addresses import base_url, is_loopback
from arcli.remote.http.retry import Failed

if TYPE_CHECKING:
    import httpx

    from arcli.remote.http.pool import CoreTransport
    from arcli.remote.http.proxies import Proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTuning:
    """connections (1 to 16): requests at once by default, which a phone's network and a shared service can
    bear; most_connections (16 to 256): whatever --jobs says. kept_open (5 to 300): seconds that an unused one
    is kept. answer_bytes (8 to 512 MiB): of one answer; a page of 1,000 targets of 64 KiB of metadata has 64.
    own_picture_bytes (10 to 512 MiB): of a picture at a URL that the user of this machine gave.
    """

    connections: int = 4
    most_connections: int = 64
    kept_open: float = 30.0
    answer_bytes: int = 64 << 20
    own_picture_bytes: int = 64 << 20


HTTP = HttpTuning()


_logger = logging.getLogger("arcli.remote")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds: to connect, without any byte sent or received, and for a whole call."""

    connect: float = 10.0
    idle: float = 60.0
    call: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """status, content type and body of an HTTP answer."""

    status: int
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart:
    """A file in a multipart form."""

    name: str
    filename: str
    data: bytes


class HttpTransport:
    """Sends requests to one service, for many threads at once. Raises UsageError for a bad URL."""

    def __init__(
        self,
        url: str,
        *,
        timeouts: Timeouts = Timeouts(),
        connections: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = base_url(url)
        self._timeouts, self._clock = timeouts, clock
        self._connections, self._client = _client(timeouts, connections, self.url, clock)
        self._answered = False
        if self.url.startswith("http://") and not is_loopback(self.url):
            _logger.warning(
                "%s is not encrypted: others on the network can read and change what is sent", self.url
            )

    def close(self) -> None:
        self._client.close()

    def post_form(
        self, path: str, fields: Sequence[tuple[str, str]], parts: Sequence[UploadPart] = ()
    ) -> HttpAnswer:
        """POST multipart/form-data, even without a file in it. Raises Failed."""
        files: list[tuple[str, Any]] = [(name, (None, value.encode())) for name, value in fields]
        files += [(part.name, (part.filename, part.data)) for part in parts]
        return self._send("POST", path, files=files)

    def post_json(self, path: str, body: Mapping[str, Any]) -> HttpAnswer:
        """POST a JSON body. Raises Failed."""
        return self._send("POST", path, json=body)

    def request(
        self,
        method: str,
        path: str,
        *,
        authorization: str | None = None,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        fields: Sequence[tuple[str, str]] = (),
        parts: Sequence[UploadPart] = (),
    ) -> HttpAnswer:
        """Send a request of our own extensions, which report failures as HTTP statuses. Raises Failed."""
        headers = {} if authorization is None else {"Authorization": authorization}
        more: dict[str, Any] = {} if body is None else {"json": body}
        if parts:
            more["files"] = [(name, (None, value.encode())) for name, value in fields]
            more["files"] += [(part.name, (part.filename, part.data)) for part in parts]
        return self._send(method, path, keep_errors=True, headers=headers, params=list(query), **more)

    def _send(self, method: str, path: str, *, keep_errors: bool = False, **content: Any) -> HttpAnswer:
        import httpcore
        import httpx

        self._connections.deadlines.until = self._clock() + self._timeouts.call
        try:
            with self._client.stream(method, f"{self.url}/{path}", **content) as response:
                answer = HttpAnswer(
                    status=response.status_code,
                    content_type=response.headers.get("content-type", ""),
                    content=self._body(response),
                )
                wait = response.headers.get("retry-after")
        except (
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.ProxyError,
            httpcore.UnsupportedProtocol,
            httpx.DecodingError,
        ) as error:
            raise self._failed(error) from None
        except httpx.InvalidURL as error:
            raise UsageError(f"{self.url}: {error}") from None
        self._answered = True
        readable = keep_errors and answer.content_type.startswith("application/json")
        if not 200 <= answer.status < 300 and not readable:
            raise http_failure(answer.status, f"{self.url}/{path}", wait)
        return answer

    def _body(self, response: httpx.Response) -> bytes:
        """Read the answer up to the largest size allowed."""
        chunks, size = [], 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > HTTP.answer_bytes:
                error = BadAnswer(f"{self.url}: the answer is over {HTTP.answer_bytes // 2**20} MiB")
                raise Failed(error, again=False, unsure=True)
            chunks.append(chunk)
        return b"".join(chunks)

    def _failed(self, error: Exception) -> Failed:
        """Return what went wrong on the way; before the service's first answer, retries are few."""
        import httpcore
        import httpx

        if self._clock() >= self._connections.deadlines.until:
            return Failed(TimedOut(f"{self.url}: no whole answer in {self._timeouts.call:g} s"), unsure=True)
        if isinstance(error, httpcore.ConnectTimeout | httpcore.PoolTimeout):
            why: ArcliError = TimedOut(f"{self.url}: no connection in {self._timeouts.connect:g} s")
            return Failed(why, brief=not self._answered)
        if isinstance(error, httpcore.ConnectError | httpcore.ProxyError | httpcore.UnsupportedProtocol):
            cause = _not_connected(self.url, error, self._connections.proxy)
            return Failed(cause, brief=not self._answered)
        if isinstance(error, httpcore.TimeoutException):
            return Failed(TimedOut(f"{self.url}: no answer in {self._timeouts.idle:g} s"), unsure=True)
        if isinstance(error, httpx.DecodingError):
            return Failed(BadAnswer(f"{self.url}: the answer cannot be decoded"), again=False, unsure=True)
        return Failed(Unreachable(f"{self.url}: the connection broke ({type(error).__name__})"), unsure=True)


def http_failure(status: int, url: str, retry_after: str | None = None) -> Failed:
    """Return the failure of an HTTP status that the protocols do not define."""
    wait = _seconds_to_wait(retry_after, time.time())
    if status == 429:
        return Failed(RateLimited(f"{url}: too many requests"), wait=wait, status=status)
    if status == 503:
        return Failed(Busy(f"{url}: the service is not available"), wait=wait, unsure=True, status=status)
    if status >= 500:
        why = Unreachable(f"{url}: the service failed (HTTP {status})")
        return Failed(why, wait=wait, unsure=True, status=status)
    return Failed(_refusal(status, url), again=False, status=status)


def _seconds_to_wait(retry_after: str | None, now: float) -> float | None:
    """Read Retry-After, seconds or a date (RFC 9110, 10.2.3); None if it is not usable."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:
            date = date.replace(tzinfo=dt.UTC)  # the result for -0000
        return max(0.0, date.timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _refusal(status: int, url: str) -> ArcliError:
    if 300 <= status < 400:
        return BadAnswer(f"{url}: the service has moved (HTTP {status})", hint="correct the profile's URL")
    if status in (404, 405, 410):
        return BadAnswer(f"{url}: no such call (HTTP {status})", hint="is the profile's URL right?")
    if status == 413:
        return PictureTooLarge("the request is larger than the service takes (HTTP 413)")
    if status in (401, 403, 407):
        return NotAuthorized(f"{url}: refused (HTTP {status})")
    return BadAnswer(f"{url}: HTTP {status}")


def _not_connected(url: str, error: Exception, proxy: Proxy | None) -> ArcliError:
    said = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        hint = "name the certificate authority's file in SSL_CERT_FILE"
        return Unreachable(f"{url}: its certificate is not trusted", hint=hint)
    way = "" if proxy is None else f" through the proxy {proxy.url}"
    advice = "does the service run, and is the profile's URL right?"
    if proxy is not None:
        advice = f"{proxy.variable} names the proxy; NO_PROXY has hosts without one"
    reason = re.sub(r"^\[Errno -?\d+\] ", "", said) or type(error).__name__
    return Unreachable(f"{url}: cannot connect{way} ({reason})", hint=advice)


def _client(
    timeouts: Timeouts, connections: int, url: str, clock: Callable[[], float]
) -> tuple[CoreTransport, httpx.Client]:
    import httpx

    from arcli import __version__
    from arcli.remote.http.pool import CoreTransport

    idle = timeouts.idle
    transport = CoreTransport(url, connections=connections, clock=clock)
    client = httpx.Client(
        headers={"User-Agent": f"arcli/{__version__}"},
        timeout=httpx.Timeout(connect=timeouts.connect, read=idle, write=idle, pool=None),
        follow_redirects=False,
        transport=transport,
        trust_env=False,  # proxies and authorities are handled by the transport
    )
    return transport, client
