"""A gallery in memory, for tests of what the commands say. Pictures are "recognised" by equal bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from arcli.errors import (
    ArcliError,
    ChannelExists,
    ChannelNotFound,
    InvalidIdentifier,
    LevelTooLow,
    PictureNotKept,
    TargetExists,
    TargetNotFound,
    TooFewFeatures,
)
from arcli.models import (
    AddItem,
    AddOptions,
    AddResult,
    AddStatus,
    Candidate,
    Capabilities,
    ChannelInfo,
    ChannelSettings,
    CheckResult,
    Duplicate,
    Finding,
    FindOptions,
    FindResult,
    Hint,
    ListQuery,
    Match,
    OnExists,
    Picture,
    RemoveResult,
    RemoveStatus,
    SettingsChanges,
    StatisticsQuery,
    StatRecord,
    Target,
    TargetChanges,
    TargetPage,
    valid_changes,
    valid_identifier,
    valid_metadata,
)

NOW = "2026-01-02T03:04:05Z"
QUAD = ((1.0, 2.0), (101.0, 2.0), (101.0, 82.0), (1.0, 82.0))
BLANK = b"blank"


class FakeGallery:
    """Implements Gallery, ChannelAdmin and Maintenance over dicts."""

    def __init__(self) -> None:
        self._settings: dict[str, ChannelSettings] = {}
        self.targets: dict[str, dict[str, tuple[Target, bytes]]] = {}
        self.counts: dict[tuple[str, str], int] = {}
        self.closed = False

    def __enter__(self) -> FakeGallery:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True

    def capabilities(self) -> Capabilities:
        return Capabilities(backend="fake")

    def add(self, *, channel: str, item: AddItem, options: AddOptions = AddOptions()) -> AddResult:
        valid_identifier(item.identifier)
        if item.metadata is not None:
            valid_metadata(item.metadata)
        data = item.picture.read()
        if data == BLANK:
            raise TooFewFeatures("too few features", item=item.picture.name)
        if options.min_level is not None and options.min_level > 4:
            raise LevelTooLow(f"level 4 is below {options.min_level}", item=item.picture.name)
        if channel not in self.targets:
            if not options.create_channel:
                raise ChannelNotFound(f"no such channel: {channel}", item=channel)
            self.create_channel(name=channel)
        there = self.targets[channel]
        status = AddStatus.ADDED
        if item.identifier in there:
            if options.on_exists is OnExists.FAIL:
                raise TargetExists(f"{item.identifier} exists already", item=item.identifier)
            status = AddStatus.SKIPPED if options.on_exists is OnExists.SKIP else AddStatus.REPLACED
        target = Target(
            identifier=item.identifier,
            channel=channel,
            metadata=item.metadata,
            matchratio=item.matchratio,
            level=4,
            created=NOW,
            updated=NOW,
            picture_hash=hashlib.sha256(data).hexdigest(),
        )
        if status is not AddStatus.SKIPPED:
            there[item.identifier] = (target, data)
        hints = (Hint(code="small", message="small picture", advice="use 480 px or more"),)
        return AddResult(
            image=item.picture.name, identifier=item.identifier, status=status, level=4, hints=hints
        )

    def add_many(
        self, *, channel: str, items: Iterable[AddItem], options: AddOptions = AddOptions()
    ) -> Iterator[AddResult]:
        for item in items:
            try:
                yield self.add(channel=channel, item=item, options=options)
            except ChannelNotFound:
                raise
            except ArcliError as error:
                yield AddResult(
                    image=item.picture.name, identifier=item.identifier, status=AddStatus.FAILED, error=error
                )

    def remove(self, *, channel: str, identifier: str) -> bool:
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
        chosen = [t for _, (t, _) in sorted(self._channel(channel).items()) if _selected(t, query)]
        end = None if query.limit is None else query.position + query.limit
        return TargetPage(totalcount=len(chosen), targets=tuple(chosen[query.position : end]))

    def get(self, *, channel: str, identifier: str) -> Target:
        return self._row(channel, identifier)[0]

    def picture(self, *, channel: str, identifier: str) -> bytes:
        if not self._settings[channel].keep_pictures:
            raise PictureNotKept(f"no picture of {identifier} is kept", item=identifier)
        return self._row(channel, identifier)[1]

    def update(self, *, channel: str, identifier: str, changes: TargetChanges) -> Target:
        target, data = self._row(channel, identifier)
        rows = self._channel(channel)
        name = identifier
        if changes.rename is not None:
            name = valid_identifier(changes.rename)
            if name in rows:
                raise TargetExists(f"{name} exists already", item=name)
        if changes.picture is not None:
            data = changes.picture.read()
        metadata, matchratio = valid_changes(changes).of(target)
        target = replace(
            target,
            identifier=name,
            metadata=metadata,
            matchratio=matchratio,
            active=target.active if changes.active is None else changes.active,
        )
        del rows[identifier]
        rows[name] = (target, data)
        return target

    def find(
        self, *, picture: Picture, channels: Sequence[str] | None, options: FindOptions = FindOptions()
    ) -> FindResult:
        data = picture.read()
        if data == BLANK:
            raise TooFewFeatures("too few features", item=picture.name)
        names = list(self.targets) if channels is None else channels
        hits = [
            target
            for channel in names
            for target, kept in self._channel(channel).values()
            if kept == data and target.active
        ]
        if options.count:
            for target in hits:
                key = (target.channel, target.identifier)
                self.counts[key] = self.counts.get(key, 0) + 1
        matches = tuple(
            Match(
                identifier=t.identifier,
                channel=t.channel,
                score=0.97,
                inliers=120,
                quad=QUAD,
                level=t.level,
                metadata=t.metadata,
            )
            for t in hits[: options.limit]
        )
        others = [t for c in names for t, kept in self._channel(c).values() if kept != data]
        candidates = tuple(
            Candidate(identifier=t.identifier, channel=t.channel, reason="too_few_inliers", why="4 inliers")
            for t in others[: options.candidates]
        )
        return FindResult(image=picture.name, matches=matches, candidates=candidates, elapsed_ms=12.5)

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
        rows = self.targets.get(channel, {}) if channel else {}
        for picture in pictures:
            try:
                data = picture.read()
            except ArcliError as error:
                yield CheckResult(image=picture.name, error=error)
                continue
            duplicates = tuple(
                Duplicate(identifier=t.identifier, channel=t.channel, kind="duplicate", score=1.0, inliers=99)
                for t, kept in rows.values()
                if kept == data
            )
            yield CheckResult(image=picture.name, level=4, duplicates=duplicates)

    def statistics(self, *, query: StatisticsQuery) -> Sequence[StatRecord]:
        if query.channel is not None:
            self._channel(query.channel)
        records = [
            StatRecord(date="20260102", channel=channel, identifier=identifier, count=count)
            for (channel, identifier), count in sorted(self.counts.items())
            if query.channel in (None, channel) and query.identifier in (None, identifier)
        ]
        if (
            query.identifier
            and not records
            and query.identifier not in self.targets.get(query.channel or "", {})
        ):
            raise TargetNotFound(f"no such target: {query.identifier}", item=query.identifier)
        return records

    def channels(self) -> Sequence[ChannelInfo]:
        return [self.channel(name=name) for name in sorted(self.targets)]

    def channel(self, *, name: str) -> ChannelInfo:
        rows = self._channel(name)
        return ChannelInfo(
            name=name, settings=self._settings[name], preset="1", targets=len(rows), created=NOW
        )

    def create_channel(self, *, name: str, settings: ChannelSettings = ChannelSettings()) -> ChannelInfo:
        if name in self.targets:
            raise ChannelExists(f"channel {name} exists already", item=name)
        self.targets[name], self._settings[name] = {}, settings
        return self.channel(name=name)

    def settings(self) -> Mapping[str, ChannelSettings]:
        return {name: self._settings[name] for name in sorted(self.targets)}

    def settings_of(self, *, name: str) -> ChannelSettings:
        self._channel(name)
        return self._settings[name]

    def set_channel(self, *, name: str, changes: SettingsChanges) -> ChannelInfo:
        self._channel(name)
        self._settings[name] = replace(self._settings[name], **changes)
        return self.channel(name=name)

    def rename_channel(self, *, name: str, new: str) -> ChannelInfo:
        self.copy_channel(name=name, new=new)
        self.remove_channel(name=name)
        return self.channel(name=new)

    def copy_channel(self, *, name: str, new: str) -> ChannelInfo:
        self.channel(name=name)
        self.create_channel(name=new, settings=self._settings[name])
        self.targets[new] = dict(self.targets[name])
        return self.channel(name=new)

    def remove_channel(self, *, name: str) -> None:
        self._channel(name)
        del self.targets[name], self._settings[name]

    def compact(self, *, channel: str) -> ChannelInfo:
        return self.channel(name=channel)

    def verify(self, *, channel: str | None = None) -> Iterator[Finding]:
        yield Finding(subject="catalog", ok=True, message="opens and passes its check")
        yield Finding(
            subject="default", ok=False, message="segment s1 is cut short", hint="arcli doctor --repair"
        )

    def repair(self, *, channel: str | None = None) -> Iterator[Finding]:
        yield Finding(subject="default", ok=True, message="segment s1 was rebuilt", repaired=True)

    def _channel(self, name: str) -> dict[str, tuple[Target, bytes]]:
        if name not in self.targets:
            raise ChannelNotFound(f"no such channel: {name}", item=name)
        return self.targets[name]

    def _row(self, channel: str, identifier: str) -> tuple[Target, bytes]:
        try:
            return self._channel(channel)[identifier]
        except KeyError:
            raise TargetNotFound(f"no such target: {identifier}", item=identifier) from None


def _selected(target: Target, query: ListQuery) -> bool:
    fields = json.loads(target.metadata or "{}") if query.where else {}
    return (
        target.identifier.startswith(query.prefix or "")
        and query.active in (None, target.active)
        and query.level in (None, target.level)
        and all(str(fields.get(key)) == value for key, value in query.where)
    )
