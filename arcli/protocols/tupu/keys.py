"""RSA keys in the forms that people have: PEM or base64 DER, PKCS#1 or PKCS#8, as text or from a file."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from arcli.errors import NotSupported, ShellHint, UsageError, extra_hint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    PrivateKey = RSAPrivateKey
    PublicKey = RSAPublicKey

VENDOR_PUBLIC_KEY = (
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDyZneSY2eGnhKrArxaT6zswVH9/EKz+CLD+38kJigWj5UaRB6dDUK9"
    "BR6YIv0M9vVQZED2650tVhS3BeX04vEFhThnNrJguVPidufFpEh3AgdYDzOQxi06AN+CGzOXPaigTurBxZDIbdU+zmtr"
    "6a8bIBBjWQ4v2JR/BA6gVHV5TwIDAQAB"
)
"""Tupu's own key (RSA-1024, SPKI): answers are verified with it unless a profile names another."""

SERVER_KEY_BITS = 2048
_BEGIN = re.compile(r"-----BEGIN ([A-Z ]+)-----")
_DECRYPT = ShellHint(
    "remove its passphrase: openssl pkey -in key.pem -out plain.pem (and chmod 600 plain.pem)"
)


def require_cryptography() -> None:
    """Raise NotSupported, naming the extra, when the cryptography package is not installed."""
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise NotSupported(
            "Tupu's signatures need the cryptography package", hint=extra_hint("tupu")
        ) from error


def load_private_key(text: str) -> RSAPrivateKey:
    """Read a private key: PEM or base64 DER, PKCS#1 or PKCS#8. Raises UsageError; never repeats the key."""
    require_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    kind, data = _key_bytes(text)
    if "ENCRYPTED" in kind or "Proc-Type: 4,ENCRYPTED" in text:
        raise UsageError("the private key is encrypted", hint=_DECRYPT)
    try:
        load = serialization.load_pem_private_key if kind else serialization.load_der_private_key
        key = load(data, password=None)
    except TypeError as error:  # what cryptography raises for an encrypted key without a password
        raise UsageError("the private key is encrypted", hint=_DECRYPT) from error
    except Exception as error:  # malformed keys raise ValueError, UnsupportedAlgorithm and others
        raise UsageError(f"this is not a usable private key: {type(error).__name__}") from None
    if not isinstance(key, RSAPrivateKey):
        raise UsageError("the private key is not an RSA key")
    return key


def load_public_key(text: str) -> RSAPublicKey:
    """Read a public key: PEM or base64 DER, SPKI or PKCS#1. Raises UsageError."""
    require_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    kind, data = _key_bytes(text)
    if "PRIVATE" in kind:
        raise UsageError("this is a private key, where a public one is needed")
    try:
        load = serialization.load_pem_public_key if kind else serialization.load_der_public_key
        key = load(data)
    except Exception as error:
        raise UsageError(f"this is not a usable public key: {type(error).__name__}") from None
    if not isinstance(key, RSAPublicKey):
        raise UsageError("the public key is not an RSA key")
    return key


def new_private_key(bits: int = SERVER_KEY_BITS) -> str:
    """Make a private key; return it as PKCS#8 PEM."""
    require_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = generate_private_key(public_exponent=65537, key_size=bits)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(key: RSAPrivateKey | RSAPublicKey) -> str:
    """Return the public half as SPKI PEM, the form that clients and openssl read."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, spki).decode()


def _key_bytes(text: str) -> tuple[str, bytes]:
    """Return the PEM label and the PEM bytes, or "" and the DER bytes of base64 without a label.

    Keys given in one line (environment, TOML) have their line breaks written as \\n, which is accepted.
    """
    plain = text.replace("\\n", "\n").strip()
    begin = _BEGIN.search(plain)
    if begin:
        return begin.group(1), plain.encode()
    try:
        return "", base64.b64decode("".join(plain.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError("a key is PEM text (-----BEGIN …) or base64") from error
