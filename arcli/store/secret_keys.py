"""Secrets: those of accounts, kept only as digests, and the server's own, in files beside the catalog.

A secret that arcli drew has 256 bits, so its SHA-256 says nothing about it. One that was imported may be
short; its digest is keyed with the server's pepper, which is not in the database. The server's files are
readable by their owner alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from arcli.errors import DataDamaged, UsageError
from arcli.files import of_os, replacing

PEPPER_FILE = "server-pepper"
PEPPER_BYTES = 32
SIGNING_KEY_FILE = "server-signing-key.pem"
SECRET_BYTES = 32
_IMPORTED_LIMIT = 256  # characters


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


def read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the content of `path`, after writing what `make` returns there if there is no such file.

    If several processes start at once, one makes it and all read the same. Raises StorageNotWritable,
    DiskFull.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            return path.read_bytes()
        with contextlib.suppress(FileExistsError), replacing(path, exclusive=True, private=True) as file:
            file.write(make())
        return path.read_bytes()
    except OSError as error:
        raise of_os(path, error) from error


def pepper(data_dir: Path) -> bytes:
    """Return the server's own secret: the key of digests that must not be guessed."""
    path = data_dir / PEPPER_FILE
    value = read_or_make(path, lambda: secrets.token_bytes(PEPPER_BYTES))
    if len(value) != PEPPER_BYTES:
        raise DataDamaged(f"{path} has {len(value)} bytes, not {PEPPER_BYTES}", item=str(path))
    return value
