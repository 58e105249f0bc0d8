"""Rates: who may ask how often, counted in this process by leaky buckets; and who it is that asks."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

from starlette.requests import Request

_MOST_KEYS = 50_000  # addresses and accounts remembered; the longest idle are forgotten first

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Buckets:
    """One leaky bucket a key: `burst` at once, then `rate` a second."""

    def __init__(self, *, burst: float, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._rate, self._clock = burst, rate, clock
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def has_room(self, key: Hashable) -> bool:
        """Say whether one more fits, without taking it."""
        return self._level(key) + 1 <= self._burst

    def take(self, key: Hashable) -> bool:
        """Put one in; False when the bucket is full (then nothing is added)."""
        level = self._level(key)
        fits = level + 1 <= self._burst
        self._levels[key] = (level + fits, self._clock())
        self._levels.move_to_end(key)
        while len(self._levels) > _MOST_KEYS:
            self._levels.popitem(last=False)
        return fits

    def _level(self, key: Hashable) -> float:
        level, at = self._levels.get(key, (0.0, 0.0))
        return max(0.0, level - (self._clock() - at) * self._rate)


class ClientAddress:
    """Who asks: the peer, or what a trusted proxy says of its own peer."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = [ipaddress.ip_network(item, strict=False) for item in trusted]

    def __call__(self, request: Request) -> str:
        """Return the address to count by; an IPv6 client is its /64."""
        peer = request.client.host if request.client else ""
        chain = request.headers.getlist("x-forwarded-for")
        hops = [hop.strip() for line in chain for hop in line.split(",")]
        while self._is_trusted(peer) and hops:
            peer = hops.pop()
        return _grouped(peer)

    def _is_trusted(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._trusted)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed


def _grouped(address: str) -> str:
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed) if parsed else address[:64]
