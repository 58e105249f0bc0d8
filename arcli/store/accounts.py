"""Accounts, their keys, grants and Tupu bindings, in the catalog: what the operator does with them."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from arcli.errors import AccountExists, AccountNotFound, ChannelNotFound, Conflict, NotFound, UsageError
from arcli.models import (
    Account,
    AccountKey,
    Grant,
    KeyRequest,
    NewKey,
    Scope,
    TupuBinding,
    valid_channel_name,
    valid_username,
)
from arcli.store.catalog import Catalog
from arcli.store.digests import DigestKind, SecretDigests, drawn_secret, importable
from arcli.store.keyfile import pepper
from arcli.store.rows import now

_KEYS = "SELECT key_id, kind, scope, channels, created, last_used, revoked FROM keys WHERE username = ?"
_OWNED = "SELECT name FROM channels WHERE json_extract(settings, '$.owner') = ? ORDER BY name"


class Accounts:
    """The AccountAdmin of a data folder. Close it when done."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._catalog = Catalog.open(data_dir, create=False)

    def close(self) -> None:
        self._catalog.close()

    def __enter__(self) -> Accounts:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def make(self) -> None:
        """Make the data folder and its catalog if there is none."""
        if not self._catalog.exists():
            self._catalog.make()

    def accounts(self) -> Sequence[Account]:
        """Return all accounts by name."""
        if not self._catalog.exists():
            return ()
        with self._catalog.database.read() as connection:
            rows = connection.execute("SELECT username, created FROM accounts ORDER BY username").fetchall()
            return tuple(_account(connection, *row) for row in rows)

    def account(self, *, username: str) -> Account:
        if not self._catalog.exists():
            raise _unknown(username)
        with self._catalog.database.read() as connection:
            return _account(connection, username, _created(connection, username))

    def add_account(
        self,
        *,
        username: str,
        key: KeyRequest = KeyRequest(),
        grants: Sequence[Grant] = (),
        binding: TupuBinding | None = None,
    ) -> NewKey:
        """Make an account with its first key, and the data folder if there is none."""
        valid_username(username)
        self.make()
        with self._catalog.database.write() as connection:
            if connection.execute("SELECT 1 FROM accounts WHERE username = ?", (username,)).fetchone():
                hint = "account add --new-key gives it one more key"
                raise AccountExists(f"account {username} exists already", hint=hint, item=username)
            connection.execute("INSERT INTO accounts VALUES (?, ?)", (username, now()))
            return self._equip(connection, username, key, grants, binding)

    def add_key(
        self,
        *,
        username: str,
        key: KeyRequest,
        grants: Sequence[Grant] = (),
        binding: TupuBinding | None = None,
    ) -> NewKey:
        with self._changing(username) as connection:
            return self._equip(connection, username, key, grants, binding)

    def rotate_key(self, *, username: str, key_id: str | None = None) -> NewKey:
        with self._changing(username) as connection:
            old = _key_in_force(_keys(connection, username), username, key_id)
            connection.execute("UPDATE keys SET revoked = ? WHERE key_id = ?", (now(), old.key_id))
            request = KeyRequest(scope=old.scope, channels=old.channels)
            return self._insert_key(connection, username, request)

    def revoke_key(self, *, username: str, key_id: str) -> None:
        with self._changing(username) as connection:
            _key_in_force(_keys(connection, username), username, key_id)
            connection.execute("UPDATE keys SET revoked = ? WHERE key_id = ?", (now(), key_id))

    def remove_account(self, *, username: str) -> tuple[str, ...]:
        """Its channels lose their owner first, so that a later account of that name does not get them."""
        orphans = self.account(username=username).owns
        for name in orphans:
            settings = self._catalog.channel(name).settings
            self._catalog.set_channel(name, replace(settings, owner=None))
        with self._changing(username) as connection:
            connection.execute("DELETE FROM accounts WHERE username = ?", (username,))
        return orphans

    def grant(self, *, username: str, channel: str, scope: Scope) -> None:
        with self._changing(username) as connection:
            _grant(connection, username, Grant(channel=channel, scope=scope))

    def revoke_grant(self, *, username: str, channel: str) -> bool:
        with self._changing(username) as connection:
            query = "DELETE FROM grants WHERE username = ? AND channel = ?"
            return connection.execute(query, (username, valid_channel_name(channel))).rowcount > 0

    def bind(self, binding: TupuBinding) -> None:
        with self._changing(binding.username) as connection:
            _bind(connection, binding)

    def unbind(self, *, username: str, secret_id: str) -> bool:
        with self._changing(username) as connection:
            query = "DELETE FROM bindings WHERE username = ? AND secret_id = ?"
            return connection.execute(query, (username, secret_id)).rowcount > 0

    @contextmanager
    def _changing(self, username: str) -> Iterator[sqlite3.Connection]:
        if not self._catalog.exists():
            raise _unknown(username)
        with self._catalog.database.write() as connection:
            _created(connection, username)
            yield connection

    def _equip(
        self,
        connection: sqlite3.Connection,
        username: str,
        key: KeyRequest,
        grants: Sequence[Grant],
        binding: TupuBinding | None,
    ) -> NewKey:
        """Give an account a key, of `grants` those that it lacks, and a binding."""
        held = _account(connection, username, "")
        for grant in grants:
            if not _has(held, grant):
                _grant(connection, username, grant)
        if binding is not None:
            _bind(connection, binding)
        return self._insert_key(connection, username, key)

    def _insert_key(self, connection: sqlite3.Connection, username: str, request: KeyRequest) -> NewKey:
        imported = request.secretkey is not None
        secretkey = drawn_secret() if request.secretkey is None else importable(request.secretkey)
        digests = SecretDigests.of(secretkey, pepper(self.data_dir))
        kind, digest = DigestKind.DRAWN, digests.drawn
        if imported:
            kind, digest = DigestKind.IMPORTED, digests.imported
        key_id = secrets.token_hex(4)
        names = None if request.channels is None else json.dumps(_valid_names(request.channels))
        connection.execute(
            "INSERT INTO keys (key_id, username, kind, digest, scope, channels, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key_id, username, kind.value, digest, request.scope.value, names, now()),
        )
        return NewKey(username=username, key_id=key_id, secretkey=secretkey)


def _has(account: Account, wanted: Grant) -> bool:
    """Say whether the account may do that already."""
    name = valid_channel_name(wanted.channel)
    enough = (Scope.ALL, wanted.scope)
    return name in account.owns or any(g.channel == name and g.scope in enough for g in account.grants)


def _grant(connection: sqlite3.Connection, username: str, grant: Grant) -> None:
    name = valid_channel_name(grant.channel)
    if not connection.execute("SELECT 1 FROM channels WHERE name = ?", (name,)).fetchone():
        raise ChannelNotFound(f"no channel {name!r}", item=name)
    connection.execute("INSERT OR REPLACE INTO grants VALUES (?, ?, ?)", (username, name, grant.scope.value))


def _bind(connection: sqlite3.Connection, binding: TupuBinding) -> None:
    query = "SELECT username FROM bindings WHERE secret_id = ?"
    owner = connection.execute(query, (binding.secret_id,)).fetchone()
    if owner is not None and owner[0] != binding.username:
        raise Conflict(f"secretId {binding.secret_id} belongs to another account", item=binding.secret_id)
    channels = json.dumps(_valid_names(binding.channels))
    connection.execute(
        "INSERT OR REPLACE INTO bindings VALUES (?, ?, ?, ?)",
        (binding.secret_id, binding.username, channels, binding.public_key),
    )


def _valid_names(channels: tuple[str, ...]) -> list[str]:
    return [valid_channel_name(name) for name in channels]


def _created(connection: sqlite3.Connection, username: str) -> str:
    row = connection.execute("SELECT created FROM accounts WHERE username = ?", (username,)).fetchone()
    if row is None:
        raise _unknown(username)
    return str(row[0])


def _account(connection: sqlite3.Connection, username: str, created: str) -> Account:
    owned = connection.execute(_OWNED, (username,)).fetchall()
    grants = "SELECT channel, scope FROM grants WHERE username = ? ORDER BY channel"
    bindings = "SELECT secret_id, username, channels, public_key FROM bindings WHERE username = ?"
    return Account(
        username=username,
        created=created,
        keys=tuple(_keys(connection, username)),
        owns=tuple(name for (name,) in owned),
        grants=tuple(
            Grant(channel=channel, scope=Scope(scope))
            for channel, scope in connection.execute(grants, (username,))
        ),
        bindings=tuple(binding_of(row) for row in connection.execute(bindings, (username,))),
    )


def _keys(connection: sqlite3.Connection, username: str) -> list[AccountKey]:
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
        )
        for key_id, kind, scope, channels, created, last_used, revoked in rows
    ]


def channels_of(text: str | None) -> tuple[str, ...] | None:
    """Read a stored list of channel names; None stays None (no limit)."""
    return None if text is None else tuple(json.loads(text))


def binding_of(row: tuple[str, str, str, str]) -> TupuBinding:
    """Read a row secret_id, username, channels, public_key."""
    secret_id, username, channels, public_key = row
    names = channels_of(channels) or ()
    return TupuBinding(secret_id=secret_id, username=username, channels=names, public_key=public_key)


def _key_in_force(keys: list[AccountKey], username: str, key_id: str | None) -> AccountKey:
    """Return the key that is meant. Raises NotFound, UsageError when it is not clear which."""
    standing = [key for key in keys if key.revoked is None and key_id in (None, key.key_id)]
    if not standing:
        which = f"key {key_id}" if key_id else "key in force"
        raise NotFound(f"account {username} has no {which}", item=key_id or username)
    if len(standing) > 1:
        names = ", ".join(key.key_id for key in standing)
        raise UsageError(f"account {username} has several keys", hint=f"name one of them: {names}")
    return standing[0]


def _unknown(username: str) -> AccountNotFound:
    return AccountNotFound(f"no account {username!r}", item=username)
