"""A gallery in memory, for tests of everything above the seam. It is part of the contract suite."""

from __future__ import annotations

import hashlib
import json
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
)
from arcli.models import (
    WOULD,
    AddItem,
    AddOptions,
    AddResult,
    AddStatus,
    Capabilities,
    CheckResult,
    Duplicate,
    FindOptions,
    FindResult,
    Hint,
    ListQuery,
    OnExists,
    Picture,
    RemoveResult,
    RemoveStatus,
    Target,
    TargetChanges,
    TargetPage,
    valid_changes,
    valid_channel_name,
    valid_identifier,
    valid_metadata,
)
from tests.fakes.channels import FakeChannels
from tests.fakes.pictures import Bytes, Compared, Pictures

HINT = Hint(code="small", message="small picture", advice="use 480 px or more")


class FakeGallery(FakeChannels):
    """Implements Gallery, ChannelAdmin and Maintenance over dicts.

    `ahead`: items that are stored before the first of their results comes out. `hashes`, `keeps`: whether it
    tells the pictures' hashes and keeps them; a `vendor` does neither and knows no inactive targets.
    `sent`: identifiers that `add` was called with; `calls`: other calls that change something. `fault` is
    called before each item is stored and may raise.
    """

    def __init__(
        self,
        *,
        ahead: int = 4,
        hashes: bool = True,
        keeps: bool = True,
        vendor: bool = False,
        pictures: Pictures = Bytes(),
    ) -> None:
        super().__init__()
        self.ahead, self.vendor, self.look = ahead, vendor, pictures
        self.hashes, self.keeps = hashes and not vendor, keeps and not vendor
        self.sent: list[str] = []
        self.calls: list[str] = []
        self.fault: Callable[[AddItem], None] = lambda item: None

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
        if valid_channel_name(channel) not in self.targets and not options.create_channel:
            raise ChannelNotFound(f"no such channel: {channel}", item=channel)
        there = item.identifier in self.targets.get(channel, {})
        if there and options.on_exists is OnExists.FAIL:
            raise TargetExists(f"the identifier {item.identifier} is taken", item=item.identifier)
        if there and options.on_exists is OnExists.SKIP:
            return self._result(item, AddStatus.SKIPPED, options)
        data = item.picture.read()
        level = self.look.level(item.picture.name, data)
        self._gates(channel, data, level, options, new=not there)
        self.fault(item)
        if not options.dry_run:
            self._store(channel, item, data, level)
        return self._result(item, AddStatus.REPLACED if there else AddStatus.ADDED, options, level)

    def _gates(self, channel: str, data: bytes, level: int, options: AddOptions, *, new: bool) -> None:
        if options.min_level is not None and level < options.min_level:
            raise LevelTooLow(f"level {level} is below {options.min_level}")
        if options.no_duplicates and self._duplicates(channel, data):
            raise DuplicatePicture("it is there already")
        quota = self._settings[channel].quota if channel in self._settings else None
        if new and quota is not None and len(self.targets[channel]) >= quota:
            raise QuotaExceeded(f"the quota of {quota} is used up")

    def _store(self, channel: str, item: AddItem, data: bytes, level: int) -> None:
        if channel not in self.targets:
            self.create_channel(name=channel)
        now = self._now()
        old = self.targets[channel].get(item.identifier)
        base = old or Target(identifier=item.identifier, channel=channel, created=now)
        self.targets[channel][item.identifier] = replace(
            base,
            metadata=base.metadata if item.metadata is None else item.metadata,
            matchratio=base.matchratio if item.matchratio is None else item.matchratio,
            level=level,
            updated=now,
            picture_hash=self._hash(data),
        )
        self.kept[channel][item.identifier] = data

    def _result(
        self, item: AddItem, status: AddStatus, options: AddOptions, level: int | None = None
    ) -> AddResult:
        return AddResult(
            image=item.picture.name,
            identifier=item.identifier,
            status=WOULD[status] if options.dry_run else status,
            level=level,
            hints=(HINT,) if level == 1 else (),
        )

    def add_many(
        self, *, channel: str, items: Iterable[AddItem], options: AddOptions = AddOptions()
    ) -> Iterator[AddResult]:
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
        rows = self._channel(channel)
        self.kept[channel].pop(valid_identifier(identifier), None)
        return rows.pop(identifier, None) is not None

    def remove_many(self, *, channel: str, identifiers: Iterable[str]) -> Iterator[RemoveResult]:
        for identifier in identifiers:
            try:
                there = self.remove(channel=channel, identifier=identifier)
            except InvalidIdentifier as error:
                yield RemoveResult(identifier=identifier, status=RemoveStatus.FAILED, error=error)
                continue
            status = RemoveStatus.REMOVED if there else RemoveStatus.ABSENT
            yield RemoveResult(identifier=identifier, status=status)

    def list(self, *, channel: str, query: ListQuery = ListQuery()) -> TargetPage:
        chosen = [t for _, t in sorted(self._channel(channel).items()) if _selected(t, query)]
        end = None if query.limit is None else query.position + query.limit
        return TargetPage(totalcount=len(chosen), targets=tuple(chosen[query.position : end]))

    def get(self, *, channel: str, identifier: str) -> Target:
        rows = self._channel(channel)
        if valid_identifier(identifier) not in rows:
            raise TargetNotFound(f"no such target: {identifier}", item=identifier)
        return rows[identifier]

    def picture(self, *, channel: str, identifier: str) -> bytes:
        if not self.keeps:
            raise NotSupported("this gallery has no call for pictures")
        self.get(channel=channel, identifier=identifier)
        if not self._settings[channel].keep_pictures:
            raise PictureNotKept(f"no picture of {identifier} is kept", item=identifier)
        return self.kept[channel][identifier]

    def update(self, *, channel: str, identifier: str, changes: TargetChanges) -> Target:
        self.calls.append(f"update {identifier}")
        old, rows = self.get(channel=channel, identifier=identifier), self.targets[channel]
        if self.vendor and changes.active is not None:
            raise NotSupported("this service knows no inactive targets")
        metadata, matchratio = valid_changes(changes).of(old)
        name = changes.rename or identifier
        if name != identifier and name in rows:
            raise TargetExists(f"the identifier {name} is taken", item=name)
        active = old.active if changes.active is None else changes.active
        new = replace(old, identifier=name, metadata=metadata, matchratio=matchratio, active=active)
        data = self.kept[channel][identifier]
        if changes.picture is not None:
            data = changes.picture.read()
            level = self.look.level(changes.picture.name, data)
            new = replace(new, level=level, picture_hash=self._hash(data))
        del rows[identifier], self.kept[channel][identifier]
        rows[name], self.kept[channel][name] = replace(new, updated=self._now()), data
        return rows[name]

    def find(
        self, *, picture: Picture, channels: Sequence[str] | None, options: FindOptions = FindOptions()
    ) -> FindResult:
        names = list(self.targets) if channels is None else channels
        searched = {name: self._channel(name) for name in names}
        data = picture.read()
        self.look.level(picture.name, data)
        compared = [one for name in searched for one in self._compared(name, data, options.threshold)]
        compared.sort(key=lambda one: -one.likeness.inliers)
        found = [one for one in compared if one.found][: options.limit]
        if options.count:
            self._count([one.target for one in found], searched, options.day)
        others = [one for one in compared if not one.found][: options.candidates]
        return FindResult(
            image=picture.name,
            matches=tuple(one.match(metadata=options.metadata) for one in found),
            candidates=tuple(one.candidate() for one in others),
            elapsed_ms=12.5,
            timings_ms={"decode": 2.5, "other": 10.0},
        )

    def _compared(self, channel: str, data: bytes, threshold: float | None) -> Iterator[Compared]:
        """A target's own threshold takes precedence over the requested one, and that over the channel's."""
        settings = self._settings[channel]
        usual = (settings.threshold or 0.0) if threshold is None else threshold
        for name, target in self.targets[channel].items():
            if target.active:
                own = usual if target.matchratio is None else float(target.matchratio)
                yield Compared(target, self.look.compare(data, self.kept[channel][name]), own)

    def find_many(
        self,
        *,
        pictures: Iterable[Picture],
        channels: Sequence[str] | None,
        options: FindOptions = FindOptions(),
    ) -> Iterator[FindResult]:
        for picture in pictures:
            try:
                yield self.find(picture=picture, channels=channels, options=options)
            except ChannelNotFound:
                raise
            except ArcliError as error:
                yield FindResult(image=picture.name, error=error)

    def check(
        self, *, pictures: Iterable[Picture], channel: str | None, jobs: int | None = None
    ) -> Iterator[CheckResult]:
        for picture in pictures:
            try:
                data = picture.read()
                level = self.look.level(picture.name, data)
            except ArcliError as error:
                yield CheckResult(image=picture.name, error=error)
                continue
            duplicates = tuple(self._duplicates(channel, data))
            hints = (HINT,) if level == 1 else ()
            yield CheckResult(image=picture.name, level=level, hints=hints, duplicates=duplicates)

    def _duplicates(self, channel: str | None, data: bytes) -> Sequence[Duplicate]:
        """Equal pictures only: recognising nearly equal ones is the engine's task."""
        return [
            Duplicate(identifier=name, channel=channel, kind="duplicate", score=1.0, inliers=99)
            for name, kept in self.kept.get(channel or "", {}).items()
            if kept == data
        ]

    def _hash(self, data: bytes) -> str | None:
        return hashlib.sha256(data).hexdigest() if self.hashes else None


def _selected(target: Target, query: ListQuery) -> bool:
    fields = json.loads(target.metadata or "{}") if query.where else {}
    return (
        target.identifier.startswith(query.prefix or "")
        and query.active in (None, target.active)
        and query.level in (None, target.level)
        and isinstance(fields, dict)
        and all(str(fields.get(key)) == value for key, value in query.where)
    )
