"""Profiles and where each setting comes from."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path

import pytest

from arcli.errors import WrongCredentials
from arcli.settings import resolve
from tests.cli.conftest import Run


def sources(run: Run, *words: str) -> dict[str, tuple[str, str]]:
    ran = run(*words, "profile", "show", "--json")
    assert ran.status == 0, ran.err
    return {item["key"]: (item["value"], item["source"]) for item in ran.data["settings"]}


def test_flag_beats_environment_beats_profile_beats_default(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sources(run)["channel"] == ("default", "default")
    assert run("profile", "add", "shop", "--channel", "from_profile", "--use").status == 0
    assert sources(run)["channel"] == ("from_profile", "profile shop")
    monkeypatch.setenv("ARCLI_CHANNEL", "from_env")
    assert sources(run)["channel"] == ("from_env", "environment ARCLI_CHANNEL")
    assert sources(run, "-c", "from_flag")["channel"] == ("from_flag", "flag")
    assert sources(run)["profile"] == ("shop", "profile use")


def test_the_option_after_the_command_beats_the_one_before(run: Run) -> None:
    assert run("-c", "one", "profile", "show", "--json", "-c", "two").data["settings"][2]["value"] == "two"


def test_a_profile_may_choose_the_format(run: Run) -> None:
    run("profile", "add", "machine", "--default-format", "json", "--use")
    assert run("profile", "ls").json["status"] == "ok"
    failed = run("profile", "rm", "nobody")
    assert failed.json["errors"][0]["code"] == "profile_not_found"
    assert run("profile", "ls", "--nonsense").json["errors"][0]["code"] == "usage"


def test_the_environment_may_choose_the_format(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCLI_FORMAT", "json")
    assert run("nonsense").json["errors"][0]["code"] == "usage"
    assert run("profile", "ls", "-f", "ids").out == "local\n"
    monkeypatch.setenv("ARCLI_FORMAT", "xml")
    ran = run("profile", "ls")
    assert ran.status == 2
    assert "format 'xml' (from environment ARCLI_FORMAT) is not known" in ran.err


def test_the_file_is_for_its_owner_only_and_survives_odd_values(run: Run, tmp_path: Path) -> None:
    odd = 'a "b" \\ ü \x7f'
    assert run("profile", "add", "odd", "--data-dir", str(tmp_path / odd)).status == 0
    file = tmp_path / "config" / "arcli" / "profiles.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["profiles.toml"]
    shown = run("profile", "show", "odd", "--json").data["settings"]
    assert {item["key"]: item["value"] for item in shown}["data_dir"] == str(tmp_path / odd)


def test_a_profile_exists_already_is_replaced_used_and_forgotten(run: Run) -> None:
    assert run("profile", "add", "shop").status == 0
    assert run("profile", "add", "shop").status == 6
    assert run("profile", "add", "shop", "--replace", "-c", "x").status == 0
    assert run("profile", "use", "shop").status == 0
    assert run("profile", "ls", "-f", "ids").out.split() == ["local", "shop"]
    assert run("profile", "rm", "shop").status == 0
    assert sources(run)["profile"] == ("local", "default")
    assert run("profile", "rm", "shop").status == 4


def test_a_near_miss_is_suggested(run: Run) -> None:
    run("profile", "add", "staging")
    ran = run("ls", "--profile", "stagin")
    assert ran.status == 4
    assert "hint: did you mean staging?" in ran.err


BROKEN = ["current = [", "profiles = 3", '[profiles.local]\nkind = "fax"', "\xff", "current = " + "[" * 5000]
BROKEN += ["current = " + "9" * 5000]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_a_clear_error(run: Run, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "config" / "arcli"
    folder.mkdir(parents=True)
    (folder / "profiles.toml").write_bytes(text.encode("latin-1"))
    ran = run("profile", "show", "--json")
    assert ran.status == 2
    assert ran.json["errors"][0]["code"] == "usage"


REMOTE = ("--kind", "arcloud", "--url", "https://ar.example", "--username", "shop")


def test_a_secret_is_never_shown(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    assert run("profile", "add", "vendor", *REMOTE, "--secretkey-file", tmp_path / "key").status == 0
    monkeypatch.setenv("ARCLI_PROFILE", "vendor")
    assert sources(run)["secretkey"] == ("(not shown)", f"profile vendor: file {tmp_path / 'key'}")
    monkeypatch.setenv("ARCLI_SECRETKEY", "t0psecret")
    shown = run("profile", "show", "--verbose")
    assert "environment ARCLI_SECRETKEY" in shown.out
    assert "t0psecret" not in shown.out + shown.err
    assert resolve(flags={}, environ={"ARCLI_PROFILE": "vendor"}).read_secret() == "s3cret"


def test_a_secret_from_a_command_and_from_a_variable(run: Run) -> None:
    printing = f"{sys.executable} -c 'print(\"from command\")'"
    run("profile", "add", "one", *REMOTE, "--secretkey-command", printing)
    run("profile", "add", "two", *REMOTE, "--secretkey-env", "MY_KEY")
    assert resolve(flags={"profile": "one"}, environ={}).read_secret() == "from command"
    two = resolve(flags={"profile": "two"}, environ={"MY_KEY": "from variable"})
    assert two.read_secret() == "from variable"


@pytest.mark.parametrize("command", ["false", "no-such-program-here", "true", "'unbalanced"])
def test_a_command_that_gives_no_secret(run: Run, command: str) -> None:
    run("profile", "add", "one", *REMOTE, "--secretkey-command", command)
    with pytest.raises(WrongCredentials):
        resolve(flags={"profile": "one"}, environ={}).read_secret()


def test_the_environment_alone_makes_a_remote_profile(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCLI_URL", "https://ar.example")
    monkeypatch.setenv("ARCLI_USERNAME", "ci")
    shown = sources(run)
    assert shown["kind"] == ("arcloud", "environment ARCLI_URL")
    assert shown["username"] == ("ci", "environment ARCLI_USERNAME")
    assert sources(run, "--data-dir", "here")["kind"][0] == "local"


@pytest.mark.parametrize(
    "words",
    [
        ["--kind", "arcloud"],
        ["--url", "https://ar.example"],
        [*REMOTE, "--secretkey-env", "A", "--secretkey-file", "B"],
        [*REMOTE, "--no-verify"],
        ["--channel", "../x"],
    ],
)
def test_what_a_kind_does_not_know_or_needs_is_refused(run: Run, words: list[str]) -> None:
    assert run("profile", "add", "p", *words).status == 2
    assert run("profile", "ls", "-f", "ids").out == "local\n"


def test_a_name_that_is_not_valid(run: Run) -> None:
    assert run("profile", "add", "a b").status == 2


URLS = [
    *("ar.example", "ftp://ar.example", "https://", "https://ar example", "https://ar.example:port"),
    *("https://u:p@ar.example", "https://ar.example/?a=1", "https://ar..example", "https://ar.example/\x07"),
]


@pytest.mark.parametrize("words", [["--url", url] for url in URLS])
def test_a_url_that_is_none_is_refused_and_nothing_is_left(run: Run, words: list[str]) -> None:
    assert run("profile", "add", "shop", "--kind", "arcloud", "--use", *words).status == 2
    assert run("profile", "ls", "-f", "ids").out == "local\n"
    assert sources(run)["profile"] == ("local", "default")


@pytest.mark.parametrize("setting", ["timeout=soon", "timeout=0", "jobs=-1", "form=xml"])
def test_a_setting_that_would_fail_later_is_refused_at_once(run: Run, setting: str) -> None:
    ran = run("profile", "add", "shop", "--kind", "tupu", "--url", "https://ar.example", "--set", setting)
    assert (ran.status, setting.partition("=")[0] in ran.err) == (2, True)
    assert run("profile", "ls", "-f", "ids").out == "local\n"


def write_profiles(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "config" / "arcli" / "profiles.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "text",
    ['currant = "shop"', '[profiles.local]\nurl = "https://x"', '[profiles.local]\nsecretkey_file = "x"'],
)
def test_a_key_that_nobody_knows_is_named(run: Run, tmp_path: Path, text: str) -> None:
    write_profiles(tmp_path, text)
    ran = run("ls", "--json")
    assert (ran.status, ran.json["errors"][0]["code"]) == (2, "usage")
    assert re.search("currant|url|secretkey_file", ran.json["errors"][0]["message"])


def test_files_may_begin_with_a_byte_order_mark(run: Run, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"\xef\xbb\xbfs3cret\r\n")
    write_profiles(
        tmp_path,
        f'\ufeff[profiles.shop]\nkind = "arcloud"\nurl = "https://x.example"\nsecretkey_file = "{key}"',
    )
    assert sources(run, "--profile", "shop")["kind"][0] == "arcloud"
    assert resolve(flags={"profile": "shop"}, environ={}).read_secret() == "s3cret"
