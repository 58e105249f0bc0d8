"""Who is calling, from where, and who is admitted: wrong credentials are slowed down."""

from __future__ import annotations

import ipaddress
import json
import re
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from arcli.errors import RateLimited, WrongCredentials
from arcli.gallery import Gatekeeper
from arcli.models import Principal
from arcli.protocols.arcloud.requests import Credentials
from arcli.server.options import ServeOptions
from arcli.server.requests.limits import Buckets, BucketTable
from arcli.server.work import Workers
from arcli.store.protocols import FailureLog


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionTuning:
    """How wrong secrets are counted, beside what an operator sets (docs/how-to/server.md, "Settings").

    known (1,000 to 100,000): pairs of account and address that had been right before. unshared (100 to
    100,000): buckets whose failures wait to be told to other machines. shared_seconds (5 to 60): of other
    machines' reports, read again since transactions may end in another order. forgiven (0.05 to 5): failures
    a second. few (1 to 10): wrong secrets that a new address may send for an account that is being guessed
    at. burst_seconds (1 to 60): worth of requests that may come at once from an address without credentials,
    or by a key with a rate. signed, strangers (at once, and so many a second): refusals that are signed for a
    stranger, and for all of them: each takes a millisecond. All chosen, not measured.
    """

    known: int = 10_000
    forgiven: float = 0.5
    few: int = 3
    unshared: int = 2_000
    shared_seconds: float = 10.0
    burst_seconds: float = 5.0
    signed: tuple[float, float] = (100, 2.0)
    strangers: tuple[float, float] = (400, 20.0)


ADMISSION = AdmissionTuning()


class Admission:
    """Admits who has the right secret.

    Wrong secrets count against their address; fewer are allowed when an account's secret is guessed from many
    addresses. Nobody is locked out by that: a secret that arcli drew cannot be guessed, so it is admitted
    from any address. Only imported ones, which may be short, are refused without being checked; and an
    address that had the right one before is counted separately.
    """

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        options: ServeOptions,
        workers: Workers,
        table: BucketTable,
        failures: FailureLog | None = None,
    ) -> None:
        self._gatekeeper, self._workers, self._table = gatekeeper, workers, table
        many, all_ = options.failures_per_address, options.failures_per_account
        self._addresses = Buckets("address", burst=many, rate=ADMISSION.forgiven, table=table)
        self._guessed = Buckets(
            "guessed", burst=min(ADMISSION.few, many), rate=ADMISSION.forgiven / 10, table=table
        )
        self._accounts = Buckets("account", burst=all_, rate=ADMISSION.forgiven, table=table)
        rate = options.anonymous_rate
        self._anonymous = Buckets("anonymous", burst=ADMISSION.burst_seconds * rate, rate=rate, table=table)
        for_one, for_all = ADMISSION.signed, ADMISSION.strangers
        self._signed = Buckets("signed", burst=for_one[0], rate=for_one[1], table=table)
        self._strangers = Buckets("strangers", burst=for_all[0], rate=for_all[1], table=table)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.sharing: SharedFailures | None = None
        if failures is not None:
            told = {"address": self._addresses, "guessed": self._guessed, "account": self._accounts}
            self.sharing = SharedFailures(failures, table, told)

    async def admit(self, credentials: Credentials, address: str) -> Principal:
        """Return the caller. Raises WrongCredentials, RateLimited after many of these."""
        pair = (credentials.username[:128], address)
        limited = self.is_limited(*pair)
        try:
            principal = await self._workers.run(
                self._gatekeeper.authenticate,
                username=credentials.username,
                secretkey=credentials.secretkey,
                drawn_only=limited,
            )
        except WrongCredentials:
            if limited:
                raise RateLimited("too many wrong secret keys from this address: wait a minute") from None
            self.count_failure(*pair)
            raise
        self._remember(pair)
        if principal.rate is not None and not self._keys(principal.rate).take(principal.key_id):
            raise RateLimited("this key makes more requests than it may: try again later")
        return principal

    def _keys(self, rate: float) -> Buckets:
        """Return the buckets of keys with this rate, which allow one request at once at least."""
        return Buckets("key", burst=max(1.0, ADMISSION.burst_seconds * rate), rate=rate, table=self._table)

    def admit_anonymous(self, address: str) -> None:
        """Raise RateLimited when this address sends too many requests without credentials."""
        if not self._anonymous.take(address):
            raise RateLimited("too many requests without credentials from this address")

    def is_limited(self, account: str, address: str) -> bool:
        """Say whether this address has failed too often."""
        return not self._has_room((account[:128], address))

    def may_sign(self, address: str) -> bool:
        """Say whether a refusal to this stranger may be signed, which costs a millisecond."""
        return self._strangers.has_room("") and self._signed.take(address) and self._strangers.take("")

    def count_failure(self, account: str, address: str) -> None:
        pair = (account[:128], address)
        if pair in self._known:
            self._count("address", self._addresses, pair)
            return
        self._count("address", self._addresses, address)
        self._count("guessed", self._guessed, pair)
        self._count("account", self._accounts, account[:128])

    def _count(self, name: str, bucket: Buckets, key: _Key) -> None:
        if bucket.take(key) and self.sharing is not None:
            self.sharing.note(name, key)

    def _has_room(self, pair: tuple[str, str]) -> bool:
        account, address = pair
        if pair in self._known:
            return self._addresses.has_room(pair)
        if not self._addresses.has_room(address):
            return False
        return self._accounts.has_room(account) or self._guessed.has_room(pair)

    def _remember(self, pair: tuple[str, str]) -> None:
        self._known[pair] = None
        self._known.move_to_end(pair)
        if len(self._known) > ADMISSION.known:
            self._known.popitem(last=False)


class SharedFailures:
    """Tells the servers on other machines what failed here, and counts here what failed there.

    A request asks only its own machine's table. The database is asked by `exchange`, about once a second, so
    other machines count a failure about a second later.
    """

    def __init__(self, log: FailureLog, table: BucketTable, buckets: Mapping[str, Buckets]) -> None:
        self._log, self._table, self._buckets = log, table, buckets
        self._guard = threading.Lock()
        self._unshared: Counter[tuple[str, str]] = Counter()
        self._seconds = float("inf")  # the first time, all that is kept

    def note(self, bucket: str, key: _Key) -> None:
        """Count a failure that others are to hear of; with too many at once, only of those known already."""
        entry = (bucket, json.dumps(key))
        with self._guard:
            if entry in self._unshared or len(self._unshared) < ADMISSION.unshared:
                self._unshared[entry] += 1

    def exchange(self) -> None:
        """Raises Unreachable; what failed here is then told the next time."""
        with self._guard:
            failed, self._unshared = self._unshared, Counter()
        try:
            reports = self._log.exchange(self._table.name, failed, seconds=self._seconds)
        except BaseException:
            with self._guard:
                self._unshared.update(failed)
            raise
        self._seconds = ADMISSION.shared_seconds
        for report in reports:
            bucket = self._buckets.get(report.bucket)
            if bucket is not None and self._first(report.number):
                bucket.add(_key(report.key), report.times, age=report.age)

    def _first(self, number: int) -> bool:
        """Say whether no process of this machine has counted this report."""
        fresh = False

        def marked(level: float, when: float) -> tuple[float, float]:
            nonlocal fresh
            fresh = when == 0.0
            return level, time.monotonic()

        self._table.update(("report", number), marked)
        return fresh


_Key = str | tuple[str, str]


def _key(text: str) -> _Key:
    found = json.loads(text)
    return found if isinstance(found, str) else (found[0], found[1])


class ClientAddress:
    """The caller's address: the peer's, or the one that a trusted proxy reports of its own peer."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = [ipaddress.ip_network(item, strict=False) for item in trusted]

    def __call__(self, request: Request) -> str:
        """Return the address to count by; for an IPv6 client its /64 network."""
        peer = request.client.host if request.client else ""
        chain = request.headers.getlist("x-forwarded-for")
        hops = [hop.strip() for line in chain for hop in line.split(",") if hop.strip()]
        while self.is_trusted(peer) and hops:
            peer = hops.pop()
        return grouped(peer)

    def is_trusted(self, address: str) -> bool:
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


def grouped(address: str) -> str:
    """Return the name under which an address is counted: itself, of IPv6 its network of 64 bits."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed) if parsed else address[:64]
