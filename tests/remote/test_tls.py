"""HTTPS with a certificate authority of one's own, named in the environment."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcli.errors import Unreachable
from tests.fakes.arcloud import FakeVendor
from tests.remote.conftest import Connect


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command line is not installed")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(["openssl", *words.split(), *names], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "cert.pem"


@pytest.fixture
def secure(certificate: Path) -> Iterator[FakeVendor]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    service = FakeVendor(tls=context)
    yield service
    service.stop()


def test_a_certificate_is_trusted_when_its_authority_is_named(
    secure: FakeVendor, certificate: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert connect(secure.url).list(channel="default").totalcount == 0


def test_an_unknown_certificate_is_refused_with_a_hint(secure: FakeVendor, connect: Connect) -> None:
    with pytest.raises(Unreachable, match="not trusted") as caught:
        connect(secure.url).list(channel="default")
    assert "SSL_CERT_FILE" in (caught.value.hint or "")
    assert secure.requests == []
