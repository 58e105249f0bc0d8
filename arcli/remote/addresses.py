"""URLs of services: which are valid, which stay on this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from arcli.errors import UsageError


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
