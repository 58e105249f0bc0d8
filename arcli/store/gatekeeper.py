"""What a server asks the catalog about its callers: whose secret, which channels, which nonces."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from arcli.errors import ChannelNotFound, InvalidChannelName, NotYourChannel, WrongCredentials
from arcli.models import Principal, Scope, TupuBinding, valid_channel_name
from arcli.store.account_rows import binding_of, channels_of
from arcli.store.accounts import AccountCatalog
from arcli.store.catalog import Catalog
from arcli.store.connections import STORE
from arcli.store.nonces import Nonces
from arcli.store.protocols import NonceMemory
from arcli.store.rows import now as now_text
from arcli.store.schema import BINDINGS, CHANNELS, GRANTS, KEYS
from arcli.store.secret_keys import DigestKind, SecretDigests, pepper

# a row that fails its checksum gives no rights
_KEYS = f"""
SELECT key_id, kind, digest, scope, channels, rate FROM keys
WHERE username = ? AND revoked IS NULL AND (expires IS NULL OR expires > ?) AND {KEYS.sound()}
"""  # noqa: S608 - constants
RIGHTS = f"""
SELECT iif({CHANNELS.sound("c")}, c.owner, NULL), g.scope FROM channels AS c
LEFT JOIN grants AS g ON g.channel = c.name AND g.username = ? AND {GRANTS.sound("g")} WHERE c.name = ?
"""  # noqa: S608 - constants
USABLE = f"""
SELECT name, 1, NULL FROM channels WHERE owner = ? AND {CHANNELS.sound()}
UNION ALL SELECT channel, 0, scope FROM grants WHERE username = ? AND {GRANTS.sound()}
"""  # noqa: S608 - constants
_BINDING = f"""
SELECT secret_id, username, channels, public_key FROM bindings WHERE secret_id = ? AND {BINDINGS.sound()}
"""  # noqa: S608 - constants


class CatalogGatekeeper:
    """The Gatekeeper of a data folder, which has a catalog. Close it when done."""

    keys_sql, rights_sql, usable_sql, binding_sql = _KEYS, RIGHTS, USABLE, _BINDING

    def __init__(self, data_dir: Path) -> None:
        catalog = Catalog.open(data_dir, create=True)
        self._begin(catalog, Nonces(data_dir), pepper(catalog))

    def _begin(self, catalog: AccountCatalog, nonces: NonceMemory, pepper: bytes) -> None:
        self._catalog, self._nonces, self._pepper = catalog, nonces, pepper
        self._used: dict[str, str] = {}
        self._written: dict[str, float] = {}
        self._guard = threading.Lock()

    def close(self) -> None:
        self._nonces.close()
        self._catalog.close()

    def authenticate(self, *, username: str, secretkey: str, drawn_only: bool = False) -> Principal:
        """Both digests are made first, so that an unknown account takes as long as a wrong secret."""
        digests = SecretDigests.of(secretkey, self._pepper)
        found: Principal | None = None
        with self._catalog.database.read() as connection:
            for key_id, kind, digest, scope, channels, rate in connection.execute(
                self.keys_sql, (username, now_text())
            ):
                if digests.match(kind, digest) and not (drawn_only and kind == DigestKind.IMPORTED):
                    names = channels_of(channels)
                    found = Principal(
                        username=username, key_id=key_id, scope=Scope(scope), channels=names, rate=rate
                    )
        if found is None:
            raise WrongCredentials("no such account, or not its secret key")
        with self._guard:
            self._used[found.key_id] = now_text()
        return found

    def authorize(self, principal: Principal, *, channel: str, need: Scope) -> None:
        try:
            name = valid_channel_name(channel)
        except InvalidChannelName as error:
            raise ChannelNotFound(f"no channel {channel!r}", item=channel) from error
        with self._catalog.database.read() as connection:
            rights = connection.execute(self.rights_sql, (principal.username, name)).fetchone()
        if rights is None:
            raise ChannelNotFound(f"no channel {channel!r}", item=channel)
        owner, granted = rights
        if not _within(principal, name, need) or not _allows(owner == principal.username, granted, need):
            raise NotYourChannel(f"you may not use channel {channel!r} in this way", item=channel)

    def channels_of(self, principal: Principal, *, need: Scope) -> tuple[str, ...]:
        with self._catalog.database.read() as connection:
            rows = connection.execute(self.usable_sql, (principal.username, principal.username)).fetchall()
        usable = {
            name
            for name, owned, granted in rows
            if _within(principal, name, need) and _allows(bool(owned), granted, need)
        }
        return tuple(sorted(usable))

    def binding(self, secret_id: str) -> TupuBinding | None:
        with self._catalog.database.read() as connection:
            row = connection.execute(self.binding_sql, (secret_id,)).fetchone()
        return None if row is None else binding_of(row)

    def first_use(self, *, secret_id: str, nonce: str, now: float) -> bool:
        return self._nonces.first_use(secret_id=secret_id, nonce=nonce, now=now)

    def flush(self) -> None:
        """At most once a minute for each key; when a key was last used may lag by that much."""
        with self._guard:
            ready = {key: at for key, at in self._used.items() if self._is_due(key)}
            for key in ready:
                del self._used[key]
                self._written[key] = time.monotonic()
        if ready:
            with self._catalog.database.write() as connection:
                for key, at in ready.items():
                    connection.execute("UPDATE keys SET last_used = ? WHERE key_id = ?", (at, key))

    def _is_due(self, key_id: str) -> bool:
        return time.monotonic() - self._written.get(key_id, -STORE.key_use) >= STORE.key_use


def _within(principal: Principal, channel: str, need: Scope) -> bool:
    """Say whether the key itself allows this."""
    named = principal.channels is None or channel in principal.channels
    return named and (principal.scope is Scope.ALL or need is Scope.FIND)


def _allows(owned: bool, granted: str | None, need: Scope) -> bool:
    """Say whether the account may do it: as the owner, or by a grant."""
    return owned or granted == Scope.ALL or (granted is not None and need is Scope.FIND)
