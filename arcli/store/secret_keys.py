"""Secrets: those of accounts, kept only as digests, and the server's own, in files beside the catalog.

A secret that arcli drew has 256 bits, so its SHA-256 says nothing about it. One that was imported may be
short; its digest is keyed with the server's pepper, which is not in the database. The server's files are
readable by their owner alone.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from arcli.errors import ArcliError, DataDamaged, ShellHint, UsageError
from arcli.files import of_os, replacing, write_atomically
from arcli.models import Finding
from arcli.store.catalog import Catalog

PEPPER_FILE = "server-pepper"
PEPPER_BYTES = 32
SIGNING_KEY_FILE = "server-signing-key.pem"
SECRET_BYTES = 32
_IMPORTED_LIMIT = 256  # characters
_RESTORE = ShellHint(
    "put it back from a backup; without one, arcli doctor --repair says what is lost with it"
)


class DigestKind(StrEnum):
    """How a key's digest was made."""

    DRAWN = "sha256"
    IMPORTED = "hmac-sha256"


@dataclass(frozen=True, slots=True)
class SecretDigests:
    """Both digests of a secret, made before anything is known about its account."""

    drawn: bytes
    imported: bytes

    @classmethod
    def of(cls, secretkey: str, pepper: bytes) -> SecretDigests:
        data = secretkey.encode("utf-8", "surrogatepass")
        return cls(hashlib.sha256(data).digest(), hmac.digest(pepper, data, "sha256"))

    def match(self, kind: str, digest: bytes) -> bool:
        """Say whether `digest`, of that kind, is this secret's; takes the same time either way."""
        mine = self.imported if kind == DigestKind.IMPORTED else self.drawn
        return hmac.compare_digest(mine, digest)


def drawn_secret() -> str:
    """Return a new secret of 256 bits, 43 characters that are safe in a form and at a shell."""
    return secrets.token_urlsafe(SECRET_BYTES)


def importable(secretkey: str) -> str:
    """Return `secretkey`, or raise UsageError if it is not usable as one."""
    if not secretkey or len(secretkey) > _IMPORTED_LIMIT or not secretkey.isprintable():
        raise UsageError(f"an imported secret has 1 to {_IMPORTED_LIMIT} printable characters, on one line")
    return secretkey


def key_file(catalog: Catalog, name: str, make: Callable[[], bytes]) -> bytes:
    """Return the content of one of the server's own files, which `make` gives at first use.

    The catalog, made too if there is none, knows what was in it. Of several processes that start at once one
    makes it. Raises DataDamaged where it was changed or is gone, StorageNotWritable, DiskFull.
    """
    catalog.make()
    path = catalog.data_dir / name
    with catalog.database.read() as connection:
        if _known(connection, name) is not None:
            return _checked(connection, path)
    with catalog.database.write() as connection:
        return kept(connection, path, make)


def kept(connection: sqlite3.Connection, path: Path, make: Callable[[], bytes]) -> bytes:
    """Do the same in a write transaction of the catalog."""
    if _known(connection, path.name) is not None:
        return _checked(connection, path)
    data = _read(path)
    if data is None:
        if path.name == PEPPER_FILE and connection.execute("SELECT 1 FROM keys LIMIT 1").fetchone():
            raise _gone(path)
        data = make()
        try:
            with replacing(path, exclusive=True, private=True) as file:
                file.write(data)
        except OSError as error:
            raise of_os(path, error) from error
    insert = "INSERT INTO key_files (name, sha256) VALUES (?, ?)"
    connection.execute(insert, (path.name, hashlib.sha256(data).hexdigest()))
    return data


def pepper(catalog: Catalog, connection: sqlite3.Connection | None = None) -> bytes:
    """Return the server's own secret: the key of digests that must not be guessed.

    `connection`: a write transaction of the catalog that is held. Raises what `key_file` raises.
    """
    path = catalog.data_dir / PEPPER_FILE
    value = kept(connection, path, new_pepper) if connection else key_file(catalog, PEPPER_FILE, new_pepper)
    if len(value) != PEPPER_BYTES:
        raise DataDamaged(f"{path} has {len(value)} bytes, not {PEPPER_BYTES}", item=str(path), hint=_RESTORE)
    return value


def verify_key_files(catalog: Catalog) -> Iterator[Finding]:
    """Compare the server's own files with what the catalog knows about them."""
    with catalog.database.read() as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM key_files ORDER BY name")]
        keys = connection.execute("SELECT 1 FROM keys LIMIT 1").fetchone()
        if keys and PEPPER_FILE not in names and _read(catalog.data_dir / PEPPER_FILE) is None:
            names.append(PEPPER_FILE)
        for name in names:
            path = catalog.data_dir / name
            try:
                _checked(connection, path)
            except ArcliError as error:
                yield Finding.of(str(path), error)
            else:
                yield Finding(subject=str(path), ok=True, message="as it was made")


def repair_key_files(catalog: Catalog) -> Iterator[Finding]:
    """Accept the server's own files as they are now; missing ones are made again when they are needed.

    With a new pepper imported keys are no longer accepted: they are named.
    """
    for finding in [*verify_key_files(catalog)]:
        if finding.ok:
            continue
        path = Path(finding.subject)
        with catalog.database.write() as connection:
            connection.execute("DELETE FROM key_files WHERE name = ?", (path.name,))
            void = _imported(connection) if path.name == PEPPER_FILE else []
            data = _read(path)
            if path.name == PEPPER_FILE and (data is None or len(data) != PEPPER_BYTES):
                data = new_pepper()
                write_atomically(path, data, private=True)
            if data is not None:
                insert = "INSERT INTO key_files (name, sha256) VALUES (?, ?)"
                connection.execute(insert, (path.name, hashlib.sha256(data).hexdigest()))
        state = "it is taken as it is now" if data is not None else "it is made anew when it is needed"
        lost = f"; keys that were imported may be void: {', '.join(void)}" if void else ""
        hint = (
            ShellHint("give accounts whose key is refused a new one: arcli account rotate") if void else None
        )
        message = f"{finding.message}: {state}{lost}"
        yield Finding(subject=finding.subject, ok=False, message=message, hint=hint, repaired=True)


def _imported(connection: sqlite3.Connection) -> list[str]:
    select = "SELECT username || '/' || key_id FROM keys WHERE kind = ? AND revoked IS NULL ORDER BY 1"
    return [name for (name,) in connection.execute(select, (DigestKind.IMPORTED.value,))]


def new_pepper() -> bytes:
    """Return a new secret of the server."""
    return secrets.token_bytes(PEPPER_BYTES)


def _known(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT sha256 FROM key_files WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _checked(connection: sqlite3.Connection, path: Path) -> bytes:
    data = _read(path)
    if data is None:
        raise _gone(path)
    if hashlib.sha256(data).hexdigest() != _known(connection, path.name):
        raise DataDamaged(f"{path} was changed since it was made", hint=_RESTORE, item=str(path))
    return data


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise of_os(path, error) from error


def _gone(path: Path) -> DataDamaged:
    return DataDamaged(f"{path} is gone", hint=_RESTORE, item=str(path))
