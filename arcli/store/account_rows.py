"""Rows of accounts, keys, grants and bindings: the queries of the catalog's tables."""

from __future__ import annotations

import json

from arcli.errors import AccountNotFound, ChannelNotFound, Conflict, DataDamaged, NotFound, UsageError
from arcli.models import Account, AccountKey, Grant, Scope, TupuBinding, valid_channel_name
from arcli.store.rows import SqlConnection
from arcli.store.secret_keys import DigestKind

_KEYS = """
SELECT key_id, kind, scope, channels, created, last_used, revoked, expires, rate FROM keys WHERE username = ?
"""
OWNED = "SELECT name FROM channels WHERE owner = ? ORDER BY name"


def has(account: Account, wanted: Grant) -> bool:
    """Say whether the account may already do that."""
    name = valid_channel_name(wanted.channel)
    enough = (Scope.ALL, wanted.scope)
    return name in account.owns or any(g.channel == name and g.scope in enough for g in account.grants)


def insert_grant(connection: SqlConnection, username: str, grant: Grant) -> None:
    """Let an account use a channel. Raises ChannelNotFound."""
    name = valid_channel_name(grant.channel)
    if not connection.execute("SELECT 1 FROM channels WHERE name = ?", (name,)).fetchone():
        raise ChannelNotFound(f"no channel {name!r}", item=name)
    insert = (
        "INSERT INTO grants (username, channel, scope) VALUES (?, ?, ?)"
        " ON CONFLICT (username, channel) DO UPDATE SET scope = excluded.scope"
    )
    connection.execute(insert, (username, name, grant.scope.value))


def insert_binding(connection: SqlConnection, binding: TupuBinding) -> None:
    """Bind a Tupu secretId to channels. Raises Conflict if another account has it."""
    query = "SELECT username FROM bindings WHERE secret_id = ?"
    owner = connection.execute(query, (binding.secret_id,)).fetchone()
    if owner is not None and owner[0] != binding.username:
        raise Conflict(f"secretId {binding.secret_id} belongs to another account", item=binding.secret_id)
    channels = names_text(binding.channels)
    connection.execute(
        "INSERT INTO bindings (secret_id, username, channels, public_key) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (secret_id) DO UPDATE SET username = excluded.username, channels = excluded.channels,"
        " public_key = excluded.public_key",
        (binding.secret_id, binding.username, channels, binding.public_key),
    )


def names_text(channels: tuple[str, ...] | None) -> str | None:
    """Return channel names in their stored form; None (no limit) stays None. Raises InvalidChannelName."""
    return None if channels is None else json.dumps([valid_channel_name(name) for name in channels])


def created(connection: SqlConnection, username: str) -> str:
    """Return when an account was made. Raises AccountNotFound."""
    row = connection.execute("SELECT created FROM accounts WHERE username = ?", (username,)).fetchone()
    if row is None:
        raise unknown(username)
    return str(row[0])


def read_account(connection: SqlConnection, username: str, created: str) -> Account:
    """Return an account with its keys, channels, grants and bindings. Raises DataDamaged."""
    try:
        return _account(connection, username, created)
    except (TypeError, ValueError) as error:  # a value of another kind than was ever stored there
        message = f"what the catalog has of account {username!r} cannot be read"
        raise DataDamaged(message, item=str(username)) from error


def _account(connection: SqlConnection, username: str, created: str) -> Account:
    owned = connection.execute(OWNED, (username,)).fetchall()
    grants = "SELECT channel, scope FROM grants WHERE username = ? ORDER BY channel"
    bindings = "SELECT secret_id, username, channels, public_key FROM bindings WHERE username = ?"
    return Account(
        username=username,
        created=created,
        keys=tuple(keys(connection, username)),
        owns=tuple(name for (name,) in owned),
        grants=tuple(
            Grant(channel=channel, scope=Scope(scope))
            for channel, scope in connection.execute(grants, (username,))
        ),
        bindings=tuple(binding_of(row) for row in connection.execute(bindings, (username,))),
    )


def keys(connection: SqlConnection, username: str) -> list[AccountKey]:
    """Return an account's keys, revoked ones too, the oldest first."""
    rows = connection.execute(f"{_KEYS} ORDER BY created, key_id", (username,))
    return [
        AccountKey(
            key_id=key_id,
            scope=Scope(scope),
            channels=channels_of(channels),
            imported=kind == DigestKind.IMPORTED,
            created=created,
            last_used=last_used,
            revoked=revoked,
            expires=expires,
            rate=rate,
        )
        for key_id, kind, scope, channels, created, last_used, revoked, expires, rate in rows
    ]


def channels_of(text: str | None) -> tuple[str, ...] | None:
    """Read a stored list of channel names; None stays None (no limit)."""
    return None if text is None else tuple(json.loads(text))


def binding_of(row: tuple[str, str, str, str]) -> TupuBinding:
    """Read a row secret_id, username, channels, public_key."""
    secret_id, username, channels, public_key = row
    names = channels_of(channels) or ()
    return TupuBinding(secret_id=secret_id, username=username, channels=names, public_key=public_key)


def key_in_force(keys: list[AccountKey], username: str, key_id: str | None) -> AccountKey:
    """Return the key named, or the only one in force. Raises NotFound, UsageError when there are several."""
    standing = [key for key in keys if key.revoked is None and key_id in (None, key.key_id)]
    if not standing:
        which = f"key {key_id}" if key_id else "key in force"
        raise NotFound(f"account {username} has no {which}", item=key_id or username)
    if len(standing) > 1:
        names = ", ".join(key.key_id for key in standing)
        raise UsageError(f"account {username} has several keys", hint=f"name one of them: {names}")
    return standing[0]


def unknown(username: str) -> AccountNotFound:
    """Return the error to raise for an account that is not there."""
    return AccountNotFound(f"no account {username!r}", item=username)
