"""Channels of an arcli server, through its extensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arcli.models import ChannelInfo, ChannelSettings, SettingsChanges, valid_channel_name
from arcli.remote.arcloud.extensions import Extended


class RemoteChannels:
    """The ChannelAdmin half of ArcloudGallery. Every method raises NotSupported on the vendor's service."""

    def __init__(self, extended: Extended) -> None:
        self._extended = extended

    def channels(self) -> Sequence[ChannelInfo]:
        return self._extended.channels()

    def channel(self, *, name: str) -> ChannelInfo:
        return self._extended.channel(valid_channel_name(name))

    def settings(self) -> Mapping[str, ChannelSettings]:
        return {info.name: info.settings for info in self.channels()}

    def settings_of(self, *, name: str) -> ChannelSettings:
        return self.channel(name=name).settings

    def create_channel(self, *, name: str, settings: ChannelSettings = ChannelSettings()) -> ChannelInfo:
        return self._extended.create_channel(valid_channel_name(name), settings)

    def set_channel(self, *, name: str, changes: SettingsChanges) -> ChannelInfo:
        return self._extended.set_channel(valid_channel_name(name), changes)

    def remove_channel(self, *, name: str) -> None:
        self._extended.remove_channel(valid_channel_name(name))
