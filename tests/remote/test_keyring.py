"""Secrets in the system's keyring, with a keyring in memory in its place."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from arcli.app import main
from tests.fakes.arcloud import CREDENTIALS, FakeVendor

keyring = pytest.importorskip("keyring", reason="the extra keyring is not installed")


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    entries: dict[tuple[str, str], str] = {}
    monkeypatch.setattr(keyring, "set_password", lambda *entry: entries.update({entry[:2]: entry[2]}))
    monkeypatch.setattr(keyring, "get_password", lambda *entry: entries.get(entry))
    monkeypatch.setattr(keyring, "delete_password", lambda *entry: entries.pop(entry))
    return entries


def test_a_profile_that_cannot_be_written_leaves_no_secret(
    kept: dict[tuple[str, str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "arcli").mkdir()
    words = ["profile", "add", "shop", "--kind", "arcloud", "--url", "https://ar.example", "--keyring"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(words) != 0  # an empty secret
    monkeypatch.setattr("arcli.settings.profiles.write_atomically", _disk_full)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"s3cret")))
    assert main(words) == 5
    assert kept == {}
    assert not [*tmp_path.rglob("*.toml")]


def _disk_full(*given: object, **named: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_secret_can_live_in_the_keyring(
    kept: dict[tuple[str, str], str],
    vendor: FakeVendor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    secret = CREDENTIALS["secretkey"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(secret.encode() + b"\n")))
    words = ["--kind", "arcloud", "--url", vendor.url, "--username", CREDENTIALS["username"], "--keyring"]
    assert main(["profile", "add", "shop", *words, "--use"]) == 0
    assert kept == {("arcli", "shop"): secret}
    assert main(["ls"]) == 0
    kept.clear()
    assert main(["ls"]) == 5
    (file,) = tmp_path.rglob("*.toml")
    assert file.stat().st_mode & 0o777 == 0o600
    captured = capfd.readouterr()
    assert secret not in captured.out + captured.err + file.read_text()
