"""What the embedded engine does besides lookups: its channels and their maintenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from arcli.engine.channels import Channels, OpenChannel
from arcli.errors import ArcliError, UsageError
from arcli.models import (
    ChannelEstimate,
    ChannelInfo,
    ChannelSettings,
    FeaturePreset,
    Finding,
    IndexKind,
    SegmentInfo,
    SettingsChanges,
    Upgraded,
)
from arcli.store import segments
from arcli.store.catalog import ChannelRecord
from arcli.store.channel import ChannelStore
from arcli.store.segments import SegmentRecord

if TYPE_CHECKING:
    from arcli.store.protocols import ChannelCatalog


class LocalAdmin:
    """The `ChannelAdmin` and `Maintenance` sides of the embedded engine."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    def channels(self) -> Sequence[ChannelInfo]:
        return [
            info
            for record in self._channels.catalog().channels()
            for info in [self._as_it_stands(record)]
            if info is not None
        ]

    def _as_it_stands(self, record: ChannelRecord) -> ChannelInfo | None:
        """Describe a channel, even one that cannot be read; None for one that was just removed."""
        try:
            return describe(self._channels.get(record.name))
        except ArcliError as error:
            if record.name not in self.settings():
                return None
            return ChannelInfo(
                name=record.name,
                settings=record.settings,
                preset=str(record.preset),
                targets=0,
                created=record.created,
                error=error,
            )

    def channel(self, *, name: str) -> ChannelInfo:
        return describe(self._channels.get(name))

    def settings(self) -> Mapping[str, ChannelSettings]:
        catalog: ChannelCatalog = self._channels.catalog()
        return {record.name: record.settings for record in catalog.channels()}

    def settings_of(self, *, name: str) -> ChannelSettings:
        return self._channels.catalog().channel(name).settings

    def create_channel(self, *, name: str, settings: ChannelSettings = ChannelSettings()) -> ChannelInfo:
        return describe(self._channels.create(name, settings))

    def set_channel(self, *, name: str, changes: SettingsChanges) -> ChannelInfo:
        self._channels.catalog().set_channel(name, changes)
        return self.channel(name=name)

    def rename_channel(self, *, name: str, new: str) -> ChannelInfo:
        from arcli.store.renaming import rename_channel

        record = rename_channel(self._channels.catalog(), name, new)
        self._channels.renamed(name, record)
        return self.channel(name=record.name)

    def copy_channel(self, *, name: str, new: str) -> ChannelInfo:
        from arcli.store.renaming import copy_channel

        copied = self._channels.get(copy_channel(self._channels.catalog(), name, new).name)
        copied.fold()  # the index is not copied but built again
        return describe(copied)

    def remove_channel(self, *, name: str) -> None:
        self._channels.forget(name)  # open files would not give their space back
        self._channels.catalog().remove_channel(name)
        self._channels.forget(name)  # opened by other threads in the meantime

    def compact(self, *, channel: str) -> ChannelInfo:
        from arcli.engine.indexing.upkeep import compact
        from arcli.parallel import aside

        opened = self._channels.get(channel)
        seal_all(opened.store)
        opened.store.shrink()
        aside(partial(compact, opened.store))
        return describe(opened)

    def upgrade(self, *, channel: str, preset: FeaturePreset, jobs: int | None = None) -> Iterator[Upgraded]:
        from arcli.engine.upgrading import upgrade

        return upgrade(self._channels, channel, preset, jobs=jobs)

    def verify(self, *, channel: str | None = None) -> Iterator[Finding]:
        from arcli.engine.doctor import verify

        return verify(self._channels, channel)

    def repair(self, *, channel: str | None = None) -> Iterator[Finding]:
        from arcli.engine.doctor import repair

        return repair(self._channels, channel)

    def estimate(self, *, targets: int, index: IndexKind, preset: FeaturePreset) -> ChannelEstimate:
        return estimated(targets, index, preset)


def seal_all(store: ChannelStore) -> None:
    """Give every target of an earlier arcli its checksum, some 20 MB per transaction."""
    while store.seal(rows=256):
        pass


def describe(opened: OpenChannel) -> ChannelInfo:
    """Return what a channel is and holds."""
    from arcli.engine.indexing.coverage import INDEXING
    from arcli.index.segment import choice

    with opened.store.read() as snapshot:
        records = segments.live(snapshot)
        chosen = choice(opened.settings.index, snapshot.count() * INDEXING.keypoints)
        last = max((record.last_row for record in records), default=0)
        return ChannelInfo(
            name=opened.name,
            settings=opened.settings,
            preset=str(opened.preset),
            targets=snapshot.count(),
            created=opened.record.created,
            segments=tuple(_segment_info(record) for record in records),
            delta_rows=len(snapshot.live_rows(last + 1, snapshot.last_row())),
            tombstones=sum(segments.dead_in(snapshot, record) for record in records),
            store_bytes=opened.store.database.path.stat().st_size,
            index_bytes=sum(record.file.bytes for record in records),
            index_kind=chosen.kind,
            index_why=chosen.why + (f"; {chosen.hint}" if chosen.hint else ""),
        )


def _segment_info(record: SegmentRecord) -> SegmentInfo:
    return SegmentInfo(
        name=record.file.name,
        kind=record.file.kind,
        first_row=record.first_row,
        last_row=record.last_row,
        rows=record.rows,
        descriptors=record.file.descriptors,
        bytes=record.file.bytes,
    )


def estimated(
    targets: int, setting: IndexKind, preset: FeaturePreset = FeaturePreset.STANDARD
) -> ChannelEstimate:
    """Add up what so many targets take on the machine of the measurement. Raises UsageError."""
    from arcli.engine.indexing.coverage import INDEXING
    from arcli.index.costs import costs
    from arcli.index.segment import choice, costs_of

    if not 0 < targets <= 10**9:  # beyond it the sums mean nothing
        raise UsageError(f"{targets:,} targets cannot be estimated", hint="from 1 to a thousand million")
    descriptors = targets * INDEXING.keypoints
    chosen = choice(setting, descriptors)
    index, channel = costs_of(chosen.kind), costs().channel
    searches = channel.searches * index.search.at(descriptors)
    lookup = channel.verify.at(targets) + searches
    saved = channel.compact.at(targets) if preset is FeaturePreset.COMPACT else 0.0
    return ChannelEstimate(
        targets=targets,
        preset=preset,
        index=chosen.kind,
        why=chosen.why,
        hint=chosen.hint,
        store_bytes=round(channel.store.at(targets) - saved),
        picture_bytes=round(channel.pictures.at(targets)),
        index_bytes=round(index.file.at(descriptors)),
        memory_bytes=round(channel.process.at(targets) + index.memory.at(descriptors)),
        add_seconds=round(channel.enroll.at(targets) / 1000, 1),
        index_seconds=round(index.build.at(descriptors) / 1000, 1),
        extract_ms=round(channel.extract.at(targets), 1),
        lookup_ms=round(lookup, 1),
        command_ms=round(channel.command.at(targets) + index.open.at(descriptors) + searches, 1),
        measured_to=costs().origin["targets"],
        measured_on=costs().origin["date"],
        commit=costs().origin["commit"],
        machine=costs().origin["machine"],
    )
