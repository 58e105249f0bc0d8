"""`arcli account`: what an operator types, and that nothing is half done."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arcli.app import main
from arcli.engine import LocalGallery
from arcli.models import ChannelSettings, Scope
from arcli.store.accounts import Accounts
from arcli.store.gatekeeper import CatalogGatekeeper
from tests.protocols.conftest import OpenSsl

Arcli = Callable[..., Any]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    with Accounts(folder) as accounts, LocalGallery(folder) as gallery:
        accounts.add_account(username="shop")
        for name in ("posters", "labels"):
            gallery.create_channel(name=name, settings=ChannelSettings(owner="shop"))
    return folder


@pytest.fixture
def arcli(data_dir: Path, capfdbinary: Any, monkeypatch: pytest.MonkeyPatch) -> Arcli:
    """Return a function that runs `arcli account` words and returns `data`, or the code of the error."""
    for name in ("PROFILE", "DATA_DIR", "CHANNEL", "FORMAT"):
        monkeypatch.delenv(f"ARCLI_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(data_dir.parent / "config"))

    def run(*words: str, status: int = 0, stdin: bytes = b"") -> Any:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        assert main(["--data-dir", str(data_dir), "--json", "account", *words]) == status
        answer = json.loads(capfdbinary.readouterr().out)
        return answer["data"] if status == 0 else answer["errors"][0]["code"]

    return run


def reach(data_dir: Path, username: str, secretkey: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the channels that a key may search, and those that it may change."""
    keeper = CatalogGatekeeper(data_dir)
    try:
        principal = keeper.authenticate(username=username, secretkey=secretkey)
        found, changed = (keeper.channels_of(principal, need=need) for need in (Scope.FIND, Scope.ALL))
        return found, changed
    finally:
        keeper.close()


def test_a_key_for_an_app_searches_the_channels_named(arcli: Arcli, data_dir: Path) -> None:
    new = arcli("add", "shop", "--scan-only", "-c", "posters")
    assert reach(data_dir, "shop", new["secretkey"]) == (("posters",), ())
    new = arcli("add", "app", "--scan-only", "-c", "posters", "--in", "labels")
    assert reach(data_dir, "app", new["secretkey"]) == (("labels", "posters"), ())
    shown = arcli("show", "app")
    assert [grant["scope"] for grant in shown["grants"]] == ["find", "find"]
    assert new["secretkey"] not in json.dumps(shown)


def test_a_key_for_an_app_may_follow_the_accounts_channels(arcli: Arcli, data_dir: Path) -> None:
    new = arcli("add", "app", "--scan-only")
    assert reach(data_dir, "app", new["secretkey"]) == ((), ())
    arcli("grant", "app", "-c", "labels")
    assert reach(data_dir, "app", new["secretkey"]) == (("labels",), ())
    arcli("revoke", "app", "-c", "labels")
    assert reach(data_dir, "app", new["secretkey"]) == ((), ())
    assert arcli("revoke", "app", "-c", "labels", status=4) == "not_found"


def test_an_account_may_get_channels_at_once(arcli: Arcli, data_dir: Path) -> None:
    new = arcli("add", "team", "-c", "posters")
    assert reach(data_dir, "team", new["secretkey"]) == (("posters",), ("posters",))
    more = arcli("add", "team", "--new-key")
    assert more["key"] != new["key"]
    arcli("revoke", "team", "--key", new["key"])
    assert arcli("revoke", "team", "--key", new["key"], status=4) == "not_found"
    rotated = arcli("rotate", "team")
    assert reach(data_dir, "team", rotated["secretkey"]) == (("posters",), ("posters",))


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["add", "new", "-c", "nowhere"], 4),
        (["add", "new", "--scan-only", "-c", "posters", "--in", "nowhere"], 4),
        (["add", "new", "--secret-id", "x"], 2),
        (["add", "new", "-c", "posters", "--tupu-public-key", "/nonexistent"], 2),
        (["add", "new", "--secretkey-file", "/nonexistent"], 2),
        (["add", "new", "--secretkey-file", "-"], 2),
        (["add", "a b"], 2),
        (["add", "shop"], 6),
        (["add", "new", "--new-key", "--secretkey", "x"], 2),
    ],
)
def test_what_cannot_be_done_leaves_nothing(arcli: Arcli, words: list[str], status: int) -> None:
    arcli(*words, status=status)
    assert [account["username"] for account in arcli("ls")["accounts"]] == ["shop"]
    assert len(arcli("show", "shop")["keys"]) == 1


@pytest.mark.parametrize(
    "words", [["show"], ["rotate"], ["rm", "--yes"], ["grant", "-c", "posters"], ["revoke"]]
)
def test_an_unknown_account_is_said(arcli: Arcli, words: list[str]) -> None:
    assert arcli(words[0], "nobody", *words[1:], status=4) == "account_not_found"


def test_an_account_is_removed_after_a_yes(arcli: Arcli, data_dir: Path) -> None:
    assert arcli("rm", "shop", status=2) == "confirmation_required"
    assert arcli("rm", "shop", "--yes")["channels_without_owner"] == ["labels", "posters"]
    with LocalGallery(data_dir) as gallery:
        assert gallery.channel(name="posters").settings.owner is None


def test_a_removal_is_answered_in_a_sentence(data_dir: Path, capfdbinary: Any) -> None:
    assert main(["--data-dir", str(data_dir), "account", "rm", "shop", "--yes"]) == 0
    printed = capfdbinary.readouterr()
    assert printed.out == b""
    assert printed.err == b"account shop removed; without an owner now: labels, posters\n"


def test_a_tupu_client_is_registered_by_its_public_key(arcli: Arcli, openssl: OpenSsl) -> None:
    public, private = (str(openssl.folder / f"customer.{kind}.pem") for kind in ("pub", "pkcs1"))
    drawn = arcli("add", "gate", "-c", "posters", "--scan-only", "--tupu-public-key", public)["secret_id"]
    assert len(drawn) == 24
    named = arcli("grant", "gate", "-c", "labels", "--tupu-public-key", public, "--secret-id", "mine")
    assert [one["secret_id"] for one in named["tupu"]] == sorted([drawn, "mine"])
    taken = ["-c", "posters", "--tupu-public-key", public, "--secret-id", "mine"]
    assert arcli("grant", "shop", *taken, status=6) == "conflict"
    assert arcli("add", "other", *taken, status=6) == "conflict"
    assert arcli("show", "other", status=4) == "account_not_found"
    assert arcli("grant", "gate", "-c", "labels", "--tupu-public-key", private, status=2) == "usage"
    assert [one["secret_id"] for one in arcli("revoke", "gate", "--secret-id", "mine")["tupu"]] == [drawn]
    assert arcli("revoke", "gate", "--secret-id", "mine", status=4) == "not_found"


def test_the_servers_keys_are_its_owners_alone(arcli: Arcli, data_dir: Path) -> None:
    first = arcli("server-key")["public_key"]
    assert first.startswith("-----BEGIN PUBLIC KEY-----")
    assert arcli("server-key")["public_key"] == first
    for name in ("server-signing-key.pem", "server-pepper"):
        assert (data_dir / name).stat().st_mode & 0o777 == 0o600


def test_accounts_are_kept_where_the_data_are(arcli: Arcli, data_dir: Path) -> None:
    url = ["--url", "http://127.0.0.1:9", "--username", "x", "--secretkey-env", "X"]
    main(["profile", "add", "far", "--kind", "arcloud", *url])
    assert main(["--profile", "far", "account", "ls"]) == 13
    assert main(["--profile", "far", "serve"]) == 13
