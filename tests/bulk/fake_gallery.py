"""An in-memory Gallery: targets are what was added, pictures are told apart by their bytes."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from arcli.errors import (
    ArcliError,
    ChannelNotFound,
    DuplicatePicture,
    InvalidIdentifier,
    LevelTooLow,
    NotSupported,
    PictureNotKept,
    QuotaExceeded,
    TargetExists,
    TargetNotFound,
    UnreadablePicture,
)
from arcli.models import (
    AddItem,
    AddOptions,
    AddResult,
    AddStatus,
    Capabilities,
    CheckResult,
    FindOptions,
    FindResult,
    Hint,
    ListQuery,
    OnExists,
    Picture,
    RemoveResult,
    RemoveStatus,
    StatisticsQuery,
    StatRecord,
    Target,
    TargetChanges,
    TargetPage,
    valid_identifier,
    valid_metadata,
)

HINT = Hint(code="small", message="the picture is small", advice="use a larger one")
_WOULD = {
    AddStatus.ADDED: AddStatus.WOULD_ADD,
    AddStatus.REPLACED: AddStatus.WOULD_REPLACE,
    AddStatus.SKIPPED: AddStatus.WOULD_SKIP,
}


class FakeGallery:
    """Pictures are bytes like b"picture 3 …": the level is the digit, anything else is unreadable.

    `ahead`: items that are taken in before the first result comes out. `hashes`, `pictures`: whether it
    tells and keeps them; a `vendor` does neither and knows no inactive targets. `fault` is called before
    each item is stored and may raise.
    """

    def __init__(
        self,
        *,
        ahead: int = 4,
        hashes: bool = True,
        pictures: bool = True,
        quota: int | None = None,
        vendor: bool = False,
    ) -> None:
        self.ahead, self.quota, self.vendor = ahead, quota, vendor
        self.hashes, self.keeps = hashes and not vendor, pictures and not vendor
        self.channels: dict[str, dict[str, Target]] = {}
        self.kept: dict[tuple[str, str], bytes] = {}
        self.counts: list[StatRecord] = []
        self.sent: list[str] = []
        self.calls: list[str] = []
        self.fault: Callable[[AddItem], None] = lambda item: None
        self._clock = 0

    def __enter__(self) -> FakeGallery:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to close."""

    def capabilities(self) -> Capabilities:
        return Capabilities(backend="fake", features=frozenset() if self.vendor else frozenset({"picture"}))

    def add(self, *, channel: str, item: AddItem, options: AddOptions = AddOptions()) -> AddResult:
        self.sent.append(item.identifier)
        valid_identifier(item.identifier)
        if item.metadata is not None:
            valid_metadata(item.metadata)
        targets = self.channels.get(channel)
        if targets is None and not options.create_channel:
            raise ChannelNotFound(f"no such channel: {channel}", item=channel)
        there = item.identifier in (targets or {})
        if there and options.on_exists is OnExists.FAIL:
            raise TargetExists(f"the identifier {item.identifier} is taken", item=item.identifier)
        if there and options.on_exists is OnExists.SKIP:
            return self._result(item, AddStatus.SKIPPED, options)
        data = item.picture.read()
        level = self._level(item.picture.name, data)
        self._gates(data, level, targets or {}, options)
        self.fault(item)
        if not options.dry_run:
            self._store(channel, item, data, level)
        return self._result(item, AddStatus.REPLACED if there else AddStatus.ADDED, options, level)

    def _level(self, name: str, data: bytes) -> int:
        if not data.startswith(b"picture "):
            raise UnreadablePicture(f"{name}: not a picture", item=name)
        return int(data[8:9])

    def _gates(self, data: bytes, level: int, targets: dict[str, Target], options: AddOptions) -> None:
        if options.min_level is not None and level < options.min_level:
            raise LevelTooLow(f"level {level}")
        if options.no_duplicates and any(t.picture_hash == digest(data) for t in targets.values()):
            raise DuplicatePicture("it is there already")
        if self.quota is not None and len(targets) >= self.quota:
            raise QuotaExceeded(f"the quota of {self.quota} is used up")

    def _store(self, channel: str, item: AddItem, data: bytes, level: int) -> None:
        self._clock += 1
        targets = self.channels.setdefault(channel, {})
        old = targets.get(item.identifier)
        now = f"2026-01-01T00:00:{self._clock:06}Z"
        targets[item.identifier] = Target(
            identifier=item.identifier,
            channel=channel,
            metadata=item.metadata if item.metadata is not None else old.metadata if old else None,
            matchratio=item.matchratio if item.matchratio is not None else old.matchratio if old else None,
            level=level,
            active=old.active if old else True,
            created=old.created if old else now,
            updated=now,
            picture_hash=digest(data) if self.hashes else None,
        )
        self.kept[channel, item.identifier] = data

    def _result(
        self, item: AddItem, status: AddStatus, options: AddOptions, level: int | None = None
    ) -> AddResult:
        return AddResult(
            image=item.picture.name,
            identifier=item.identifier,
            status=_WOULD[status] if options.dry_run else status,
            level=level,
            hints=(HINT,) if level == 1 else (),
        )

    def add_many(
        self, *, channel: str, items: Iterable[AddItem], options: AddOptions = AddOptions()
    ) -> Iterator[AddResult]:
        """Store `ahead` items before the first of their results comes out."""
        self.calls.append("add_many")
        waiting: list[AddResult] = []
        for item in items:
            waiting.append(self._add_one(channel, item, options))
            if len(waiting) >= self.ahead:
                yield from waiting
                waiting.clear()
        yield from waiting

    def _add_one(self, channel: str, item: AddItem, options: AddOptions) -> AddResult:
        try:
            return self.add(channel=channel, item=item, options=options)
        except ChannelNotFound:
            raise
        except ArcliError as error:
            status = AddStatus.WOULD_FAIL if options.dry_run else AddStatus.FAILED
            return AddResult(image=item.picture.name, identifier=item.identifier, status=status, error=error)

    def remove(self, *, channel: str, identifier: str) -> bool:
        self.calls.append(f"remove {identifier}")
        return self._channel(channel).pop(identifier, None) is not None

    def remove_many(self, *, channel: str, identifiers: Iterable[str]) -> Iterator[RemoveResult]:
        for identifier in identifiers:
            try:
                valid_identifier(identifier)
                there = self.remove(channel=channel, identifier=identifier)
            except InvalidIdentifier as error:
                yield RemoveResult(identifier=identifier, status=RemoveStatus.FAILED, error=error)
                continue
            status = RemoveStatus.REMOVED if there else RemoveStatus.ABSENT
            yield RemoveResult(identifier=identifier, status=status)

    def list(self, *, channel: str, query: ListQuery = ListQuery()) -> TargetPage:
        found = [target for _, target in sorted(self._channel(channel).items())]
        end = None if query.limit is None else query.position + query.limit
        return TargetPage(totalcount=len(found), targets=tuple(found[query.position : end]))

    def get(self, *, channel: str, identifier: str) -> Target:
        try:
            return self._channel(channel)[identifier]
        except KeyError:
            raise TargetNotFound(f"no such target: {identifier}", item=identifier) from None

    def picture(self, *, channel: str, identifier: str) -> bytes:
        if not self.keeps:
            raise NotSupported("this gallery has no call for pictures")
        if (channel, identifier) not in self.kept:
            raise PictureNotKept(f"no picture of {identifier} is kept", item=identifier)
        return self.kept[channel, identifier]

    def update(self, *, channel: str, identifier: str, changes: TargetChanges) -> Target:
        self.calls.append(f"update {identifier}")
        old = self.get(channel=channel, identifier=identifier)
        if self.vendor and changes.active is not None:
            raise NotSupported("this service knows no inactive targets")
        new = replace(
            old,
            metadata=old.metadata if changes.metadata is None else changes.metadata,
            matchratio=old.matchratio if changes.matchratio is None else changes.matchratio,
            active=old.active if changes.active is None else changes.active,
        )
        self._channel(channel)[identifier] = new
        return new

    def find(
        self, *, picture: Picture, channels: Sequence[str] | None, options: FindOptions = FindOptions()
    ) -> FindResult:
        raise NotSupported("a fake finds nothing")

    def find_many(
        self,
        *,
        pictures: Iterable[Picture],
        channels: Sequence[str] | None,
        options: FindOptions = FindOptions(),
    ) -> Iterator[FindResult]:
        raise NotSupported("a fake finds nothing")

    def check(
        self, *, pictures: Iterable[Picture], channel: str | None, jobs: int | None = None
    ) -> Iterator[CheckResult]:
        for picture in pictures:
            try:
                level = self._level(picture.name, picture.read())
            except ArcliError as error:
                yield CheckResult(image=picture.name, error=error)
            else:
                yield CheckResult(image=picture.name, level=level, hints=(HINT,) if level == 1 else ())

    def statistics(self, *, query: StatisticsQuery) -> Sequence[StatRecord]:
        return [
            record
            for record in self.counts
            if query.start <= dt.datetime.strptime(record.date, "%Y%m%d").date() <= query.end
            and (query.misses or not record.missed)
        ]

    def _channel(self, name: str) -> dict[str, Target]:
        if name not in self.channels:
            raise ChannelNotFound(f"no such channel: {name}", item=name)
        return self.channels[name]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
