"""What Tupu signs and how: RSASSA-PKCS1-v1_5 with SHA-256, base64; timestamps and nonces."""

from __future__ import annotations

import base64
import binascii
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arcli.errors import BadSignature
from arcli.protocols.reading import real

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

FRESHNESS = 300.0  # seconds between a timestamp and now, either way (docs/reference/protocols.md, "Tupu")
_MILLISECONDS_FROM = 1e11  # from here on a timestamp is in milliseconds: in seconds it would be the year 5138


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The three signed fields of a request, exactly as they are sent."""

    timestamp: str
    nonce: str
    signature: str


def sign_string(secret_id: str, timestamp: str, nonce: str) -> bytes:
    """Return the bytes that a request's signature covers."""
    return f"{secret_id},{timestamp},{nonce}".encode()


def sign_request(secret_id: str, key: RSAPrivateKey, *, now: float) -> Signed:
    """Sign a request made at `now` (Unix seconds) with a nonce of its own."""
    timestamp, nonce = str(int(now)), str(random.SystemRandom().random())
    return Signed(
        timestamp=timestamp, nonce=nonce, signature=sign(key, sign_string(secret_id, timestamp, nonce))
    )


def sign(key: RSAPrivateKey, data: bytes) -> str:
    """Return the base64 signature of `data`."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return base64.b64encode(key.sign(data, PKCS1v15(), SHA256())).decode()


def verify(key: RSAPublicKey, signature: str, data: bytes) -> None:
    """Raise BadSignature unless `signature` (base64) is that of `data` under `key`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.verify(base64.b64decode(signature, validate=True), data, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise BadSignature("the signature does not match what was sent with it") from error


def age(timestamp: object, now: float) -> float | None:
    """Return how many seconds `timestamp` (in s or ms) is before `now`; None if it is no number."""
    value = real(timestamp)
    if value is None:
        return None
    return now - (value / 1000 if abs(value) >= _MILLISECONDS_FROM else value)


def fresh(timestamp: object, now: float) -> bool:
    """Return whether `timestamp` is within 300 s of `now`, in either direction."""
    seconds = age(timestamp, now)
    return seconds is not None and abs(seconds) <= FRESHNESS
