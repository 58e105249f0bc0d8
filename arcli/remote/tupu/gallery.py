"""TupuGallery: a Tupu custom gallery as a `Gallery`.

It finds pictures and lists libraries; Tupu publishes no more.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NoReturn

from arcli.errors import ArcliError, BadAnswer, NotSupported, PictureRefused
from arcli.models import (
    AddItem,
    AddOptions,
    AddResult,
    Capabilities,
    CheckResult,
    Effort,
    Finding,
    FindOptions,
    FindResult,
    ListQuery,
    Picture,
    RemoveResult,
    StatisticsQuery,
    StatRecord,
    Target,
    TargetChanges,
    TargetPage,
)
from arcli.parallel import in_order
from arcli.protocols.tupu import answers
from arcli.protocols.tupu.answers import Library
from arcli.remote.http.batches import ends_batch, requests_at_once
from arcli.remote.http.retry import Retry
from arcli.remote.http.transport import HttpTransport
from arcli.remote.paging import selected
from arcli.remote.pictures import rated
from arcli.remote.tupu.calls import TupuAccount, TupuClient, TupuOptions
from arcli.remote.tupu.pictures import Ready, Unready, ready, requests_of

_logger = logging.getLogger("arcli.remote")


class TupuGallery:
    """Closes `transport` when it is closed. A secretId has its own libraries: channels are ignored."""

    def __init__(
        self,
        transport: HttpTransport,
        account: TupuAccount,
        options: TupuOptions = TupuOptions(),
        *,
        retry: Retry | None = None,
        jobs: int | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._transport, self._jobs = transport, jobs
        self._retry = retry or Retry()
        self._calls = TupuClient(transport, account, options, self._retry, now)
        if account.public_key is None:
            _logger.warning("answers of %s are accepted without checking their signature", transport.url)

    def __enter__(self) -> TupuGallery:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def capabilities(self) -> Capabilities:
        return Capabilities(backend="Tupu", features=frozenset({"candidates", "urls"}))

    def find(
        self, *, picture: Picture, channels: Sequence[str] | None, options: FindOptions = FindOptions()
    ) -> FindResult:
        """Look one photo up.

        `channels` is ignored; relatives that do not count as found are always candidates.
        """
        _refuse_options(options)
        result = self._found([ready(picture)])[0]
        if result.error is not None:
            raise result.error
        return result

    def find_many(
        self,
        *,
        pictures: Iterable[Picture],
        channels: Sequence[str] | None,
        options: FindOptions = FindOptions(),
    ) -> Iterator[FindResult]:
        """Up to 10 pictures go in one request."""
        _refuse_options(options)
        threads = requests_at_once(options.jobs or self._jobs)
        for results in in_order(self._found, requests_of(pictures), threads=threads, hurry=self._retry.hurry):
            yield from results

    def _found(self, items: Sequence[Ready | Unready]) -> list[FindResult]:
        """Return a result for each picture of one request."""
        started = time.perf_counter()
        sent = [item for item in items if isinstance(item, Ready)]
        found = iter(self._recognized(sent) if sent else [])
        elapsed = (time.perf_counter() - started) * 1000
        return [
            FindResult(image=item.name, error=item.error)
            if isinstance(item, Unready)
            else _result(item.name, next(found), elapsed)
            for item in items
        ]

    def _recognized(self, sent: Sequence[Ready]) -> list[answers.FileAnswer | ArcliError | None]:
        """Send all at once; if the service refuses one of several, send them again one by one."""
        try:
            return [*self._calls.recognize(sent)]
        except ArcliError as error:
            if ends_batch(error):
                raise
            if len(sent) > 1 and isinstance(error, PictureRefused):
                return [answer for item in sent for answer in self._recognized([item])]
            return [error.about(sent[0].name if len(sent) == 1 else None)] * len(sent)

    def list(self, *, channel: str, query: ListQuery = ListQuery()) -> TargetPage:
        """List the libraries of the secretId as targets: threshold as matchratio, the rest as metadata."""
        targets = tuple(_as_target(library, channel) for library in self._calls.libraries())
        return selected([TargetPage(totalcount=len(targets), targets=targets)], query)

    def check(
        self, *, pictures: Iterable[Picture], channel: str | None, jobs: int | None = None
    ) -> Iterator[CheckResult]:
        """Rate pictures here, without looking for duplicates: the service cannot."""
        for picture in pictures:
            try:
                yield rated(picture)
            except ArcliError as error:
                yield CheckResult(image=picture.name, error=error)

    def probe(self, *, channel: str | None = None) -> Iterator[Finding]:
        count = len(self._calls.libraries())
        message = f"answers, and accepts the signature; libraries: {count}"
        yield Finding(subject=self._transport.url, ok=True, message=message)

    # How its galleries are filled is not public: the rest of the seam raises NotSupported.

    def add(self, *, channel: str, item: AddItem, options: AddOptions = AddOptions()) -> AddResult:
        _cannot("add pictures")

    def add_many(
        self, *, channel: str, items: Iterable[AddItem], options: AddOptions = AddOptions()
    ) -> Iterator[AddResult]:
        _cannot("add pictures")

    def remove(self, *, channel: str, identifier: str) -> bool:
        _cannot("remove pictures")

    def remove_many(self, *, channel: str, identifiers: Iterable[str]) -> Iterator[RemoveResult]:
        _cannot("remove pictures")

    def get(self, *, channel: str, identifier: str) -> Target:
        _cannot("show one picture of its gallery")

    def picture(self, *, channel: str, identifier: str) -> bytes:
        _cannot("return pictures")

    def update(self, *, channel: str, identifier: str, changes: TargetChanges) -> Target:
        _cannot("change pictures of its gallery")

    def statistics(self, *, query: StatisticsQuery) -> Sequence[StatRecord]:
        _cannot("report how often it found something")


def _result(name: str, answer: answers.FileAnswer | ArcliError | None, elapsed_ms: float) -> FindResult:
    if answer is None:
        answer = BadAnswer(f"{name}: the service answered nothing for this picture", item=name)
    if isinstance(answer, ArcliError):
        return FindResult(image=name, error=answer)
    return answers.found(answer, image=name, elapsed_ms=elapsed_ms)


def _refuse_options(options: FindOptions) -> None:
    asked = {
        "--limit": options.limit != 1,
        "--threshold": options.threshold is not None,
        "--effort": options.effort is not Effort.NORMAL,
        "--no-count": not options.count,
    }
    for name, given in asked.items():
        if given:
            raise NotSupported(f"Tupu cannot look up with {name}", hint="a local profile can")


def _as_target(library: Library, channel: str) -> Target:
    fields = {
        "name": library.name,
        "type": library.kind.value,
        "status": library.status,
        "images": library.images,
    }
    present = {key: value for key, value in fields.items() if value is not None}
    return Target(
        identifier=library.id,
        channel=channel,
        metadata=json.dumps(present, ensure_ascii=False),
        matchratio=library.threshold,
    )


def _cannot(what: str) -> NoReturn:
    raise NotSupported(
        f"through Tupu's public interface arcli cannot {what}",
        hint="a local profile and an ARCloud profile can; Tupu's own console fills its galleries",
    )
