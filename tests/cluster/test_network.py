"""PostgreSQL and Milvus behind a network that stops passing anything on, without closing a connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import pytest

from arcli.engine.cluster.gallery import ClusterGallery
from arcli.errors import Unreachable
from arcli.index import milvus
from arcli.models import ChannelSettings
from arcli.protocols.arcloud.requests import Credentials
from arcli.remote.arcloud.gallery import ArcloudGallery
from arcli.remote.http.retry import Retry
from arcli.remote.http.transport import HttpTransport
from arcli.settings import ClusterPlace
from arcli.store.postgres import database
from arcli.store.postgres.access import PostgresAccounts
from tests.cluster.servers import fresh_cluster
from tests.cluster.test_faults import recovered
from tests.cluster.test_index import add, found
from tests.contract.subject import photo, sample
from tests.server.threaded import threaded_place

_PART = 1 << 16


class Network:
    """Passes TCP connections on to a port of loopback; while it is cut, nothing goes either way."""

    def __init__(self, port: int) -> None:
        self._to, self._open = port, threading.Event()
        self._open.set()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def cut(self) -> Iterator[None]:
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def close(self) -> None:
        self._open.set()
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                self._open.wait()
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:  # it was closed
                return
            self._sockets += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(_PART):
                self._open.wait()
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


@dataclass
class Behind:
    """A cluster behind a network each."""

    place: ClusterPlace
    postgres: Network
    milvus: Network


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[Behind]:
    """No call waits for a server longer than some seconds."""
    monkeypatch.setattr(database, "POSTGRES", replace(database.POSTGRES, connect_seconds=2, answer_seconds=2))
    short = replace(milvus.MILVUS, seconds=20, search_seconds=4, connect_seconds=2, pause_seconds=0.5)
    monkeypatch.setattr(milvus, "MILVUS", short)
    with fresh_cluster() as place:
        from psycopg.conninfo import conninfo_to_dict, make_conninfo

        postgres = Network(int(str(conninfo_to_dict(place.postgres)["port"])))
        index = Network(int(place.milvus.rpartition(":")[2]))
        uri = f"http://127.0.0.1:{index.port}"
        try:
            yield Behind(
                ClusterPlace(make_conninfo(place.postgres, port=postgres.port), uri), postgres, index
            )
        finally:
            postgres.close()
            index.close()


@pytest.fixture
def gallery(behind: Behind) -> Iterator[ClusterGallery]:
    with ClusterGallery(behind.place.postgres, behind.place.milvus) as opened:
        opened.create_channel(name="posters")
        yield opened


def test_while_postgres_cannot_be_reached_calls_fail_clearly_and_later_ones_succeed(
    gallery: ClusterGallery, behind: Behind
) -> None:
    add(gallery, 1, 2)
    with behind.postgres.cut():
        for work in (lambda: found(gallery, 1), lambda: add(gallery, 3)):
            with pytest.raises(Unreachable, match=r"PostgreSQL|connection"):
                work()
    assert [found(gallery, number) for number in (1, 2)] == ["target.1", "target.2"]
    add(gallery, 4)
    assert found(gallery, 4) == "target.4"


def test_postgres_is_cut_off_in_the_middle_of_a_lookup_and_of_an_add(
    gallery: ClusterGallery, behind: Behind
) -> None:
    add(gallery, 1)
    store = gallery.channels_opened.get("posters").store
    with pytest.raises(Unreachable, match="no answer"), store.read() as snapshot, behind.postgres.cut():
        snapshot.target("target.1")
    with pytest.raises(Unreachable), store.write() as writer, behind.postgres.cut():
        writer.remove("target.1")
    assert found(gallery, 1) == "target.1"
    assert gallery.remove(channel="posters", identifier="target.1")


def test_while_milvus_cannot_be_reached_all_is_found_in_postgres_and_carried_later(
    gallery: ClusterGallery, behind: Behind
) -> None:
    add(gallery, *range(4))
    gallery.compact(channel="posters")
    with behind.milvus.cut():
        add(gallery, 4)
        assert [found(gallery, number) for number in range(5)] == [f"target.{n}" for n in range(5)]
        with pytest.raises(Unreachable, match="Milvus"):
            gallery.compact(channel="posters")
    recovered(gallery)
    assert gallery.channel(name="posters").delta_rows == 0
    assert [found(gallery, number) for number in range(5)] == [f"target.{n}" for n in range(5)]


def test_a_server_says_that_it_is_unavailable_and_goes_on_without_a_restart(behind: Behind) -> None:
    with PostgresAccounts(behind.place.postgres) as accounts, _engine(behind.place) as engine:
        secret = accounts.add_account(username="shop").secretkey
        engine.create_channel(name="posters", settings=ChannelSettings(owner="shop"))
    login = Credentials(username="shop", secretkey=secret)
    with (
        threaded_place(behind.place) as url,
        ArcloudGallery(HttpTransport(url), login, retry=Retry(attempts=1)) as client,
    ):
        client.add(channel="posters", item=sample("card.png"))
        with behind.postgres.cut(), pytest.raises(Unreachable):
            client.find(picture=photo("card_on_table.jpg"), channels=["posters"])
        shown = client.find(picture=photo("card_on_table.jpg"), channels=["posters"])
    assert [match.identifier for match in shown.matches] == ["card"]


def _engine(place: ClusterPlace) -> ClusterGallery:
    return ClusterGallery(place.postgres, place.milvus)
