"""URLs and addresses: which are valid, which stay on this machine, which are public."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from arcli.errors import ShellHint, UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocols of the IETF
        "192.88.99.0/24",  # relays of 6to4
        "3fff::/20",  # documentation
    )
)
"""Networks that Python (ipaddress, 3.11) calls global and that are not."""
_ALLOCATED = ipaddress.IPv6Network("2000::/3")
"""What IANA gives out of IPv6. The rest leads to IPv4 through a gateway (64:ff9b::/96, ::127.0.0.1), to the
site (fec0::/10), or to a network of one's own (200::/7 of Yggdrasil), and Python calls most of it global."""
_ISATAP = (0x00005EFE, 0x02005EFE)  # the third quarter of an address that carries an IPv4 one (RFC 5214)


def base_url(text: str) -> str:
    """Return a service's URL without a trailing slash.

    Raises UsageError unless it is http(s) with a host, and without user, password, query or fragment.
    """
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not _is_host(parts.hostname or ""):
        raise UsageError(
            "the service's URL is not a URL", hint="write https://host or https://host:port/path"
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "the service's URL holds credentials", hint=ShellHint("give them with --username and a secret")
        )
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


def _is_host(host: str) -> bool:
    """Return whether a host's name is one that can be looked up."""
    try:
        return bool(host) and bool(host.encode("idna"))
    except UnicodeError:
        return ":" in host  # an IPv6 address with a zone


def _split(text: str) -> SplitResult | None:
    if any(c.isspace() or not c.isprintable() for c in text.strip()):
        return None
    try:
        parts = urlsplit(text.strip())
        _ = parts.port  # raises for a port that is not a number
    except ValueError:
        return None
    return parts


def is_public(address: Address) -> bool:
    """Return whether an address is on the public internet; IPv4 addresses inside IPv6 are checked too."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.sixtofour is not None or address.teredo is not None:
            return False
        if int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
            return False
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _ALLOCATED:
            return False
    known = any(address in network for network in _NOT_PUBLIC if network.version == address.version)
    return address.is_global and not address.is_multicast and not known


def resolve(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
