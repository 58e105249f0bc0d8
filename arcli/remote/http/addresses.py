"""URLs and addresses: which are valid, which stay on this machine, which are public."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from arcli.errors import UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def base_url(text: str) -> str:
    """Return a service's URL without a slash at its end.

    Raises UsageError unless it is http(s) with a host, and without user, password, query or fragment.
    """
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("the service's URL is none", hint="write https://host or https://host:port/path")
    if parts.username is not None or parts.password is not None:
        raise UsageError("the service's URL holds credentials", hint="give them with --username and a secret")
    if parts.query or parts.fragment:
        raise UsageError("the service's URL has a query or a fragment")
    return text.strip().rstrip("/")


def is_loopback(url: str) -> bool:
    """Return whether a URL's host is this machine."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text.strip())
        _ = parts.port  # raises on a port that is no number
    except ValueError:
        return None
    return parts


def is_public(address: Address) -> bool:
    """Return whether an address is one of the internet at large; IPv6 forms of IPv4 are looked into."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.sixtofour is not None or address.teredo is not None or address in _NAT64:
            return False
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
    return address.is_global and not address.is_multicast


def resolve(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
