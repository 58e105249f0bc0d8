"""ArcloudGallery: an ARCloud service, the vendor's or an `arcli serve`, as a `Gallery`.

What the vendor's seven calls cannot do uses our server's extensions if the service offers them, and raises
NotSupported if it does not.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from arcli.errors import ArcliError, NotYourChannel, PictureRefused, TargetNotFound, UsageError
from arcli.models import (
    AddItem,
    AddOptions,
    AddResult,
    AddStatus,
    Capabilities,
    ChannelInfo,
    ChannelSettings,
    CheckResult,
    Finding,
    FindOptions,
    FindResult,
    Hint,
    ListQuery,
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
    valid_channel_name,
    valid_identifier,
)
from arcli.parallel import in_order
from arcli.protocols.arcloud.requests import Credentials
from arcli.protocols.extensions import Feature
from arcli.remote.arcloud.add import Adding
from arcli.remote.arcloud.calls import ArcloudClient
from arcli.remote.arcloud.find import find
from arcli.remote.arcloud.presence import Presence
from arcli.remote.arcloud.service import ArcloudService
from arcli.remote.arcloud.targets import all_pages, list_targets, update_target
from arcli.remote.http.batches import Item, Result, about, ends_batch, requests_at_once
from arcli.remote.http.retry import Retry
from arcli.remote.http.transport import HttpTransport
from arcli.remote.pictures import rated


class ArcloudGallery:
    """Closes `transport` when it is closed.

    `jobs`: simultaneous requests of a batch that does not set them.
    """

    def __init__(
        self,
        transport: HttpTransport,
        credentials: Credentials,
        *,
        retry: Retry | None = None,
        jobs: int | None = None,
    ) -> None:
        self._retry = retry or Retry()
        self._transport, self._jobs = transport, jobs
        self._calls = ArcloudClient(transport, credentials, self._retry)
        self._service = ArcloudService(self._calls)

    def __enter__(self) -> ArcloudGallery:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def capabilities(self) -> Capabilities:
        return self._service.capabilities()

    def add(self, *, channel: str, item: AddItem, options: AddOptions = AddOptions()) -> AddResult:
        return self._adding(channel, options, [item]).add(item)

    def add_many(
        self, *, channel: str, items: Iterable[AddItem], options: AddOptions = AddOptions()
    ) -> Iterator[AddResult]:
        """The channel must exist: no service creates one on AddImage, whatever `create_channel` says."""
        adding = self._adding(channel, options, None)
        status = AddStatus.WOULD_FAIL if options.dry_run else AddStatus.FAILED

        def one(item: AddItem) -> AddResult:
            try:
                return adding.add(item)
            except ArcliError as error:
                if ends_batch(error):
                    raise
                return AddResult(
                    image=item.picture.name, identifier=item.identifier, status=status, error=error
                )

        return self._batch(one, items, options.jobs)

    def _adding(self, channel: str, options: AddOptions, items: Sequence[AddItem] | None) -> Adding:
        """Return what adds to a channel; ask what the service offers only for more than a plain add."""
        name = valid_channel_name(channel)
        presence = Presence(partial(self._calls.get, name), partial(all_pages, self._service, name))
        plain = dataclasses.replace(options, jobs=None, create_channel=True) == AddOptions()
        simple = plain and items is not None and all(item.matchratio is None for item in items)
        extended = not simple and self._service.offers(Feature.ADD_OPTIONS)
        if options.dry_run and not extended:
            self._calls.page(name, 0)  # GetImage alone would not show that the credentials are wrong
        return Adding(
            self._calls, name, options, presence, extended=extended, hints=partial(self._hints, name)
        )

    def _hints(self, channel: str, picture: Picture) -> tuple[Hint, ...]:
        """Request again the hints that our server gave when it added a picture."""
        (result,) = self.check(pictures=[picture], channel=channel)
        return result.hints

    def _batch(
        self, one: Callable[[Item], Result], items: Iterable[Item], jobs: int | None
    ) -> Iterator[Result]:
        return in_order(one, items, threads=requests_at_once(jobs or self._jobs), hurry=self._retry.hurry)

    def _replace(self, channel: str, item: AddItem) -> AddResult:
        return self.add(channel=channel, item=item, options=AddOptions(on_exists=OnExists.REPLACE))

    def remove(self, *, channel: str, identifier: str) -> bool:
        """Remove a target; a first request whose answer was lost may have removed it, which counts too."""
        name, lost = valid_channel_name(channel), list[bool]()
        try:
            removed = self._calls.remove(name, valid_identifier(identifier), lost.append)
        except TargetNotFound:  # documented nowhere, and no failure; docs/reference/protocols.md, "ARCloud"
            removed = False
        return removed or any(lost)

    def remove_many(self, *, channel: str, identifiers: Iterable[str]) -> Iterator[RemoveResult]:
        def one(identifier: str) -> RemoveResult:
            try:
                there = self.remove(channel=channel, identifier=identifier)
            except ArcliError as error:
                if ends_batch(error):
                    raise
                return RemoveResult(identifier=identifier, status=RemoveStatus.FAILED, error=error)
            status = RemoveStatus.REMOVED if there else RemoveStatus.ABSENT
            return RemoveResult(identifier=identifier, status=status)

        return self._batch(one, identifiers, None)

    def list(self, *, channel: str, query: ListQuery = ListQuery()) -> TargetPage:
        return list_targets(self._service, valid_channel_name(channel), query)

    def get(self, *, channel: str, identifier: str) -> Target:
        return self._calls.get(valid_channel_name(channel), valid_identifier(identifier))

    def picture(self, *, channel: str, identifier: str) -> bytes:
        return self._service.picture(valid_channel_name(channel), valid_identifier(identifier))

    def update(self, *, channel: str, identifier: str, changes: TargetChanges) -> Target:
        name = valid_channel_name(channel)
        return update_target(self._service, name, identifier, changes, self._replace)

    def find(
        self, *, picture: Picture, channels: Sequence[str] | None, options: FindOptions = FindOptions()
    ) -> FindResult:
        try:
            return find(self._service, picture, _valid_names(channels), options)
        except PictureRefused as error:
            raise about(error, picture.name) from error.__cause__

    def find_many(
        self,
        *,
        pictures: Iterable[Picture],
        channels: Sequence[str] | None,
        options: FindOptions = FindOptions(),
    ) -> Iterator[FindResult]:
        def one(picture: Picture) -> FindResult:
            try:
                return self.find(picture=picture, channels=channels, options=options)
            except ArcliError as error:
                if ends_batch(error):
                    raise
                return FindResult(image=picture.name, error=error)

        return self._batch(one, pictures, options.jobs)

    def check(
        self, *, pictures: Iterable[Picture], channel: str | None, jobs: int | None = None
    ) -> Iterator[CheckResult]:
        """Rate pictures here if the service cannot, without looking for duplicates."""

        def one(picture: Picture) -> CheckResult:
            try:
                if self._service.offers(Feature.CHECK):
                    return self._service.check(picture, channel)
                return rated(picture)
            except ArcliError as error:
                if ends_batch(error):
                    raise
                return CheckResult(image=picture.name, error=about(error, picture.name))

        return self._batch(one, pictures, jobs)

    def statistics(self, *, query: StatisticsQuery) -> Sequence[StatRecord]:
        if query.misses:
            self._service.require(Feature.MISSES, "report how many photos matched nothing")
        return self._counts(query)

    def _counts(self, query: StatisticsQuery) -> tuple[StatRecord, ...]:
        """Read counts, of some days at a time where those of all are more than a service answers."""
        try:
            return self._calls.statistics(query)
        except UsageError:
            days = query.end - query.start
            if days.days < 1:
                raise
        middle = query.start + days // 2
        later = dataclasses.replace(query, start=middle + dt.timedelta(days=1))
        return self._counts(dataclasses.replace(query, end=middle)) + self._counts(later)

    def probe(self, *, channel: str | None = None) -> Iterator[Finding]:
        found = self.capabilities()
        version = f" {found.version}" if found.version else ""
        yield Finding(subject=self._transport.url, ok=True, message=f"answers as {found.backend}{version}")
        yield self._credentials_hold()
        if channel is not None:
            total = self._calls.page(valid_channel_name(channel), 0).totalcount
            yield Finding(subject=channel, ok=True, message=f"the channel is there, {total} targets")

    def _credentials_hold(self) -> Finding:
        """Check the credentials by Statistics, the one call that needs credentials and nothing else."""
        today = dt.datetime.now(dt.UTC).date()
        message = "the credentials are accepted"
        try:
            self._calls.statistics(StatisticsQuery(start=today, end=today))
        except NotYourChannel:
            message += ", for some calls only"
        return Finding(subject=self._calls.credentials.username, ok=True, message=message)

    # ChannelAdmin: an arcli server's; every method raises NotSupported on the vendor's service.

    def channels(self) -> Sequence[ChannelInfo]:
        return self._service.channels()

    def channel(self, *, name: str) -> ChannelInfo:
        return self._service.channel(valid_channel_name(name))

    def settings(self) -> Mapping[str, ChannelSettings]:
        return {info.name: info.settings for info in self.channels()}

    def settings_of(self, *, name: str) -> ChannelSettings:
        return self.channel(name=name).settings

    def create_channel(self, *, name: str, settings: ChannelSettings = ChannelSettings()) -> ChannelInfo:
        return self._service.create_channel(valid_channel_name(name), settings)

    def set_channel(self, *, name: str, changes: SettingsChanges) -> ChannelInfo:
        return self._service.set_channel(valid_channel_name(name), changes)

    def rename_channel(self, *, name: str, new: str) -> ChannelInfo:
        return self._service.rename_channel(valid_channel_name(name), valid_channel_name(new))

    def copy_channel(self, *, name: str, new: str) -> ChannelInfo:
        return self._service.copy_channel(valid_channel_name(name), valid_channel_name(new))

    def remove_channel(self, *, name: str) -> None:
        self._service.remove_channel(valid_channel_name(name))


def _valid_names(channels: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if channels is None else tuple(valid_channel_name(name) for name in channels)
