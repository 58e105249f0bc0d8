"""Find-only keys of an account, as JSON objects and as requests (`/arcli/v1/keys`)."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from arcli.errors import UsageError
from arcli.models import Account, AccountKey, KeyChanges, KeyRequest, NewKey, Scope
from arcli.protocols.reading import JsonObject, shown
from arcli.protocols.strict import refuse_unknown

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_SLOWEST = 0.01  # requests a second: one in a minute and a half, the least that `account add --rate` allows
_FIELDS = ("key_id", "channels", "created", "last_used", "expires", "rate")


def key_json(key: AccountKey) -> JsonObject:
    """Write a key, which has no secret."""
    written = {name: getattr(key, name) for name in _FIELDS}
    return written | {"channels": None if key.channels is None else list(key.channels)}


def keys_json(keys: Sequence[AccountKey]) -> JsonObject:
    return {"keys": [key_json(key) for key in keys]}


def new_key_json(key: AccountKey, made: NewKey) -> JsonObject:
    """Write a key that was just made, with its secret; later answers never have it."""
    return key_json(key) | {"secretkey": made.secretkey}


def find_keys(account: Account) -> tuple[AccountKey, ...]:
    """Return those of an account's keys that may only look photos up and are not revoked."""
    return tuple(key for key in account.keys if key.scope is Scope.FIND and key.revoked is None)


def asked_key(body: object) -> KeyRequest:
    """Read the find-only key that a client requests. Raises UsageError."""
    return KeyRequest(scope=Scope.FIND, **asked_key_changes(body))


def asked_key_changes(body: object) -> KeyChanges:
    """Read the changes to a key: the fields that are present. Raises UsageError."""
    given = refuse_unknown(body, frozenset(_ASKED), "the body")
    for name, value in given.items():
        if not _ASKED[name](value):
            raise UsageError(f"the {name} of a key cannot be {shown(json.dumps(value))}", item=name)
    read: dict[str, Any] = dict(given)
    if read.get("channels") is not None:
        read["channels"] = tuple(dict.fromkeys(read["channels"]))
    return cast("KeyChanges", read)


def _is_channels(value: object) -> bool:
    """Say whether the value is a list of channels; not an empty one: such a key should be removed."""
    names = isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)
    return value is None or names


def _is_moment(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return False
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_rate(value: object) -> bool:
    if value is None:
        return True
    number = type(value) in (int, float)
    return number and _SLOWEST <= value <= 1e6  # type: ignore[operator]


_ASKED: dict[str, Callable[[object], bool]] = {
    "channels": _is_channels,
    "expires": _is_moment,
    "rate": _is_rate,
}
