"""The channels of a gallery in memory: their content, their settings, and what was found in them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from arcli.engine.admin import estimated
from arcli.errors import ChannelExists, ChannelNotFound, TargetNotFound
from arcli.models import (
    ChannelEstimate,
    ChannelInfo,
    ChannelSettings,
    FeaturePreset,
    Finding,
    IndexKind,
    SettingsChanges,
    StatisticsQuery,
    StatRecord,
    Target,
    Upgraded,
    UpgradeStatus,
    valid_channel_name,
)
from arcli.models.statistics import compact_day

BEGIN = dt.datetime(2026, 1, 2, 3, 4, 5)


class FakeChannels:
    """Implements ChannelAdmin, Maintenance and Upgrades over dicts; every change is a second after the last.

    `targets` and `kept` are the content by channel and identifier, `counts` are by day, channel and
    identifier (None: nothing was found).
    """

    def __init__(self) -> None:
        self.targets: dict[str, dict[str, Target]] = {}
        self.kept: dict[str, dict[str, bytes]] = {}
        self.counts: Counter[tuple[str, str, str | None]] = Counter()
        self._settings: dict[str, ChannelSettings] = {}
        self._presets: dict[str, FeaturePreset] = {}
        self._changes = 0

    def channels(self) -> Sequence[ChannelInfo]:
        return [self.channel(name=name) for name in sorted(self.targets)]

    def channel(self, *, name: str) -> ChannelInfo:
        count, settings = len(self._channel(name)), self._settings[name]
        preset = str(self._presets.get(name, FeaturePreset.STANDARD).number)
        return ChannelInfo(name=name, settings=settings, preset=preset, targets=count, created=_text(BEGIN))

    def create_channel(self, *, name: str, settings: ChannelSettings = ChannelSettings()) -> ChannelInfo:
        if valid_channel_name(name) in self.targets:
            raise ChannelExists(f"channel {name} exists already", item=name)
        self.targets[name], self.kept[name], self._settings[name] = {}, {}, settings
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
        for date, channel, identifier in [key for key in self.counts if key[1] == name]:
            self.counts[date, new, identifier] = self.counts.pop((date, channel, identifier))
        self.remove_channel(name=name)
        return self.channel(name=new)

    def copy_channel(self, *, name: str, new: str) -> ChannelInfo:
        rows = self._channel(name)
        self.create_channel(name=new, settings=self._settings[name])
        self.targets[new] = {key: replace(target, channel=new) for key, target in rows.items()}
        self.kept[new] = dict(self.kept[name])
        return self.channel(name=new)

    def remove_channel(self, *, name: str) -> None:
        self._channel(name)
        del self.targets[name], self.kept[name], self._settings[name]

    def estimate(self, *, targets: int, index: IndexKind, preset: FeaturePreset) -> ChannelEstimate:
        return estimated(targets, index, preset)  # it reads no channel

    def upgrade(
        self,
        *,
        channel: str,
        preset: FeaturePreset,
        jobs: int | None = None,
    ) -> Iterator[Upgraded]:
        rows, moved = self._channel(channel), self._presets.get(channel) == preset
        self._presets[channel] = preset
        for identifier in rows:
            status = UpgradeStatus.UNCHANGED if moved else UpgradeStatus.CONVERTED
            yield Upgraded(identifier=identifier, status=status)

    def compact(self, *, channel: str) -> ChannelInfo:
        return self.channel(name=channel)

    def verify(self, *, channel: str | None = None) -> Iterator[Finding]:
        yield Finding(subject="catalog", ok=True, message="opens and passes its check")
        yield Finding(
            subject="default", ok=False, message="segment s1 is cut short", hint="arcli doctor --repair"
        )

    def repair(self, *, channel: str | None = None) -> Iterator[Finding]:
        yield Finding(subject="default", ok=True, message="segment s1 was rebuilt", repaired=True)

    def statistics(self, *, query: StatisticsQuery) -> Sequence[StatRecord]:
        if query.channel is not None:
            self._known(query.channel, query.identifier)
        sums: Counter[tuple[str, str, str, bool]] = Counter()
        for (date, channel, identifier), count in self.counts.items():
            asked = query.channel in (None, channel) and query.identifier in (None, identifier)
            missed = identifier is None
            if asked and compact_day(query.start) <= date <= compact_day(query.end):
                name = "" if query.channel is None or identifier is None else identifier
                sums[date, channel, name, missed] += count
        return [
            StatRecord(date=date, channel=channel, identifier=name or None, count=count, missed=missed)
            for (date, channel, name, missed), count in sorted(sums.items())
            if query.misses or not missed
        ]

    def _count(self, found: Sequence[Target], searched: Iterable[str], day: dt.date | None) -> None:
        date = compact_day(day or dt.datetime.now(dt.UTC).date())
        for target in found:
            self.counts[date, target.channel, target.identifier] += 1
        for channel in searched if not found else ():
            self.counts[date, channel, None] += 1

    def _channel(self, name: str) -> dict[str, Target]:
        if valid_channel_name(name) not in self.targets:
            raise ChannelNotFound(f"no such channel: {name}", item=name)
        return self.targets[name]

    def _known(self, channel: str, identifier: str | None) -> None:
        rows, counted = self._channel(channel), {key[1:] for key in self.counts}
        if identifier is not None and identifier not in rows and (channel, identifier) not in counted:
            raise TargetNotFound(f"no such target: {identifier}", item=identifier)

    def _now(self) -> str:
        self._changes += 1
        return _text(BEGIN + dt.timedelta(seconds=self._changes - 1))


def _text(when: dt.datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
