"""A wrong data folder is visible; settings of profiles and accounts are accepted completely or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arcli.models import ChannelSettings
from tests.cli.conftest import Run
from tests.cli.processes import arcli, at_terminal
from tests.fakes.gallery import FakeGallery


def test_an_error_names_a_data_folder_that_is_new_or_empty(tmp_path: Path) -> None:
    ran = arcli(tmp_path, "ls", COLUMNS="200")
    assert ran.returncode == 4
    assert f"the data folder {tmp_path}/data is new" in ran.stderr
    (tmp_path / "data").mkdir()
    assert f"the data folder {tmp_path}/data is empty" in arcli(tmp_path, "find", __file__).stderr
    assert arcli(tmp_path, "channel", "create", "books").returncode == 0
    assert f"the data folder {tmp_path}/data has books" in arcli(tmp_path, "stats").stderr
    assert "did you mean books?" in arcli(tmp_path, "ls", "-c", "boks").stderr


def test_doctor_names_the_data_folder_and_what_is_in_it(tmp_path: Path) -> None:
    assert f"{tmp_path}/data (environment ARCLI_DATA_DIR): new" in arcli(tmp_path, "doctor").stdout
    (tmp_path / "data").mkdir()
    assert f"{tmp_path}/data (environment ARCLI_DATA_DIR): empty" in arcli(tmp_path, "doctor").stdout
    arcli(tmp_path, "channel", "create", "books")
    ran = arcli(tmp_path, "doctor", "--data-dir", tmp_path / "data")
    assert (ran.returncode, f"{tmp_path}/data (flag): 1 channel" in ran.stdout) == (0, True)


def test_nothing_found_says_where_else_to_look(run: Run, filled: FakeGallery, tmp_path: Path) -> None:
    photo = tmp_path / "other.jpg"
    photo.write_bytes(b"nothing like it")
    assert "also" not in run("find", photo).err
    for name in ("posters", "books"):
        filled.create_channel(name=name, settings=ChannelSettings())
    ran = run("find", photo)
    assert ran.status == 1
    assert "0 of 1 photo matched in channel default; there are also books, posters" in ran.err
    assert "also" not in run("find", photo, "--all-channels").err
    assert "0 targets in channel books; there are also default, posters" in run("ls", "-c", "books").err


PROFILE = ["profile", "add", "shop", "--kind", "arcloud", "--username", "me"]


@pytest.mark.parametrize("url", ["ar.example", "ftp://ar.example", "https://", "http://[::1", "https://a b"])
def test_an_address_that_is_none_is_refused_and_leaves_nothing(run: Run, url: str) -> None:
    ran = run(*PROFILE, "--url", url, "--json")
    assert (ran.status, ran.json["errors"][0]["code"]) == (2, "usage")
    assert run("profile", "ls", "-f", "ids").out.split() == ["local"]


def test_a_failed_profile_add_leaves_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyring refuses, nothing comes on stdin, or stdin cannot be kept."""
    from arcli.errors import NotSupported

    def refuse(entry: str, secret: str) -> None:
        raise NotSupported("no keyring here")

    monkeypatch.setattr("arcli.settings.secrets.keep_in_keyring", refuse)
    words = [*PROFILE, "--url", "https://ar.example", "--use"]
    assert run(*words, "--keyring", stdin=b"s3cret\n").status == 13
    assert run(*words, "--keyring", stdin=b"").status == 130
    assert run(*words, "--secretkey-file", "-", stdin=b"s3cret\n").status == 2
    assert run("profile", "ls", "-f", "ids").out.split() == ["local"]
    assert run("profile", "show", "--json").data["profile"] == "local"


def test_a_secret_of_a_name_that_is_taken_is_not_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    monkeypatch.setattr("arcli.settings.secrets.keep_in_keyring", lambda *words: kept.append(words))
    run(*PROFILE, "--url", "https://ar.example")
    assert run(*PROFILE, "--url", "https://ar.example", "--keyring", stdin=b"s3cret\n").status == 6
    assert kept == []


def test_a_secret_is_imported_from_a_pipe_a_file_and_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbffrom-a-file-0123456789\r\n")
    assert arcli(tmp_path, "account", "add", "one", "--secretkey-file", tmp_path / "key").returncode == 0
    words = ("account", "add", "two", "--secretkey-file", "-")
    status, screen = at_terminal(tmp_path, *words, answers={"secret key: ": "typed-by-a-person-01\r"})
    assert status == 0
    assert "typed-by-a-person" not in screen
    piped = arcli(tmp_path, "account", "add", "three", *words[3:], stdin="through-a-pipe-0123456789\n")
    assert piped.returncode == 0, piped.stderr
    assert arcli(tmp_path, "account", "ls", "-f", "ids").stdout.split() == ["one", "three", "two"]
