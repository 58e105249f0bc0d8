"""Which proxy a URL is requested through, by the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY.

They are read as curl does, lower case before upper case. NO_PROXY has hosts, domains (`example.com` and all
below it, with or without `.` or `*.`), addresses (also `[::1]`) and networks (`10.0.0.0/8`, `fd00::/8`), each
with or without a port, separated by commas or spaces; `*` means everything.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from arcli.errors import ShellHint, UsageError
from arcli.remote.http.addresses import is_loopback

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PORT_AT_END = re.compile(r"(\[[^]]*\]|[^:]*):([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """`url`: without credentials. `variable`: the environment variable that names it."""

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    variable: str = ""

    @property
    def auth(self) -> tuple[str, str] | None:
        return None if self.username is None else (self.username, self.password or "")


def proxy_for(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for `url`; None: a direct connection, as always to this machine.

    Raises UsageError, naming the variable, for a proxy that cannot be used.
    """
    if is_loopback(url) or _is_exempt(url, _first(environ, "no_proxy")[1]):
        return None
    variable, value = _first(environ, f"{urlsplit(url).scheme}_proxy", "all_proxy")
    return read_proxy(value, variable) if value else None


def _first(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    for name in names:
        for variable in (name, name.upper()):
            if environ.get(variable, "").strip():
                return variable, environ[variable].strip()
    return "", ""


def read_proxy(text: str, variable: str) -> Proxy:
    """Read a proxy as people write it: without a scheme, or with any character in its password."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    scheme = scheme.lower()
    if scheme not in _SCHEMES:
        raise UsageError(
            f"{variable}: arcli does not support {scheme} proxies", hint=f"use {', '.join(_SCHEMES)}"
        )
    if scheme.startswith("socks") and find_spec("socksio") is None:
        hint = ShellHint("install it next to arcli (pip install socksio), or unset the variable")
        raise UsageError(f"{variable}: a SOCKS proxy needs the package socksio", hint=hint)
    user, at, place = rest.rpartition("@")
    username, colon, password = user.partition(":")
    return Proxy(
        url=f"{scheme}://{_host_and_port(place, variable)}",
        username=unquote(username) if at else None,
        password=unquote(password) if colon else None,
        variable=variable,
    )


def _host_and_port(place: str, variable: str) -> str:
    place = re.split(r"[/?#]", place, maxsplit=1)[0]
    try:
        parts = urlsplit(f"//{place}")
        well_formed = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        well_formed = False
    if not well_formed or any(character.isspace() for character in place) or _unbracketed(place):
        raise UsageError(
            f"{variable}: not the address of a proxy", hint="write http://HOST:PORT or http://[IPV6]:PORT"
        )
    return place


def _unbracketed(place: str) -> bool:
    return place.count(":") > 1 and not place.startswith("[")


def _is_exempt(url: str, no_proxy: str) -> bool:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return any(_exempts(entry.lower(), host, port) for entry in re.split(r"[,\s]+", no_proxy) if entry)


def _exempts(entry: str, host: str, port: int) -> bool:
    entry = entry.rpartition("://")[2]
    if entry == "*":
        return True
    if with_port := _PORT_AT_END.fullmatch(entry):
        entry = with_port[1]
        if int(with_port[2]) != port:
            return False
    entry = entry.strip("[]")
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except (ValueError, TypeError):  # one of them is a name, or they are of different IP versions
        domain = entry.removeprefix("*").strip(".")
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))
