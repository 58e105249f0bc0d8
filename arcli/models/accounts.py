"""Accounts of `arcli serve`: keys, scopes, grants, Tupu bindings."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict


class Scope(StrEnum):
    """What a key or a grant allows: everything, or only looking photos up."""

    ALL = "all"
    FIND = "find"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKey:
    """One secret of an account, without the secret. `channels`: the only ones it works in (None: no limit).

    `imported`: its secret was made elsewhere. `last_used` lags by up to a minute. `expires`: the moment (UTC,
    ISO 8601) from which it is refused. `rate`: how many requests a second it may make.
    """

    key_id: str
    scope: Scope
    channels: tuple[str, ...] | None = None
    imported: bool = False
    created: str
    last_used: str | None = None
    revoked: str | None = None
    expires: str | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What an account may do in a channel that it does not own."""

    channel: str
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class TupuBinding:
    """A Tupu secretId: its account, the channels it searches, the customer's public key (PEM)."""

    secret_id: str
    username: str
    channels: tuple[str, ...]
    public_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of `serve`: the keys, and the channels that are owned or granted."""

    username: str
    created: str
    keys: tuple[AccountKey, ...] = ()
    owns: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    bindings: tuple[TupuBinding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """A key to make. `secretkey` None: a new secret is drawn, else this one (from the vendor) is imported."""

    scope: Scope = Scope.ALL
    channels: tuple[str, ...] | None = None
    secretkey: str | None = field(default=None, repr=False)
    expires: str | None = None
    rate: float | None = None


class KeyChanges(TypedDict, total=False):
    """Changes to a key; what is left out stays as it is. Its scope and its secret never change."""

    channels: tuple[str, ...] | None
    expires: str | None
    rate: float | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change of an account or a channel (`subject`). who: `local:USER`, or an account and its key."""

    at: str
    who: str
    what: str
    subject: str
    details: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made: only now is its secret available."""

    username: str
    key_id: str
    secretkey: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The caller of a server: an account, known by one of its keys."""

    username: str
    key_id: str
    scope: Scope
    channels: tuple[str, ...] | None = None
    rate: float | None = None
