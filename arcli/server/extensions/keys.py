"""Find-only keys of the caller's account, administered remotely: owners give them to apps."""

from __future__ import annotations

from collections.abc import Sequence

from arcli.errors import LimitExceeded, NotFound, NotYourChannel
from arcli.models import AccountKey, KeyChanges, Principal, Scope
from arcli.protocols.keys import asked_key, asked_key_changes, find_keys, keys_json, new_key_json
from arcli.protocols.keys import key_json as written
from arcli.protocols.reading import JsonObject
from arcli.server.service import Service, as_principal, require_full_key


class KeyCalls:
    """The calls of `/arcli/v1/keys`; they block.

    They raise NotYourChannel, NotFound and what an AccountAdmin raises.

    They need a key for everything, and only affect find-only keys of its account: keys for everything,
    grants, bindings and accounts are administered by the operator, on the machine.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._accounts = service.backend.accounts

    def all(self, principal: Principal) -> JsonObject:
        return keys_json(self._held(principal))

    @as_principal
    def add(self, principal: Principal, body: JsonObject) -> JsonObject:
        """Make a key and show its secret, only this once.

        Raises LimitExceeded, ChannelNotFound, UsageError.
        """
        held = self._held(principal)
        asked = asked_key(body)
        most = self._service.options.account_keys
        if len(held) >= most:
            raise LimitExceeded(f"an account may have {most} find-only keys here", hint="remove one first")
        own = self._own(principal)
        self._refuse_more(principal, own, asked.channels, asked.expires, asked.rate)
        made = self._accounts.add_key(username=principal.username, key=asked)
        return new_key_json(self._one(principal, made.key_id), made)

    @as_principal
    def set(self, principal: Principal, key_id: str, body: JsonObject) -> JsonObject:
        """Change the channels, the expiry or the rate of a key."""
        key = self._one(principal, key_id)
        changes: KeyChanges = asked_key_changes(body)
        self._refuse_more(
            principal,
            self._own(principal),
            changes.get("channels"),
            changes.get("expires", key.expires),
            changes.get("rate", key.rate),
        )
        changed = self._accounts.set_key(username=principal.username, key_id=key_id, changes=changes)
        return written(changed)

    @as_principal
    def remove(self, principal: Principal, key_id: str) -> JsonObject:
        self._one(principal, key_id)
        self._accounts.revoke_key(username=principal.username, key_id=key_id)
        return {}

    def _held(self, principal: Principal) -> Sequence[AccountKey]:
        require_full_key(principal, "administer keys")
        return find_keys(self._accounts.account(username=principal.username))

    def _one(self, principal: Principal, key_id: str) -> AccountKey:
        """Return a find-only key of the account. Raises NotFound, also for a key for everything."""
        for key in self._held(principal):
            if key.key_id == key_id:
                return key
        raise NotFound(f"the account has no find-only key {key_id[:40]!r}", item=key_id[:40])

    def _own(self, principal: Principal) -> AccountKey:
        """Return the caller's key. Raises NotFound if it was just revoked."""
        for key in self._accounts.account(username=principal.username).keys:
            if key.key_id == principal.key_id and key.revoked is None:
                return key
        raise NotFound("the key of this request was revoked", item=principal.key_id)

    def _refuse_more(
        self,
        principal: Principal,
        own: AccountKey,
        channels: Sequence[str] | None,
        expires: str | None,
        rate: float | None,
    ) -> None:
        """Raise an error if a key could do more than the caller's: in other channels, for longer, or faster.

        Raises ChannelNotFound, NotYourChannel.
        """
        for channel in channels or ():
            self._service.authorize(principal, channel, Scope.FIND)
        if own.expires is not None and (expires is None or expires > own.expires):
            raise NotYourChannel(f"this key expires at {own.expires} and cannot make one that expires later")
        if own.rate is not None and (rate is None or rate > own.rate):
            raise NotYourChannel(
                f"this key may make {own.rate:g} requests a second and cannot make one that may make more"
            )
