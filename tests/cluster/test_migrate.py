"""`arcli migrate` between a data folder and real servers, in both directions, and killed in the middle."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arcli.engine import LocalGallery
from arcli.engine.channels import Channels
from arcli.engine.cluster.channels import ClusterChannels
from arcli.engine.cluster.gallery import ClusterGallery
from arcli.models import ChannelSettings, ListKind
from arcli.settings import ClusterPlace
from arcli.store.postgres import catalog, schema
from tests.cluster.servers import fresh_cluster
from tests.cluster.test_access import Shell
from tests.contract.subject import photo, sample
from tests.engine.moved import SIZE, contents, filled

_KEY = 4711
_HELD = f"""
CREATE FUNCTION arcli.held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared({_KEY}); RETURN NEW; END $$;
CREATE TRIGGER held BEFORE INSERT ON arcli.targets FOR EACH ROW
WHEN (NEW.identifier = 'target.40') EXECUTE FUNCTION arcli.held();
"""


@pytest.fixture
def place() -> Iterator[ClusterPlace]:
    with fresh_cluster() as found:
        yield found


@pytest.fixture
def shell(tmp_path: Path, place: ClusterPlace) -> Shell:
    """A cluster `big`, and the data folder of the profile `local` with two channels."""
    made = Shell(tmp_path, place)
    with LocalGallery(tmp_path / "data" / "arcli") as gallery:
        kept = ChannelSettings(kind=ListKind.WHITE, threshold=0.3, quota=SIZE, keep_pictures=False)
        gallery.create_channel(name="posters", settings=kept)
        gallery.create_channel(name="Wände")
        filled(gallery._channels, "posters")
    return made


def all_of(channels: Channels) -> dict[str, object]:
    try:
        return {name: contents(channels, name) for name in channels.names()}
    finally:
        channels.close()


def test_channels_go_to_a_cluster_and_back_as_they_are(
    shell: Shell, place: ClusterPlace, tmp_path: Path
) -> None:
    status, answer = shell.run("migrate", "--from-profile", "local")
    assert (status, answer["errors"]) == (0, [])
    assert [(c["name"], c["status"], c["targets"]) for c in answer["data"]["channels"]] == [
        ("Wände", "unchanged", 0),
        ("posters", "migrated", SIZE),
    ]
    there = all_of(ClusterChannels(place.postgres, place.milvus))
    assert there == all_of(Channels(tmp_path / "data" / "arcli"))
    assert shell.run("doctor")[0] == 0
    back = ("--data-dir", tmp_path / "back", "--profile", "local", "migrate", "--from-profile", "big")
    assert shell.run(*back)[0] == 0
    assert all_of(Channels(tmp_path / "back")) == there
    assert shell.run(*back, "posters")[0] == 6
    assert shell.run(*back, "posters", "--resume")[0] == 0


def test_a_migration_killed_in_the_middle_is_resumed(
    shell: Shell, place: ClusterPlace, tmp_path: Path
) -> None:
    import psycopg

    with ClusterChannels(place.postgres, place.milvus).catalog(create=True) as tables:
        tables.make()
    with psycopg.connect(place.postgres, autocommit=True) as watcher:
        watcher.execute(_HELD)
        watcher.execute("SELECT pg_advisory_lock(%s)", (_KEY,))
        words = [sys.executable, "-m", "arcli", "migrate", "--from-profile", "local", "posters"]
        process = subprocess.Popen(words, env=shell.env)
        waiting = "SELECT count(*) FROM pg_locks WHERE objid = %s AND NOT granted"
        while _one(watcher, waiting, _KEY) == 0:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        there = _one(watcher, "SELECT count(*) FROM arcli.targets")
    assert 0 < there < SIZE
    status, answer = shell.run("migrate", "--from-profile", "local", "--resume")
    assert (status, answer["errors"]) == (0, [])
    (posters,) = [channel for channel in answer["data"]["channels"] if channel["name"] == "posters"]
    assert posters["written"] == SIZE - there
    source = Channels(tmp_path / "data" / "arcli")
    assert all_of(ClusterChannels(place.postgres, place.milvus)) == all_of(source)


def test_tables_are_brought_up_to_date_once_by_several_while_an_old_server_goes_on(
    place: ClusterPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        for module in (schema, catalog):
            patch.setattr(module, {schema: "STEPS", catalog: "_STEPS"}[module], schema.STEPS[:1])
        old = ClusterGallery(place.postgres, place.milvus)
        old.create_channel(name="posters")
    with old:
        shell = Shell(tmp_path, place)
        command = [sys.executable, "-m", "arcli", "migrate", "--tables", "--json"]
        running = [subprocess.Popen(command, env=shell.env, stdout=subprocess.PIPE) for _ in range(4)]
        answers = [json.loads(process.communicate()[0]) for process in running]
        assert [answer["status"] for answer in answers] == ["ok"] * 4
        steps = sorted(answer["data"]["steps"] for answer in answers)
        assert steps == [0, 0, 0, len(schema.STEPS) - 1]
        assert old.add(channel="posters", item=sample("card.png")).identifier == "card"
        shown = old.find(picture=photo("card_on_table.jpg"), channels=["posters"])
        assert [match.identifier for match in shown.matches] == ["card"]


def _one(connection: Any, sql: str, *values: object) -> int:
    return int(connection.execute(sql, values).fetchone()[0])


def test_where_channels_are_and_where_they_cannot_go_is_refused(shell: Shell) -> None:
    assert shell.run("migrate", "--from-profile", "big")[0] == 2
    assert shell.run("migrate", "--from-profile", "local", "nowhere")[0] == 4
    words = ("profile", "add", "shop", "--kind", "arcloud", "--url", "http://127.0.0.1:1/", "--username", "u")
    assert shell.run(*words, "--secretkey-env", "NO_SUCH")[0] == 0
    assert shell.run("migrate", "--from-profile", "shop")[0] == 13
