"""A busy server: bounded queues, health while photos are looked up, slow and huge and broken requests."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcli.models import FindResult
from arcli.server.options import ServeOptions
from arcli.server.process.worker import open_backend
from tests.engine.conftest import encoded, poster_pixels
from tests.server.conftest import Served, populate, serving
from tests.server.raw import BOUNDARY, MULTIPART, URLENCODED, call, code, multipart, send
from tests.server.threaded import threaded

SMALL = encoded(poster_pixels(1), ".jpg")


class Blocking:
    """Stands before a gallery; every lookup waits until `go_on` is set."""

    def __init__(self, gallery: Any) -> None:
        self._gallery = gallery
        self.started = threading.Semaphore(0)
        self.go_on = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gallery, name)

    def find(self, **_: Any) -> FindResult:
        self.started.release()
        self.go_on.wait(60)
        return FindResult(image="image")


@contextmanager
def blocked(data_dir: Path, **more: Any) -> Iterator[tuple[str, Blocking, dict[str, str]]]:
    """Serve with lookups that wait; yield the URL, what they wait for, and shop's credentials."""
    secret = populate(data_dir)["shop"]
    backend = open_backend(data_dir)
    gallery = Blocking(backend.gallery)
    options = replace(ServeOptions(data_dir=data_dir), **more)
    with threaded(replace(backend, gallery=gallery), options) as url:
        try:
            yield url, gallery, {"username": "shop", "secretkey": secret}
        finally:
            gallery.go_on.set()


def test_a_full_queue_answers_20015_at_once_and_the_rest_goes_on(tmp_path: Path) -> None:
    with (
        blocked(tmp_path / "data", threads=1, queue=1) as (url, gallery, login),
        ThreadPoolExecutor(3) as clients,
    ):
        sent = [clients.submit(code, url, "FindImage", login, SMALL) for _ in range(3)]
        (refused,), waiting = wait(sent, timeout=60, return_when=FIRST_COMPLETED)
        assert refused.result() == 20015
        fields = login | {"channel": "posters", "identifier": "new.one"}
        assert code(url, "AddImage", fields, SMALL) == 20015
        assert code(url, "GetImages", login | {"channel": "posters"}) == 0
        assert send(url, "/healthz", None, None, method="GET")[0] == 200
        assert send(url, "/readyz", None, None, method="GET")[0] == 200
        gallery.go_on.set()
        assert [client.result(60) for client in waiting] == [0, 0]
        assert code(url, "FindImage", login, SMALL) == 0


def test_more_bodies_than_memory_answer_20015(tmp_path: Path) -> None:
    with blocked(tmp_path / "data", body_memory=2_000_000) as (url, gallery, login):
        with ThreadPoolExecutor(1) as clients:
            large = SMALL + bytes(1_500_000)
            holds = clients.submit(code, url, "FindImage", login, large)
            gallery.started.acquire()
            assert code(url, "FindImage", login, large) == 20015
            gallery.go_on.set()
            assert holds.result(60) == 0
        assert code(url, "FindImage", login, large) == 0


def test_health_answers_while_32_clients_send_photos(tmp_path: Path) -> None:
    secret = populate(tmp_path / "data")["shop"]
    with serving(tmp_path / "data", "--workers", "1") as served, ThreadPoolExecutor(32) as clients:
        login = {"username": "shop", "secretkey": secret}
        busy = [clients.submit(code, served.url, "FindImage", login, SMALL) for _ in range(32)]
        answered = 0
        while not all(client.done() for client in busy):
            assert send(served.url, "/healthz", None, None, method="GET")[0] == 200
            answered += 1
        assert answered > 5
        assert [client.result() for client in busy] == [0] * 32


def open_request(url: str, path: str, headers: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=30)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {MULTIPART}\r\n{headers}\r\n"
    connection.sendall(head.encode())
    return connection


def answer_of(connection: socket.socket) -> tuple[bytes, Any]:
    """Read until the server closes; return the head and the JSON body."""
    with connection:
        data = b""
        while chunk := connection.recv(65536):
            data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return head, json.loads(body)


def test_a_body_announced_too_large_is_answered_before_it_comes(served: Served) -> None:
    connection = open_request(served.url, "/FindImage", "Content-Length: 5000000000\r\n")
    head, body = answer_of(connection)
    assert (head.split()[1], body["returncode"]) == (b"200", 20006)
    assert b"connection: close" in head


def test_a_body_that_never_ends_is_answered_and_cut_off(served: Served) -> None:
    connection = open_request(served.url, "/FindImage", "Transfer-Encoding: chunked\r\n")
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'.encode()
    chunk = b"%x\r\n%s\r\n" % (len(part), part)
    sent = 0
    try:
        while sent < 100_000_000:
            connection.sendall(chunk)
            sent += len(chunk)
            chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    except OSError:
        pass
    assert sent < 60_000_000  # 10 MB are read, some more drained, some lie in buffers
    connection.close()
    assert code(served.url, "FindImage", served.login(), SMALL) == 0


def test_a_body_that_does_not_come_in_time_is_given_up(tmp_path: Path) -> None:
    populate(tmp_path / "data")
    with serving(tmp_path / "data", config="body_seconds = 1.0") as served:
        connection = open_request(served.url, "/FindImage", "Content-Length: 1000\r\n")
        connection.sendall(b"--")
        head, body = answer_of(connection)
        assert (head.split()[1], body["returncode"]) == (b"200", 29001)


def test_a_client_that_leaves_disturbs_nobody(served: Served) -> None:
    for _ in range(5):
        connection = open_request(served.url, "/AddImage", "Content-Length: 100000\r\n")
        connection.sendall(b"--" + BOUNDARY.encode())
        connection.close()
    assert code(served.url, "FindImage", served.login(), SMALL) == 0


FIELD = st.sampled_from(
    [
        "username",
        "secretkey",
        "channel",
        "identifier",
        "metadata",
        "image",
        "position",
        "limit",
        "matchratio",
        "x",
    ]
)
ROUTES = ["AddImage", "RemoveImage", "GetImages", "GetImage", "UpdateImageInfo", "Statistics", "FindImage"]
TAME = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@TAME
@given(
    st.sampled_from(ROUTES),
    st.binary(max_size=300),
    st.sampled_from(
        [MULTIPART, "multipart/form-data; boundary=a", URLENCODED, "application/json", "\t;=", ""]
    ),
)
def test_any_body_is_answered(served: Served, route: str, body: bytes, kind: str) -> None:
    status, _, content = send(served.url, f"/{route}", body, kind)
    assert (status, json.loads(content)["returncode"] in (20005, 29001)) == (200, True)


@TAME
@given(
    st.sampled_from(ROUTES),
    st.lists(st.tuples(FIELD, st.text(max_size=40)), max_size=8),
    st.one_of(st.none(), st.binary(max_size=200)),
)
def test_any_fields_are_answered(
    served: Served, route: str, fields: list[tuple[str, str]], image: bytes | None
) -> None:
    login = list(served.login(channel="labels").items())
    answer = call(served.url, route, login + fields, image)
    assert answer["returncode"] in (0, 20003, 20004, 20005, 20007, 20010, 20014, 29001), answer


@TAME
@given(st.integers(0, 2**32), st.integers(0, 400), st.binary(min_size=1, max_size=20))
def test_any_damage_to_a_form_is_answered(served: Served, seed: int, cut: int, noise: bytes) -> None:
    body = bytearray(multipart(served.login(channel="labels", identifier="new.one"), SMALL[:300]))
    at = seed % len(body)
    body[at : at + cut] = noise
    status, _, content = send(served.url, "/AddImage", bytes(body))
    assert (status, json.loads(content)["returncode"] != 29000) == (200, True)


@pytest.mark.parametrize(
    "body",
    [
        multipart([("x", "y")] * 65, SMALL),
        b"--" + BOUNDARY.encode() + b"\r\n" + b"x" * 20_000,
        b"--" + BOUNDARY.encode() + b"\r\n" + b"a: b\r\n" * 3_000 + b"\r\n\r\n",
    ],
)
def test_forms_with_too_much_of_something(served: Served, body: bytes) -> None:
    assert json.loads(send(served.url, "/FindImage", body)[2])["returncode"] == 20005


@pytest.mark.parametrize("preamble", [b"This is a multi-part message.\r\n", b"\r\n", b"a\nb--\n"])
def test_lines_before_the_first_boundary_are_passed_over(served: Served, preamble: bytes) -> None:
    body = preamble + multipart(served.login(), SMALL)
    assert json.loads(send(served.url, "/FindImage", body)[2])["returncode"] == 0


def test_a_preamble_without_end_is_no_form(served: Served) -> None:
    assert json.loads(send(served.url, "/FindImage", b"x" * 200_000)[2])["returncode"] == 20005


def test_a_channel_that_goes_while_all_are_searched_is_left_out(tmp_path: Path) -> None:
    secret = populate(tmp_path / "data")["shop"]
    backend = open_backend(tmp_path / "data")

    class Shrinking(Blocking):
        """Removes a channel when it is about to be searched."""

        def find(self, **asked: Any) -> FindResult:
            for name in set(asked["channels"]) & {"labels", "vault"}:
                backend.channels.remove_channel(name=name)
                break
            found: FindResult = self._gallery.find(**asked)
            return found

    options = ServeOptions(data_dir=tmp_path / "data")
    with threaded(replace(backend, gallery=Shrinking(backend.gallery)), options) as url:
        login = {"username": "shop", "secretkey": secret}
        assert code(url, "FindImage", login, SMALL) == 0
        assert code(url, "Statistics", login | {"startdate": "2026", "enddate": "2026"}) == 0
        assert code(url, "FindImage", login | {"channel": "labels"}, SMALL) == 20003
