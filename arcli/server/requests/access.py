"""Who asks, from where, and who is let in: wrong credentials are slowed down."""

from __future__ import annotations

import ipaddress
import re
from collections import OrderedDict
from collections.abc import Sequence

from starlette.requests import Request

from arcli.errors import RateLimited, WrongCredentials
from arcli.gallery import Gatekeeper
from arcli.models import Principal
from arcli.protocols.arcloud.requests import Credentials
from arcli.server.options import ServeOptions
from arcli.server.requests.limits import Buckets
from arcli.server.work import Workers

_MOST_KNOWN = 10_000
_FORGIVEN = 0.5  # failures a second


class Admission:
    """Admits who has the right secret.

    A wrong one counts against its address and against the account. Who had it right before from the same
    address is counted apart, so that nobody can lock an account out by guessing at it.
    """

    def __init__(self, gatekeeper: Gatekeeper, options: ServeOptions, workers: Workers) -> None:
        self._gatekeeper, self._workers = gatekeeper, workers
        self._addresses = Buckets(burst=options.failures_per_address, rate=_FORGIVEN)
        self._accounts = Buckets(burst=options.failures_per_account, rate=_FORGIVEN)
        self._anonymous = Buckets(burst=5 * options.anonymous_rate, rate=options.anonymous_rate)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def admit(self, credentials: Credentials, address: str) -> Principal:
        """Return who asks. Raises WrongCredentials, RateLimited after many of these."""
        username = credentials.username[:128]
        pair = (username, address)
        known = pair in self._known
        if not self._has_room(pair, known):
            raise RateLimited(
                "too many wrong secret keys from this address or for this account: wait a minute"
            )
        try:
            principal = await self._workers.run(
                self._gatekeeper.authenticate,
                username=credentials.username,
                secretkey=credentials.secretkey,
            )
        except WrongCredentials:
            self._count_failure(pair, known)
            raise
        self._remember(pair)
        return principal

    def admit_anonymous(self, address: str) -> None:
        """Raises RateLimited when this address asks too often without credentials."""
        if not self._anonymous.take(address):
            raise RateLimited("too many requests without credentials from this address")

    def _has_room(self, pair: tuple[str, str], known: bool) -> bool:
        username, address = pair
        if known:
            return self._addresses.has_room(pair)
        return self._addresses.has_room(address) and self._accounts.has_room(username)

    def _count_failure(self, pair: tuple[str, str], known: bool) -> None:
        username, address = pair
        self._addresses.take(pair if known else address)
        if not known:
            self._accounts.take(username)

    def _remember(self, pair: tuple[str, str]) -> None:
        self._known[pair] = None
        self._known.move_to_end(pair)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)


class ClientAddress:
    """Who asks: the peer, or what a trusted proxy says of its own peer."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = [ipaddress.ip_network(item, strict=False) for item in trusted]

    def __call__(self, request: Request) -> str:
        """Return the address to count by; an IPv6 client is its /64."""
        peer = request.client.host if request.client else ""
        chain = request.headers.getlist("x-forwarded-for")
        hops = [hop.strip() for line in chain for hop in line.split(",") if hop.strip()]
        while self._is_trusted(peer) and hops:
            peer = hops.pop()
        return _grouped(peer)

    def _is_trusted(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._trusted)


_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[0-9.]+):\d+")
"""How proxies write an address: 1.2.3.4:567, [2001:db8::1], [2001:db8::1]:567; or bare."""


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    bare = address.strip().strip('"')
    written = _WITH_PORT.fullmatch(bare)
    host = (written["v6"] or written["v4"]) if written else bare
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed


def _grouped(address: str) -> str:
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed) if parsed else address[:64]
