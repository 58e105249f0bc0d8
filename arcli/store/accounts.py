"""Accounts, their keys, grants and Tupu bindings, in the catalog: what the operator does with them."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from arcli.errors import AccountExists, ShellHint
from arcli.models import (
    Account,
    AccountKey,
    AuditEntry,
    Grant,
    KeyChanges,
    KeyRequest,
    NewKey,
    Scope,
    TupuBinding,
    valid_channel_name,
    valid_username,
)
from arcli.store import account_rows, audit
from arcli.store.catalog import Catalog
from arcli.store.rows import SqlConnection, now
from arcli.store.secret_keys import DigestKind, SecretDigests, drawn_secret, importable, pepper


class AccountDatabase(Protocol):
    """Where accounts are kept."""

    def read(self) -> AbstractContextManager[SqlConnection]: ...

    def write(self) -> AbstractContextManager[SqlConnection]: ...


class AccountCatalog(Protocol):
    """What accounts need of the catalog that they belong to."""

    @property
    def database(self) -> AccountDatabase: ...

    def close(self) -> None: ...

    def exists(self) -> bool: ...

    def make(self) -> None: ...

    def disown(self, connection: Any, name: str) -> None: ...


class Accounts:
    """The AccountAdmin of a data folder. Close it when done."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._catalog: AccountCatalog = Catalog.open(data_dir, create=False)

    def _pepper(self, connection: SqlConnection) -> bytes:
        assert isinstance(self._catalog, Catalog)
        assert isinstance(connection, sqlite3.Connection)
        return pepper(self._catalog, connection)

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
            return tuple(account_rows.read_account(connection, *row) for row in rows)

    def account(self, *, username: str) -> Account:
        if not self._catalog.exists():
            raise account_rows.unknown(username)
        with self._catalog.database.read() as connection:
            return account_rows.read_account(connection, username, account_rows.created(connection, username))

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
                hint = ShellHint("account add --new-key gives it one more key")
                raise AccountExists(f"account {username} exists already", hint=hint, item=username)
            connection.execute("INSERT INTO accounts (username, created) VALUES (?, ?)", (username, now()))
            audit.note(connection, "account added", username)
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
            old = account_rows.key_in_force(account_rows.keys(connection, username), username, key_id)
            connection.execute("UPDATE keys SET revoked = ? WHERE key_id = ?", (now(), old.key_id))
            request = KeyRequest(scope=old.scope, channels=old.channels, expires=old.expires, rate=old.rate)
            audit.note(connection, "key revoked", username, key=old.key_id)
            return self._insert_key(connection, username, request)

    def set_key(self, *, username: str, key_id: str, changes: KeyChanges) -> AccountKey:
        with self._changing(username) as connection:
            key = account_rows.key_in_force(account_rows.keys(connection, username), username, key_id)
            changed = replace(key, **changes)
            connection.execute(
                "UPDATE keys SET channels = ?, expires = ?, rate = ? WHERE key_id = ?",
                (account_rows.names_text(changed.channels), changed.expires, changed.rate, key_id),
            )
            audit.note(connection, "key set", username, key=key_id, **changes)
            return changed

    def revoke_key(self, *, username: str, key_id: str) -> None:
        with self._changing(username) as connection:
            account_rows.key_in_force(account_rows.keys(connection, username), username, key_id)
            connection.execute("UPDATE keys SET revoked = ? WHERE key_id = ?", (now(), key_id))
            audit.note(connection, "key revoked", username, key=key_id)

    def remove_account(self, *, username: str) -> tuple[str, ...]:
        """Remove an account and all that belongs to it, its remembered quotas included.

        Its channels lose their owner, so that a later account of that name does not get them.
        """
        with self._changing(username) as connection:
            orphans = account_rows.read_account(connection, username, "").owns
            for name in orphans:
                self._catalog.disown(connection, name)
            connection.execute("DELETE FROM quotas WHERE owner = ?", (username,))
            connection.execute("DELETE FROM accounts WHERE username = ?", (username,))
            audit.note(connection, "account removed", username)
        return orphans

    def grant(self, *, username: str, channel: str, scope: Scope) -> None:
        with self._changing(username) as connection:
            account_rows.insert_grant(connection, username, Grant(channel=channel, scope=scope))
            audit.note(connection, "grant given", username, channel=channel, scope=scope.value)

    def revoke_grant(self, *, username: str, channel: str) -> bool:
        with self._changing(username) as connection:
            query = "DELETE FROM grants WHERE username = ? AND channel = ?"
            done = bool(connection.execute(query, (username, valid_channel_name(channel))).rowcount)
            if done:
                audit.note(connection, "grant taken back", username, channel=channel)
            return done

    def bind(self, binding: TupuBinding) -> None:
        with self._changing(binding.username) as connection:
            account_rows.insert_binding(connection, binding)
            audit.note(connection, "secretId bound", binding.username, secret_id=binding.secret_id)

    def unbind(self, *, username: str, secret_id: str) -> bool:
        with self._changing(username) as connection:
            query = "DELETE FROM bindings WHERE username = ? AND secret_id = ?"
            done = bool(connection.execute(query, (username, secret_id)).rowcount)
            if done:
                audit.note(connection, "secretId unbound", username, secret_id=secret_id)
            return done

    def audit(self, *, subject: str | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        """Return the latest changes to one account or channel (None: to any), the oldest first."""
        if not self._catalog.exists():
            return ()
        with self._catalog.database.read() as connection:
            return audit.entries(connection, subject=subject, limit=limit)

    @contextmanager
    def _changing(self, username: str) -> Iterator[SqlConnection]:
        if not self._catalog.exists():
            raise account_rows.unknown(username)
        with self._catalog.database.write() as connection:
            account_rows.created(connection, username)
            yield connection

    def _equip(
        self,
        connection: SqlConnection,
        username: str,
        key: KeyRequest,
        grants: Sequence[Grant],
        binding: TupuBinding | None,
    ) -> NewKey:
        """Give an account a key, those of `grants` that it lacks, and a binding."""
        held = account_rows.read_account(connection, username, "")
        for grant in grants:
            if not account_rows.has(held, grant):
                account_rows.insert_grant(connection, username, grant)
                audit.note(
                    connection, "grant given", username, channel=grant.channel, scope=grant.scope.value
                )
        if binding is not None:
            account_rows.insert_binding(connection, binding)
            audit.note(connection, "secretId bound", username, secret_id=binding.secret_id)
        return self._insert_key(connection, username, key)

    def _insert_key(self, connection: SqlConnection, username: str, request: KeyRequest) -> NewKey:
        imported = request.secretkey is not None
        secretkey = drawn_secret() if request.secretkey is None else importable(request.secretkey)
        digests = SecretDigests.of(secretkey, self._pepper(connection))
        kind, digest = DigestKind.DRAWN, digests.drawn
        if imported:
            kind, digest = DigestKind.IMPORTED, digests.imported
        key_id = secrets.token_hex(4)
        names = account_rows.names_text(request.channels)
        limits = (request.expires, request.rate)
        connection.execute(
            "INSERT INTO keys (key_id, username, kind, digest, scope, channels, created, expires, rate)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (key_id, username, kind.value, digest, request.scope.value, names, now(), *limits),
        )
        audit.note(connection, "key added", username, key=key_id, scope=request.scope.value, channels=names)
        return NewKey(username=username, key_id=key_id, secretkey=secretkey)
