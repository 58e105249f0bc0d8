"""No output contains the secret: neither answers, logs at any level, URLs, tracebacks nor reprs."""

from __future__ import annotations

import logging
import pickle
import traceback
from pathlib import Path

import pytest

from arcli.app import main
from arcli.errors import ArcliError
from arcli.protocols.tupu.keys import load_private_key
from arcli.remote.arcloud.gallery import ArcloudGallery
from arcli.remote.tupu.calls import TupuAccount
from tests.fakes.arcloud import CREDENTIALS, FakeVendor
from tests.fakes.http import LOST, RESET, UNAVAILABLE, Reply
from tests.fakes.tupu import private_pem
from tests.remote.conftest import Connect, item

SECRET = CREDENTIALS["secretkey"]
FAILURES = [
    RESET,
    LOST,
    UNAVAILABLE,
    lambda request: Reply.of({"returncode": 20001}),
    lambda request: Reply(200, b"<html>"),
    lambda request: Reply(302, b"", {"Location": "http://192.0.2.1/"}),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_no_log_and_no_traceback_has_it(
    vendor: FakeVendor, connect: Connect, caplog: pytest.LogCaptureFixture, failure: str
) -> None:
    gallery = connect(vendor.url)
    vendor.faults = [failure] * 20
    with caplog.at_level(logging.DEBUG), pytest.raises(ArcliError) as caught:
        gallery.add(channel="default", item=item(1))
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert SECRET not in told
    assert SECRET.encode() not in pickle.dumps(caught.value)
    assert "POST" in caplog.text, "the HTTP library logs what it does, or this test shows nothing"


@pytest.mark.parametrize("failure", FAILURES)
def test_no_output_has_it_however_much_is_said(
    vendor: FakeVendor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    failure: str,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("ARCLI_DEBUG", "1")
    monkeypatch.setattr("arcli.remote.http.retry.Retry.wait", lambda retry, seconds: None)
    for name, value in (("URL", vendor.url), ("USERNAME", CREDENTIALS["username"]), ("SECRETKEY", SECRET)):
        monkeypatch.setenv(f"ARCLI_{name}", value)
    vendor.faults = [failure] * 20
    assert main(["--verbose", "ls"]) != 0
    assert main(["profile", "show", "--json"]) == 0
    captured = capfd.readouterr()
    assert "Traceback" in captured.err
    assert SECRET not in captured.out + captured.err


def test_no_repr_has_it(vendor: FakeVendor, connect: Connect) -> None:
    gallery: ArcloudGallery = connect(vendor.url)
    pem = private_pem("customer")
    account = TupuAccount(secret_id="id", private_key=load_private_key(pem), public_key=None)
    told = repr(gallery) + repr(gallery._calls.credentials) + repr(account)
    assert SECRET not in told
    assert pem.splitlines()[1] not in told
