"""What all routes share: the backend, the threads, admission."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from itertools import accumulate
from typing import TypeVar, cast

from starlette.requests import Request

from arcli import connect
from arcli.errors import ChannelNotFound, InvalidChannelName, NotYourChannel, RateLimited, UnreadablePicture
from arcli.filetypes import picture_format, what_else
from arcli.gallery import AccountAdmin, ChannelAdmin, Gallery, Gatekeeper
from arcli.models import ClusterState, ListQuery, Picture, Principal, Scope, TargetPage
from arcli.protocols.arcloud.requests import Credentials
from arcli.server.metrics import Metrics
from arcli.server.options import ServeOptions
from arcli.server.requests.access import Admission, ClientAddress
from arcli.server.requests.limits import BucketTable, Memory, Pacer, PaceTuning
from arcli.server.requests.log import MissFolder, Troubles, noted
from arcli.server.work import PhotoQueue, Workers
from arcli.store.protocols import FailureLog

_log = logging.getLogger(__name__)
_FORMATS = ("jpeg", "png")
Work = TypeVar("Work", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadCounts:
    """Threads beside those that recognise photos.

    quick (2 to 32): questions to the database, below a millisecond each; quick_queue (64 to 4,096) wait for
    one. fetch (1 to 16): pictures given by URL, so that no thread for photos waits for a stranger's server.
    All chosen, not measured.
    """

    quick: int = 8
    quick_queue: int = 512
    fetch: int = 4


THREADS = ThreadCounts()


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTuning:
    """metadata (1 M to 16 M): characters of metadata in a page of targets, beyond which it is shorter than
    requested. A thousand targets may have 65 MB of it, which took .2 s of the thread that all requests share.
    records (50,000 to 1 M): the most that Statistics answers; they take some 300 bytes each.
    """

    metadata: int = 4 << 20
    records: int = 200_000


PAGES = PageTuning()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What is served.

    `pepper` is the key of digests that must not be guessed, `signing_key` (PEM) signs Tupu answers.

    `flush` writes counts that are only in memory; `upkeep` begins index work that is due, in the background;
    `ready` raises when the data cannot be read. `failures`: where servers on other machines are told of
    failed attempts; `state`: what the metrics tell of a cluster.
    """

    gallery: Gallery
    channels: ChannelAdmin
    gatekeeper: Gatekeeper
    accounts: AccountAdmin
    pepper: bytes
    signing_key: Callable[[], str]
    flush: Callable[[], None]
    upkeep: Callable[[], None]
    index_bytes: Callable[[], int]
    ready: Callable[[], object]
    close: Callable[[], None]
    failures: FailureLog | None = None
    state: Callable[[], ClusterState | None] = lambda: None


class Service:
    """One server process."""

    def __init__(
        self,
        backend: Backend,
        options: ServeOptions,
        metrics: Metrics,
        table: BucketTable | None = None,
    ) -> None:
        self.backend, self.options, self.metrics = backend, options, metrics
        cores = os.cpu_count() or 1
        threads = options.threads or max(1, cores // options.workers)
        self.photos = PhotoQueue(threads=threads, queue=options.queue)
        self.table = table or BucketTable()
        self.pacer = Pacer(options.request_rate, PaceTuning())
        self.quick = Workers("quick", threads=THREADS.quick, queue=THREADS.quick_queue)
        self.fetches = Workers("fetch", threads=THREADS.fetch, queue=options.queue)
        self.admission = Admission(backend.gatekeeper, options, self.quick, self.table, backend.failures)
        self.address = ClientAddress(options.trusted_proxies)
        self.memory = Memory(options.body_memory)
        self.trouble = Troubles(_log.error)
        folder = options.save_misses
        self.misses = None if folder is None else MissFolder(folder, workers=options.workers)
        metrics.watch(
            photos=lambda: self.photos.jobs,
            body_bytes=lambda: self.memory.held,
            index_bytes=backend.index_bytes,
        )

    @property
    def gallery(self) -> Gallery:
        return self.backend.gallery

    async def pace(self, address: str) -> None:
        """Make a sender of too many requests wait. Raises RateLimited if it is far above the rate."""
        seconds = self.pacer.wait(address)
        if seconds > PaceTuning().patience:
            raise RateLimited("too many requests from this address: wait a minute")
        if seconds:
            await asyncio.sleep(seconds)

    async def admit(self, request: Request, credentials: Credentials) -> Principal:
        principal = await self.admission.admit(credentials, self.address(request))
        self.admitted(request, principal)
        return principal

    def admitted(self, request: Request, principal: Principal) -> None:
        """Record the caller, for the log."""
        request.state.admitted = principal
        noted(request.scope).update({"who": principal.username, "key": principal.key_id})

    def authorize(self, principal: Principal, channel: str, need: Scope = Scope.ALL) -> None:
        """Raise NotYourChannel; ChannelNotFound if there is none, or it is private and another owner's."""
        try:
            self.backend.gatekeeper.authorize(principal, channel=channel, need=need)
        except NotYourChannel:
            if not self.may_know(principal, channel):
                raise ChannelNotFound(f"no channel {channel!r}", item=channel) from None
            raise

    def may_know(self, principal: Principal | None, channel: str) -> bool:
        """Say whether this caller (None: anybody) may know that the channel exists."""
        try:
            if not self.backend.channels.settings_of(name=channel).private:
                return True
            if principal is not None:
                self.backend.gatekeeper.authorize(principal, channel=channel, need=Scope.FIND)
        except (ChannelNotFound, InvalidChannelName, NotYourChannel):
            return False
        return principal is not None

    def channels_of(self, principal: Principal, need: Scope = Scope.ALL) -> tuple[str, ...]:
        return self.backend.gatekeeper.channels_of(principal, need=need)

    def page(self, channel: str, query: ListQuery) -> TargetPage:
        """Return a page of targets, shorter than requested where their metadata are long; the next page
        begins behind it. Raises ChannelNotFound, DataDamaged."""
        page = self.gallery.list(channel=channel, query=query)
        lengths = accumulate(len(target.metadata or "") for target in page.targets)
        fitting = sum(length <= PAGES.metadata for length in lengths)
        return replace(page, targets=page.targets[: max(1, fitting)])

    def picture(self, content: bytes, channels: Sequence[str]) -> Picture:
        """Return the picture of a request; only its first bytes are checked here.

        Raises UnreadablePicture for what is neither JPEG nor PNG (a channel with the setting `any_format`
        accepts whatever arcli reads).
        """
        picture = self.readable(content)
        exact = picture_format(content) in _FORMATS
        if not exact and not any(self._any_format(name) for name in channels):
            raise UnreadablePicture("the picture is neither JPEG nor PNG")
        return picture

    def readable(self, content: bytes) -> Picture:
        """Return a picture of any format. Raises UnreadablePicture."""
        if picture_format(content) is None:
            what, advice = what_else(content[:1024])
            raise UnreadablePicture(f"the picture is {what}", hint=advice)
        return Picture(name="image", data=content)

    def _any_format(self, channel: str) -> bool:
        return self.backend.channels.settings_of(name=channel).any_format

    def look_after(self) -> None:
        """Begin index work that is due, and look at what the metrics tell of a cluster."""
        self.backend.upkeep()
        state = self.backend.state()
        if state is not None:
            self.metrics.cluster(state)

    def close(self) -> None:
        """Let running jobs end, but wait for no picture that is being decoded; write counts from memory."""
        for workers in (self.fetches, self.photos, self.quick):
            workers.close()
        self.table.close()
        self.backend.flush()
        self.backend.close()


def require_scope(principal: Principal) -> None:
    """Raise NotYourChannel for a key that may only look photos up."""
    if principal.scope is not Scope.ALL:
        raise NotYourChannel("this key may only look photos up")


def require_full_key(principal: Principal, act: str) -> None:
    """Raise NotYourChannel unless the key may do everything, in every channel of its account."""
    if principal.scope is not Scope.ALL or principal.channels is not None:
        raise NotYourChannel(f"this key may not {act}")


def as_principal(work: Work) -> Work:
    """Have the audit trail name the caller's account and key, with which the method `work` is called."""

    @wraps(work)
    def acting(self: object, principal: Principal, *more: object) -> object:
        with connect.acting_as(f"{principal.username}/{principal.key_id}"):
            return work(self, principal, *more)

    return cast("Work", acting)
