"""The command line over a remote profile, as a user would set it up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arcli.app import main
from tests.fakes.arcloud import CREDENTIALS, FakeVendor
from tests.fakes.tupu import SECRET_ID, FakeTupu, private_pem, public_pem
from tests.remote.conftest import picture

SECRET = CREDENTIALS["secretkey"]


class Shell:
    """Runs command lines in one home; remembers everything that was printed."""

    def __init__(self, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.home, self._capfd = home, capfd
        self.printed = ""

    def __call__(self, *words: str) -> tuple[int, str]:
        status = main(list(words))
        captured = self._capfd.readouterr()
        self.printed += captured.out + captured.err
        return status, captured.out

    def json(self, *words: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self(*words, "--json")[1])
        return answer


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiger.jpg").write_bytes(picture(1).read())
    (tmp_path / "lion.jpg").write_bytes(picture(2).read())
    return Shell(tmp_path, capfd)


def _profile(shell: Shell, url: str, *how: str) -> None:
    words = ("--kind", "arcloud", "--url", url, "--username", CREDENTIALS["username"], "--use", *how)
    assert shell("profile", "add", "vendor", *words)[0] == 0


@pytest.mark.parametrize("place", ["environment", "file", "command", "variable"])
def test_a_secret_comes_from_its_place_and_is_never_shown(
    shell: Shell, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    kept = shell.home / "secret"
    kept.write_text(SECRET + "\n")
    kept.chmod(0o600)
    how = {
        "environment": (),
        "file": ("--secretkey-file", str(kept)),
        "command": ("--secretkey-command", f"cat {kept}"),
        "variable": ("--secretkey-env", "SHOP_SECRET"),
    }[place]
    monkeypatch.setenv("ARCLI_SECRETKEY" if place == "environment" else "SHOP_SECRET", SECRET)
    _profile(shell, vendor.url, *how)
    assert shell("ls")[0] == 0
    assert shell("profile", "show")[0] == shell("profile", "show", "--json")[0] == 0
    assert shell("profile", "ls")[0] == 0
    assert shell("--verbose", "doctor")[0] == 0
    assert SECRET not in shell.printed


def test_the_seven_calls_at_the_command_line(
    shell: Shell, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCLI_SECRETKEY", SECRET)
    _profile(shell, vendor.url)
    assert shell("add", "tiger.jpg", "lion.jpg")[0] == 0
    assert shell.json("update", "tiger", "--metadata", '{"a": 1}')["status"] == "ok"
    assert [target["identifier"] for target in shell.json("ls")["data"]["targets"]] == ["lion", "tiger"]
    assert shell.json("get", "tiger")["data"]["metadata"] == '{"a": 1}'
    (result,) = shell.json("find", "tiger.jpg")["data"]["results"]
    assert [match["identifier"] for match in result["matches"]] == ["tiger"]
    assert shell.json("stats", "--from", "today", "--to", "today")["data"]["records"][0]["count"] == 1
    assert shell("rm", "tiger", "--yes")[0] == 0
    assert shell("find", "tiger.jpg")[0] == 1
    assert shell("get", "tiger")[0] == 4
    assert shell("add", "lion.jpg")[0] == 6
    assert shell("update", "lion", "--rename", "puma")[0] == 13
    assert set(vendor.calls) >= {"AddImage", "RemoveImage", "GetImages", "GetImage", "UpdateImageInfo"}


def test_doctor_says_what_is_wrong_with_a_service(
    shell: Shell, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCLI_SECRETKEY", SECRET)
    _profile(shell, vendor.url)
    findings = shell.json("doctor", "--channel", "default")["data"]["findings"]
    assert all(finding["ok"] for finding in findings)
    said = " ".join(finding["message"] for finding in findings)
    assert "answers as ARCloud" in said
    assert "credentials are accepted" in said
    assert "channel is there" in said
    assert shell("doctor", "--channel", "nowhere")[0] == 4
    assert shell("doctor", "--repair")[0] == 13
    monkeypatch.setenv("ARCLI_SECRETKEY", "wrong-guess-81")
    assert shell("doctor")[0] == 5
    assert "wrong-guess-81" not in shell.printed


def test_a_profile_without_its_secret_says_so(shell: Shell, vendor: FakeVendor) -> None:
    _profile(shell, vendor.url)
    assert shell("ls")[0] == 5
    assert "ARCLI_SECRETKEY" in shell.printed
    assert vendor.requests == []


def test_a_service_that_is_not_there(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCLI_SECRETKEY", SECRET)
    monkeypatch.setattr("arcli.remote.http.retry.Retry.wait", lambda retry, seconds: None)
    _profile(shell, "http://127.0.0.1:9")
    assert shell("doctor")[0] == 10
    assert shell.json("ls")["errors"][0]["code"] == "unreachable"


@pytest.fixture
def tupu() -> Iterator[FakeTupu]:
    service = FakeTupu()
    service.teach("black", "https://pictures.example/1.jpg", picture(1).read())
    yield service
    service.stop()


def _tupu_profile(shell: Shell, url: str, *how: str) -> None:
    (shell.home / "service.pem").write_text(public_pem("service"))
    (shell.home / "key.pem").write_text(private_pem("customer"))
    (shell.home / "key.pem").chmod(0o600)
    keys = ("--private-key-file", "key.pem", "--public-key", str(shell.home / "service.pem"))
    words = ("--kind", "tupu", "--url", url, "--secret-id", SECRET_ID, "--use", *keys, *how)
    assert shell("profile", "add", "gate", *words)[0] == 0


def test_a_tupu_profile_at_the_command_line(shell: Shell, tupu: FakeTupu) -> None:
    _tupu_profile(shell, tupu.url, "--set", "form=json", "--set", "tags=front back", "--set", "timeout=5")
    results = shell.json("find", "tiger.jpg", "lion.jpg")["data"]["results"]
    assert [match["label"] for match in results[0]["matches"]] == ["black"]
    assert (results[0]["matched"], results[1]["matched"]) == (True, False)
    assert json.loads(tupu.requests[0].body)["tags"] == ["front", "back"]
    assert [target["identifier"] for target in shell.json("ls")["data"]["targets"]] == ["17", "18"]
    assert shell("doctor")[0] == 0
    assert shell("find", "lion.jpg")[0] == 1
    assert shell("add", "lion.jpg")[0] == 13
    assert shell("profile", "show")[0] == 0
    assert "PRIVATE KEY" not in shell.printed


def test_a_picture_by_url_is_fetched_by_the_service(shell: Shell, tupu: FakeTupu) -> None:
    _tupu_profile(shell, tupu.url)
    (result,) = shell.json("find", "https://pictures.example/1.jpg")["data"]["results"]
    assert (result["image"], result["matched"]) == ("https://pictures.example/1.jpg", True)
    assert ("image", "https://pictures.example/1.jpg") in tupu.requests[0].fields


def test_not_verifying_warns_unless_quiet(shell: Shell, tupu: FakeTupu) -> None:
    _tupu_profile(shell, tupu.url, "--no-verify")
    assert shell("find", "tiger.jpg")[0] == 0
    assert "warning: answers of" in shell.printed
    shell.printed = ""
    assert shell("--quiet", "find", "tiger.jpg")[0] == 0
    assert "warning" not in shell.printed


def test_settings_that_make_no_sense_are_usage_errors(shell: Shell, tupu: FakeTupu) -> None:
    assert shell("profile", "add", "x", "--kind", "tupu", "--url", tupu.url, "--set", "speed=9")[0] == 2
    assert shell("profile", "add", "x", "--kind", "tupu", "--url", tupu.url, "--set", "timeout=soon")[0] == 2
    _tupu_profile(shell, tupu.url)
    (profiles,) = shell.home.rglob("profiles.toml")
    sound = profiles.read_text()
    profiles.write_text(sound + 'timeout = "soon"\n')
    assert shell("find", "tiger.jpg")[0] == 2
    profiles.write_text(sound)
    (shell.home / "key.pem").write_text("no key")
    assert shell("find", "tiger.jpg")[0] == 2
    assert "no key" not in shell.printed
