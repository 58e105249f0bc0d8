"""Secrets of accounts: drawn, and kept only as digests that tell whether a secret is the right one.

A secret that arcli drew has 256 bits, so its SHA-256 says nothing about it. One that was imported may be
short; its digest is keyed with the server's pepper, which is not in the database.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum

from arcli.errors import UsageError

SECRET_BYTES = 32
_IMPORTED_LIMIT = 256  # characters


class DigestKind(StrEnum):
    """How a key's digest was made."""

    DRAWN = "sha256"
    IMPORTED = "hmac-sha256"


@dataclass(frozen=True, slots=True)
class SecretDigests:
    """Both digests of a secret, made before anything is known of its account."""

    drawn: bytes
    imported: bytes

    @classmethod
    def of(cls, secretkey: str, pepper: bytes) -> SecretDigests:
        data = secretkey.encode("utf-8", "surrogatepass")
        return cls(hashlib.sha256(data).digest(), hmac.digest(pepper, data, "sha256"))

    def match(self, kind: str, digest: bytes) -> bool:
        """Compare in constant time."""
        mine = self.imported if kind == DigestKind.IMPORTED else self.drawn
        return hmac.compare_digest(mine, digest)


def drawn_secret() -> str:
    """Return a new secret of 256 bits, 43 characters that are safe in a form and at a shell."""
    return secrets.token_urlsafe(SECRET_BYTES)


def importable(secretkey: str) -> str:
    """Return `secretkey`, or raise UsageError where it cannot be one."""
    if not secretkey or len(secretkey) > _IMPORTED_LIMIT or not secretkey.isprintable():
        raise UsageError(f"an imported secret has 1 to {_IMPORTED_LIMIT} printable characters, on one line")
    return secretkey
