"""What the embedded engine does beyond looking up: its channels and their upkeep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from arcli.engine.channels import Channels, OpenChannel
from arcli.models import ChannelInfo, ChannelSettings, Finding


class LocalAdmin:
    """The `ChannelAdmin` and `Maintenance` sides of the embedded engine."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    def channels(self) -> Sequence[ChannelInfo]:
        return [self.channel(name=name) for name in self._channels.names()]

    def channel(self, *, name: str) -> ChannelInfo:
        return describe(self._channels.get(name))

    def create_channel(self, *, name: str, settings: ChannelSettings = ChannelSettings()) -> ChannelInfo:
        return describe(self._channels.create(name, settings))

    def set_channel(self, *, name: str, settings: ChannelSettings) -> ChannelInfo:
        self._channels.catalog().set_channel(name, settings)
        return self.channel(name=name)

    def remove_channel(self, *, name: str) -> None:
        self._channels.forget(name)
        self._channels.catalog().remove_channel(name)

    def compact(self, *, channel: str) -> ChannelInfo:
        from arcli.engine.upkeep import compact

        opened = self._channels.get(channel)
        compact(opened.store)
        return describe(opened)

    def verify(self, *, channel: str | None = None) -> Iterator[Finding]:
        from arcli.engine.doctor import verify

        return verify(self._channels, channel)

    def repair(self, *, channel: str | None = None) -> Iterator[Finding]:
        from arcli.engine.doctor import repair

        return repair(self._channels, channel)


def describe(opened: OpenChannel) -> ChannelInfo:
    """Return what a channel is and holds."""
    with opened.store.read() as snapshot:
        return ChannelInfo(
            name=opened.name,
            settings=opened.settings,
            preset=str(opened.preset),
            targets=snapshot.count(),
            created=opened.record.created,
        )
