"""PostgreSQL and Milvus killed, stopped, started again, in the middle of adding and finding."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from arcli.engine.cluster.gallery import ClusterGallery
from arcli.errors import Deadlock, Unreachable
from arcli.index import milvus
from arcli.models import AddItem, AddOptions, AddStatus, OnExists
from arcli.settings import ClusterPlace
from arcli.store.postgres import database
from tests.cluster.servers import MILVUS, Milvus, Postgres, fresh_cluster, needs_servers, servers
from tests.cluster.test_access import Shell
from tests.cluster.test_index import add, found
from tests.contract.subject import sample


@pytest.fixture(scope="module")
def own() -> Iterator[tuple[Postgres, Milvus]]:
    """Servers that nobody else uses."""
    needs_servers()
    with servers() as started:
        yield started


@pytest.fixture
def place(own: tuple[Postgres, Milvus]) -> Iterator[ClusterPlace]:
    postgres, lite = own
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARCLI_TEST_POSTGRES", postgres.dsn)
        patch.setenv(MILVUS, lite.uri)
        with fresh_cluster() as found:
            yield found


@pytest.fixture
def gallery(place: ClusterPlace, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterGallery]:
    """A gallery that waits for no server longer than some seconds."""
    monkeypatch.setattr(database, "POSTGRES", replace(database.POSTGRES, connect_seconds=2, answer_seconds=2))
    short = replace(milvus.MILVUS, seconds=20, search_seconds=4, connect_seconds=2, pause_seconds=0.5)
    monkeypatch.setattr(milvus, "MILVUS", short)
    with ClusterGallery(place.postgres, place.milvus) as opened:
        opened.create_channel(name="posters")
        yield opened


class Load(threading.Thread):
    """Adds targets one at a time until it is told to stop; what fails is added again."""

    def __init__(self, gallery: ClusterGallery) -> None:
        super().__init__()
        self.gallery = gallery
        self.acknowledged: list[int] = []
        self.failures: list[Exception] = []
        self.enough = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.enough.is_set():
            try:
                add(self.gallery, number)
            except Unreachable as error:
                self.failures.append(error)
            except Exception as error:
                self.failures.append(error)
                return
            else:
                self.acknowledged.append(number)
            number += 1

    def goes_on(self, results: Sequence[object]) -> None:
        """Wait until there are two more."""
        before = len(results)
        while len(results) < before + 2:
            assert self.is_alive(), self.failures


def test_postgres_is_killed_during_a_load_and_nothing_acknowledged_is_lost(
    gallery: ClusterGallery, own: tuple[Postgres, Milvus]
) -> None:
    postgres, _ = own
    load = Load(gallery)
    load.start()
    try:
        for _ in range(2):
            load.goes_on(load.acknowledged)
            postgres.kill()
            load.goes_on(load.failures)
            postgres.start()
            postgres.wait()
        load.goes_on(load.acknowledged)
    finally:
        load.enough.set()
        load.join()
    assert {type(error) for error in load.failures} == {Unreachable}
    assert all("PostgreSQL" in str(error) for error in load.failures)
    assert [found(gallery, number) for number in load.acknowledged] == [
        f"target.{number}" for number in load.acknowledged
    ]


def test_a_lookup_during_which_postgres_is_killed_fails_clearly_and_the_next_succeeds(
    gallery: ClusterGallery, own: tuple[Postgres, Milvus]
) -> None:
    postgres, _ = own
    add(gallery, 1)
    channel = gallery.channels_opened.get("posters")
    with pytest.raises(Unreachable, match="PostgreSQL"), channel.store.read() as snapshot:  # noqa: PT012
        postgres.kill()
        snapshot.target("target.1")
    with pytest.raises(Unreachable, match="PostgreSQL"):
        found(gallery, 1)
    postgres.start()
    postgres.wait()
    assert found(gallery, 1) == "target.1"


def test_a_postgres_that_answers_nothing_is_given_up_and_used_again_when_it_does(
    gallery: ClusterGallery, own: tuple[Postgres, Milvus]
) -> None:
    add(gallery, 1)
    channel = gallery.channels_opened.get("posters")
    postgres, _ = own
    with stopped(postgres):
        with pytest.raises(Unreachable, match=r"PostgreSQL|connection"):
            found(gallery, 1)
        with pytest.raises(Unreachable):
            add(gallery, 2)
    with pytest.raises(Unreachable, match="no answer"), channel.store.read() as snapshot, stopped(postgres):
        snapshot.target("target.1")
    assert found(gallery, 1) == "target.1"
    add(gallery, 3)
    assert found(gallery, 3) == "target.3"


def test_milvus_is_killed_while_it_is_filled_and_searched_and_all_is_found_meanwhile(
    gallery: ClusterGallery, own: tuple[Postgres, Milvus], caplog: pytest.LogCaptureFixture
) -> None:
    _, lite = own
    add(gallery, *range(8))
    gallery.compact(channel="posters")
    add(gallery, *range(8, 12))
    lite.kill()
    with caplog.at_level(logging.WARNING):
        assert [found(gallery, number) for number in range(12)] == [f"target.{n}" for n in range(12)]
    assert sum("without Milvus" in line for line in caplog.messages) == 1
    with pytest.raises(Unreachable, match="Milvus"):
        gallery.compact(channel="posters")
    add(gallery, 12)
    lite.start()
    lite.wait()
    recovered(gallery)
    assert gallery.channel(name="posters").delta_rows == 0
    assert [found(gallery, number) for number in range(13)] == [f"target.{n}" for n in range(13)]


def test_a_milvus_that_answers_nothing_costs_one_lookup_its_patience_and_the_next_none(
    gallery: ClusterGallery, own: tuple[Postgres, Milvus], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lite = own
    add(gallery, *range(3))
    gallery.compact(channel="posters")
    monkeypatch.setattr(milvus, "MILVUS", replace(milvus.MILVUS, pause_seconds=3600.0))
    with stopped(lite):
        assert found(gallery, 1) == "target.1"
        asked: list[str] = []
        monkeypatch.setattr(milvus.MilvusService, "_connected", lambda _: asked.append("again"))
        assert [found(gallery, number) for number in range(3)] == [f"target.{n}" for n in range(3)]
        assert not asked


def test_commands_end_with_status_10_and_a_sentence_when_postgres_is_gone(
    place: ClusterPlace, own: tuple[Postgres, Milvus], tmp_path: Path
) -> None:
    postgres, _ = own
    shell = Shell(tmp_path, place)
    picture = sample("card.png")
    path = tmp_path / "card.png"
    path.write_bytes(picture.picture.read())
    assert shell.run("add", path)[0] == 0
    postgres.kill()
    lines: list[list[str | Path]] = [["add", path, "--id", "other"], ["find", path]]
    for words in lines:
        status, answer = shell.run(*words)
        assert (status, answer["errors"][0]["code"]) == (10, "unreachable"), words
        assert "PostgreSQL" in answer["errors"][0]["message"]
    postgres.start()
    postgres.wait()
    assert shell.run("find", path)[0] == 0


def test_a_load_writes_a_batch_again_after_a_deadlock(
    gallery: ClusterGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = gallery.channels_opened.get("posters").store
    write, tried = type(store).write, []

    def deadlocked(self: object) -> object:
        tried.append(1)
        if len(tried) <= 3:
            raise Deadlock("another transaction was in the way")
        return write(store)

    monkeypatch.setattr(type(store), "write", deadlocked)
    assert gallery.add(channel="posters", item=sample("card.png")).status is AddStatus.ADDED
    tried[:] = []
    monkeypatch.setattr(type(store), "write", lambda self: tried.append(1) or _fail())
    with pytest.raises(Deadlock):
        gallery.add(channel="posters", item=sample("peanuts.png"))
    assert len(tried) == 4


def _fail() -> object:
    raise Deadlock("another transaction was in the way")


def test_loaders_of_the_same_targets_in_opposite_order_both_end(
    gallery: ClusterGallery, place: ClusterPlace
) -> None:
    names = [f"target.{number}" for number in range(4)]
    options = AddOptions(on_exists=OnExists.REPLACE, jobs=1)
    results: list[AddStatus] = []

    def load(order: list[str]) -> None:
        with ClusterGallery(place.postgres, place.milvus) as other:
            items = [AddItem(identifier=name, picture=sample("card.png").picture) for name in order]
            for result in other.add_many(channel="posters", items=items, options=options):
                results.append(result.status)

    threads = [threading.Thread(target=load, args=[order]) for order in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(AddStatus.ADDED) == 4, results
    assert AddStatus.FAILED not in results
    assert gallery.channel(name="posters").targets == 4


class stopped:  # noqa: N801 - a context manager
    """Stops all processes of a server, as a machine that swaps or hangs, and lets them go on."""

    def __init__(self, server: Postgres | Milvus) -> None:
        self._server = server

    def __enter__(self) -> None:
        self._server.signal(signal.SIGSTOP)

    def __exit__(self, *exc: object) -> None:
        self._server.signal(signal.SIGCONT)


def recovered(gallery: ClusterGallery) -> None:
    """Carry until it succeeds: Milvus is asked again after a pause."""
    end = time.monotonic() + 60
    while True:
        try:
            gallery.compact(channel="posters")
        except Unreachable:
            assert time.monotonic() < end
        else:
            return
