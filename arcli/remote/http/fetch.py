"""Fetching pictures by URL: for strangers only from public addresses, after redirects and DNS too.

A name is resolved once per hop, all its addresses must be public, and the connection goes to one of the
checked addresses, so that a different DNS answer later changes nothing. No proxy is used.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import httpcore

from arcli.errors import PictureNotFound, PictureTooLarge
from arcli.models import SMALLER
from arcli.remote.http.addresses import Address, is_public, resolve
from arcli.remote.http.deadline import DeadlineBackend
from arcli.remote.http.transport import HTTP

_FAILURES = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
    ValueError,
)
_SAFE = "/%:=&?~+!$,;'()*@"  # characters that a URL may hold unencoded; RFC 3986
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Limits: bytes of a picture, seconds for all of it (redirects and names included), redirects."""

    most_bytes: int = 10 * 1024 * 1024
    seconds: float = 10.0
    redirects: int = 3
    allowed: Callable[[Address], bool] = is_public
    resolve: Callable[[str, int], Sequence[Address]] = resolve
    clock: Callable[[], float] = time.monotonic

    def fetch(self, url: str) -> bytes:
        """Return the content of `url`; blocks. Raises PictureNotFound, PictureTooLarge."""
        until = self.clock() + self.seconds
        backend = DeadlineBackend(lambda: until - self.clock(), self._address)
        # Certificate authorities come from the system, or from SSL_CERT_FILE.
        context = ssl.create_default_context()
        try:
            with httpcore.ConnectionPool(ssl_context=context, network_backend=backend) as pool:
                return self._follow(pool, url)
        except _FAILURES as error:
            raise _not_fetched(url, type(error).__name__) from None

    def _follow(self, pool: httpcore.ConnectionPool, url: str) -> bytes:
        here = url
        for _ in range(self.redirects + 1):
            with _get(pool, here) as response:
                if response.status not in _REDIRECTS:
                    return self._body(response, url)
                here = urljoin(here, _location(response))
        raise _not_fetched(url, "too many redirects")

    def _body(self, response: httpcore.Response, url: str) -> bytes:
        if response.status != 200:
            raise _not_fetched(url, f"HTTP {response.status}")
        chunks, size = [], 0
        for chunk in response.iter_stream():
            size += len(chunk)
            if size > self.most_bytes:
                raise PictureTooLarge(f"{url}: over {self.most_bytes:,} bytes", hint=SMALLER, item=url)
            chunks.append(chunk)
        return b"".join(chunks)

    def _address(self, host: str, port: int) -> str:
        """Return where to connect to. Raises ConnectionRefusedError unless all addresses are public."""
        addresses = self.resolve(host, port)
        if not addresses or not all(self.allowed(address) for address in addresses):
            raise ConnectionRefusedError("only public addresses are fetched from")
        return str(addresses[0])


def fetch_own(url: str) -> bytes:
    """Return the content of a URL given by the user of this machine: any address, a file's size, a minute.

    Raises PictureNotFound, PictureTooLarge.
    """
    return Fetcher(most_bytes=HTTP.own_picture_bytes, seconds=60.0, redirects=10, allowed=bool).fetch(url)


@contextmanager
def _get(pool: httpcore.ConnectionPool, url: str) -> Iterator[httpcore.Response]:
    parts = _ascii(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise _not_fetched(url, "only http(s) URLs without credentials are fetched")
    headers = [("Host", parts.netloc), ("User-Agent", "arcli"), ("Accept-Encoding", "identity")]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # In parts, since httpcore would leave out what follows a semicolon in a path.
    address = httpcore.URL(scheme=parts.scheme, host=parts.hostname, port=parts.port, target=target)
    with pool.stream("GET", address, headers=headers) as response:
        yield response


def _location(response: httpcore.Response) -> str:
    values = (value for name, value in response.headers if name.lower() == b"location")
    return next(values, b"").decode("utf-8", "replace")


def _ascii(url: str) -> SplitResult:
    """Return a URL as it is sent: its host in punycode, everything else percent-encoded."""
    parts = urlsplit(url.strip())
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    path, query = (quote(part, safe=_SAFE) for part in (parts.path, parts.query))
    return SplitResult(parts.scheme, host, path, query, "")


def _not_fetched(url: str, why: str) -> PictureNotFound:
    return PictureNotFound(f"{url}: could not be fetched ({why})", item=url)
