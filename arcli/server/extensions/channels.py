"""Channels administered remotely: by their owner, with a key for everything."""

from __future__ import annotations

from dataclasses import replace

from arcli.errors import UNREADABLE, LimitExceeded, NotYourChannel, UsageError
from arcli.models import ChannelInfo, ChannelSettings, Principal, Scope
from arcli.protocols.channels import asked_changes, asked_settings, channel_json
from arcli.protocols.reading import JsonObject
from arcli.protocols.strict import refuse_unknown
from arcli.server.ladder import without_paths
from arcli.server.service import Service, as_principal, require_full_key


class ChannelCalls:
    """The calls of `/arcli/v1/channels`; they block.

    They raise ChannelNotFound, NotYourChannel and what a gallery raises.

    Only the operator, at the machine, gives a channel to another owner or raises a quota.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._channels = service.backend.channels

    def all(self, principal: Principal) -> list[JsonObject]:
        names = self._service.channels_of(principal, Scope.FIND)
        return [channel_json(self._as_it_stands(name)) for name in names]

    def _as_it_stands(self, name: str) -> ChannelInfo:
        """Describe a channel, even one whose store cannot be read."""
        try:
            return self._channels.channel(name=name)
        except UNREADABLE as error:
            settings = self._channels.settings_of(name=name)
            told = without_paths(error, self._service.options.data_dir)
            return ChannelInfo(name=name, settings=settings, preset="", targets=0, created="", error=told)

    def show(self, principal: Principal, name: str) -> JsonObject:
        self._service.authorize(principal, name, Scope.FIND)
        return channel_json(self._channels.channel(name=name))

    @as_principal
    def create(self, principal: Principal, body: JsonObject) -> JsonObject:
        """Make a channel that the account owns. Raises ChannelExists, LimitExceeded, UsageError.

        If the account had a channel of that name and removed it, its quota applies again, and can only be
        lowered.
        """
        require_full_key(principal, "administer channels")
        name = _name(body, "settings")
        settings = asked_settings(body.get("settings", {}))
        if settings.owner not in (None, principal.username):
            raise NotYourChannel("only the operator can make channels for others")
        self._refuse_too_many(principal)
        owned = replace(settings, owner=principal.username, quota=None)
        made = self._channels.create_channel(name=name, settings=owned)
        earlier = made.settings.quota
        if settings.quota is not None and (earlier is None or settings.quota < earlier):
            made = self._channels.set_channel(name=made.name, changes={"quota": settings.quota})
        return channel_json(made)

    @as_principal
    def set(self, principal: Principal, name: str, body: JsonObject) -> JsonObject:
        now = self._owned(principal, name)
        refuse_unknown(body, frozenset({"settings"}), "the body")
        changes = asked_changes(body.get("settings"))
        if changes.pop("owner", now.owner) != now.owner:
            raise NotYourChannel("only the operator can give a channel to another owner")
        quota = changes.get("quota", now.quota)
        if now.quota is not None and (quota is None or quota > now.quota):
            raise NotYourChannel("only the operator can raise a quota")
        return channel_json(self._channels.set_channel(name=name, changes=changes))

    @as_principal
    def rename(self, principal: Principal, name: str, body: JsonObject) -> JsonObject:
        self._owned(principal, name)
        return channel_json(self._channels.rename_channel(name=name, new=_name(body)))

    @as_principal
    def copy(self, principal: Principal, name: str, body: JsonObject) -> JsonObject:
        """Copy a channel; the copy has its owner and its quota. Raises ChannelExists, LimitExceeded."""
        self._owned(principal, name)
        new = _name(body)
        self._refuse_too_many(principal)
        return channel_json(self._channels.copy_channel(name=name, new=new))

    @as_principal
    def remove(self, principal: Principal, name: str) -> JsonObject:
        self._owned(principal, name)
        self._channels.remove_channel(name=name)
        return {}

    def _refuse_too_many(self, principal: Principal) -> None:
        most = self._service.options.account_channels
        if len(self._service.channels_of(principal, Scope.ALL)) >= most:
            raise LimitExceeded(f"an account may have {most} channels here", hint="ask the operator")

    def _owned(self, principal: Principal, name: str) -> ChannelSettings:
        self._service.authorize(principal, name, Scope.ALL)
        require_full_key(principal, "administer channels")
        settings = self._channels.settings_of(name=name)
        if settings.owner != principal.username:
            raise NotYourChannel(f"channel {name!r} belongs to somebody else", item=name)
        return settings


def _name(body: JsonObject, *others: str) -> str:
    """Return the name in a body, which may have `others` beside it. Raises UsageError."""
    name = refuse_unknown(body, frozenset({"name", *others}), "the body").get("name")
    if not isinstance(name, str):
        raise UsageError("name is missing", item="name")
    return name
