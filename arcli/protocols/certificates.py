"""A TLS certificate that a server makes itself, for a local network: nobody else vouches for it."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import GeneralName


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateTuning:
    """days (30 to 398, the most that browsers accept): it is valid. renewed (1 to 60): before its end."""

    days: int = 397
    renewed: int = 30


CERTIFICATE = CertificateTuning()


def own_certificate(hosts: Sequence[str], now: dt.datetime) -> tuple[bytes, bytes]:
    """Return a new certificate for these names and addresses, and its key: PEM, an elliptic curve."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "arcli on this machine")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=CERTIFICATE.days))
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return certificate.public_bytes(pem), key.private_bytes(pem, pkcs8, plain)


def still_good(pem: bytes, hosts: Sequence[str], now: dt.datetime) -> bool:
    """Say whether a certificate is for all these hosts, and not about to end."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    until = certificate.not_valid_after_utc - dt.timedelta(days=CERTIFICATE.renewed)
    return until > now and {_general_name(host) for host in hosts} <= set(names)


def fingerprint(pem: bytes) -> str:
    """Return what browsers show of a certificate: SHA-256 as pairs of digits."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex(":").upper()


def _general_name(host: str) -> GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
