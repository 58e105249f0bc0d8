"""Accounts, nonces, counts and whole commands on a cluster: what all its servers share."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from arcli.engine.cluster.gallery import ClusterGallery
from arcli.errors import NotSupported
from arcli.models import ChannelSettings, Grant, KeyRequest, Picture, Scope, TupuBinding
from arcli.protocols.arcloud.requests import Credentials
from arcli.remote.arcloud.gallery import ArcloudGallery
from arcli.remote.http.transport import HttpTransport
from arcli.settings import ClusterPlace
from arcli.store.postgres.access import PostgresAccounts, PostgresGatekeeper
from tests.cluster.servers import fresh_cluster
from tests.contract.subject import SAMPLES, photo, sample

PICTURES = SAMPLES / "gallery"


@pytest.fixture
def place() -> Iterator[ClusterPlace]:
    with fresh_cluster() as found:
        yield found


class Shell:
    """Runs arcli in processes of their own, with the profile `big` on a cluster."""

    def __init__(self, folder: Path, place: ClusterPlace) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ARCLI_")}
        self.env = {**kept, "XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")}
        words = ["profile", "add", "big", "--kind", "cluster", "--use"]
        assert self.run(*words, "--postgres", place.postgres, "--milvus", place.milvus)[0] == 0

    def run(self, *words: str | Path) -> tuple[int, Any]:
        command = [sys.executable, "-m", "arcli", *map(str, words), "--json"]
        ran = subprocess.run(command, env=self.env, capture_output=True, text=True)
        return ran.returncode, json.loads(ran.stdout) if ran.stdout else ran.stderr

    def serve(self) -> tuple[subprocess.Popen[bytes], str]:
        words = ["serve", "--json", "--port", "0", "--metrics-port", "0"]
        process = subprocess.Popen(
            [sys.executable, "-m", "arcli", *words], env=self.env, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())["data"]["url"]


def test_commands_work_on_a_cluster_as_on_a_data_folder(place: ClusterPlace, tmp_path: Path) -> None:
    shell = Shell(tmp_path, place)
    status, added = shell.run("add", PICTURES / "graffiti.jpg", PICTURES / "card.png")
    assert (status, added["data"]["counts"]["added"]) == (0, 2)
    status, listed = shell.run("ls")
    assert (status, [row["identifier"] for row in listed["data"]["targets"]]) == (0, ["card", "graffiti"])
    status, answer = shell.run("find", SAMPLES / "photos" / "graffiti_from_the_side.jpg")
    assert (status, answer["data"]["results"][0]["matches"][0]["identifier"]) == (0, "graffiti")
    assert shell.run("update", "card", "--metadata", '{"a": 1}')[0] == 0
    assert shell.run("ls", "--where", "a=1")[1]["data"]["totalcount"] == 1
    assert shell.run("rm", "graffiti", "--yes")[0] == 0
    assert shell.run("find", SAMPLES / "photos" / "graffiti_from_the_side.jpg")[0] == 1
    assert shell.run("get", "graffiti")[0] == 4
    assert shell.run("stats")[1]["data"]["records"][0]["count"] == 1
    assert shell.run("channel", "rename", "default", "posters")[0] == 0
    assert shell.run("channel", "copy", "posters", "again")[0] == 0
    assert shell.run("-c", "again", "ls")[1]["data"]["totalcount"] == 1
    assert shell.run("channel", "rm", "again", "--yes")[0] == 0
    assert shell.run("doctor")[0] == 0
    assert shell.run("backup", tmp_path / "backup")[0] == 13


def test_without_the_extra_a_cluster_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    gallery = ClusterGallery("postgresql://127.0.0.1:1/x", "http://127.0.0.1:1")
    with closing(gallery), pytest.raises(NotSupported, match="psycopg") as refused:
        gallery.settings()
    assert "[cluster]" in str(refused.value.hint)


def test_a_cluster_that_is_not_there_is_named_and_no_password_is_shown(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="the extra cluster is not installed")
    shell = Shell(
        tmp_path, ClusterPlace("postgresql://me:s3cret@127.0.0.1:1/x", "http://a:s3cret@127.0.0.1:1")
    )
    status, failed = shell.run("ls")
    assert (status, failed["errors"][0]["code"]) == (10, "unreachable")
    shown = [json.dumps(shell.run(*words)) for words in (["profile", "show"], ["profile", "ls"], ["doctor"])]
    assert "s3cret" not in "".join([json.dumps(failed), *shown])


def test_accounts_keys_and_rights_hold_on_every_server(place: ClusterPlace) -> None:
    with (
        PostgresAccounts(place.postgres) as accounts,
        ClusterGallery(place.postgres, place.milvus) as gallery,
    ):
        secret = accounts.add_account(username="shop").secretkey
        gallery.create_channel(name="posters", settings=ChannelSettings(owner="shop", quota=5))
        given = Grant(channel="posters", scope=Scope.FIND)
        reader = accounts.add_account(username="reader", key=KeyRequest(secretkey="imported"), grants=[given])
        binding = TupuBinding(secret_id="id1", username="shop", channels=("posters",), public_key="-")
        accounts.bind(binding)
        with (
            closing(PostgresGatekeeper(place.postgres)) as one,
            closing(PostgresGatekeeper(place.postgres)) as two,
        ):
            for keeper in (one, two):
                owner = keeper.authenticate(username="shop", secretkey=secret)
                keeper.authorize(owner, channel="posters", need=Scope.ALL)
                guest = keeper.authenticate(username="reader", secretkey=reader.secretkey)
                assert keeper.channels_of(guest, need=Scope.FIND) == ("posters",)
                assert keeper.channels_of(guest, need=Scope.ALL) == ()
                assert keeper.binding("id1") == binding
            assert one.first_use(secret_id="id1", nonce="n", now=1.0)
            assert not two.first_use(secret_id="id1", nonce="n", now=1.0)
        gallery.rename_channel(name="posters", new="walls")
        assert accounts.account(username="shop").bindings[0].channels == ("walls",)
        assert accounts.account(username="reader").grants[0].channel == "walls"
        accounts.remove_account(username="shop")
        assert gallery.settings_of(name="walls").owner is None
        assert [entry.what for entry in accounts.audit(subject="shop")][-1] == "account removed"


def test_counts_of_all_servers_add_up(place: ClusterPlace) -> None:
    with (
        ClusterGallery(place.postgres, place.milvus) as one,
        ClusterGallery(place.postgres, place.milvus) as two,
    ):
        one.create_channel(name="posters")
        for gallery in (one, two):
            gallery.channels_opened.get("posters").counts.record(["a"], day=dt.date(2026, 1, 2))
            gallery.flush_counts()
        counted = one.channels_opened.get("posters").counts.read(
            dt.date(2026, 1, 1), dt.date(2026, 1, 3), "a"
        )
        assert [count.count for count in counted] == [2]


def test_one_of_two_servers_is_killed_under_load_and_the_other_answers_every_request(
    place: ClusterPlace, tmp_path: Path
) -> None:
    with (
        PostgresAccounts(place.postgres) as accounts,
        ClusterGallery(place.postgres, place.milvus) as gallery,
    ):
        secret = accounts.add_account(username="shop").secretkey
        gallery.create_channel(name="posters", settings=ChannelSettings(owner="shop"))
        gallery.add(channel="posters", item=sample("graffiti.jpg"))
    shell = Shell(tmp_path, place)
    (first, url_1), (second, url_2) = shell.serve(), shell.serve()
    failures: list[Exception] = []
    answered: list[str] = []
    shown = photo("graffiti_from_the_side.jpg")
    try:
        threads = [
            threading.Thread(target=_ask, args=(url_2, secret, shown, answered, failures)) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        with ArcloudGallery(HttpTransport(url_1), Credentials(username="shop", secretkey=secret)) as client:
            client.add(channel="posters", item=sample("card.png"))
        first.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join()
        with ArcloudGallery(HttpTransport(url_2), Credentials(username="shop", secretkey=secret)) as client:
            kept = client.find(picture=photo("card_on_table.jpg"), channels=["posters"])
    finally:
        first.kill()
        second.terminate()
        for process in (first, second):
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    assert not failures
    assert answered == ["graffiti"] * 6
    assert [match.identifier for match in kept.matches] == ["card"]


def _ask(url: str, secret: str, shown: Picture, answered: list[str], failures: list[Exception]) -> None:
    with ArcloudGallery(HttpTransport(url), Credentials(username="shop", secretkey=secret)) as client:
        for _ in range(3):
            try:
                found = client.find(picture=shown, channels=["posters"])
            except Exception as error:
                failures.append(error)
            else:
                answered += [match.identifier for match in found.matches]
