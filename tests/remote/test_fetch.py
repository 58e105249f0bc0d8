"""Pictures by URL: only from public addresses, within limits, whatever redirects and names say."""

from __future__ import annotations

import ipaddress
import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from arcli.errors import PictureNotFound, PictureTooLarge
from arcli.remote.http.addresses import Address, is_public
from arcli.remote.http.fetch import Fetcher
from tests.fakes.http import FakeService, Reply, Request

LOOPBACK = ipaddress.ip_address("127.0.0.1")


class Pictures(FakeService):
    """Answers /1.jpg, an endless /large, and redirects: /to?URL."""

    def answer(self, request: Request) -> Reply:
        if request.path == "/1.jpg":
            return Reply(200, b"\xff\xd8 picture", {"Content-Type": "image/jpeg"})
        if "any" in request.path:
            return Reply(200, b"\xff\xd8" + request.path.encode("latin-1"), {})
        if request.path == "/large":
            return Reply(200, b"x" * 3_000_000, {})
        if request.path.startswith("/to?"):
            return Reply(302, b"", {"Location": request.path.removeprefix("/to?")})
        return Reply(404)


@pytest.fixture
def pictures() -> Iterator[Pictures]:
    service = Pictures()
    yield service
    service.stop()


def fetcher(**more: object) -> Fetcher:
    """A fetcher for which 127.0.0.1 is public and every name is that."""
    given = {"allowed": lambda address: address == LOOPBACK, "resolve": lambda host, port: [LOOPBACK], **more}
    return Fetcher(**given)  # type: ignore[arg-type]


def url_of(pictures: Pictures, path: str) -> str:
    return pictures.url.replace("127.0.0.1", "pictures.example") + path


def test_a_picture_is_fetched_under_its_own_name(pictures: Pictures) -> None:
    assert fetcher().fetch(url_of(pictures, "/1.jpg#part")) == b"\xff\xd8 picture"
    (request,) = pictures.requests
    assert request.headers["host"] == url_of(pictures, "").removeprefix("http://")
    assert request.path == "/1.jpg"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/any/übung 1.jpg", "/any/%C3%BCbung%201.jpg"),
        ("/any/照片.jpg?名=值", "/any/%E7%85%A7%E7%89%87.jpg?%E5%90%8D=%E5%80%BC"),
        ("/any/%E7%85%A7.jpg", "/any/%E7%85%A7.jpg"),
        ('/any/a|b^c`{d}"<e>\\.jpg', "/any/a%7Cb%5Ec%60%7Bd%7D%22%3Ce%3E%5C.jpg"),
        ("/any/100%.jpg", "/any/100%.jpg"),
        ("/any/🦊'(1)+2;x=[3],$&!*@~.jpg", "/any/%F0%9F%A6%8A'(1)+2;x=%5B3%5D,$&!*@~.jpg"),
    ],
)
def test_a_url_may_have_any_characters(pictures: Pictures, path: str, asked: str) -> None:
    assert fetcher().fetch(url_of(pictures, path)) == b"\xff\xd8" + asked.encode()


def test_a_line_break_in_a_url_makes_no_second_header(pictures: Pictures) -> None:
    for path in ("/any\r\nX: 1", "/any\n", "/a\x00any", "/any \x7f"):
        with suppress(PictureNotFound):
            fetcher().fetch(url_of(pictures, path))
    assert not [request for request in pictures.requests if "x" in request.headers]


def test_redirects_are_followed_and_counted(pictures: Pictures) -> None:
    assert fetcher().fetch(url_of(pictures, "/to?/1.jpg")) == b"\xff\xd8 picture"
    with pytest.raises(PictureNotFound, match="redirects"):
        fetcher().fetch(url_of(pictures, "/to?/to?/to?/to?/1.jpg"))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://pictures.example/1",
        "file:///etc/passwd",
        "http://",
        "x",
        "http://u:p@pictures.example/",
        "http://[",
        "",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(PictureNotFound):
        fetcher().fetch(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_never_asked(pictures: Pictures, host: str) -> None:
    with pytest.raises(PictureNotFound, match="could not be fetched"):
        Fetcher(seconds=2).fetch(pictures.url.replace("127.0.0.1", host) + "/1.jpg")
    assert pictures.requests == []


def test_a_redirect_to_another_address_is_looked_at_anew(pictures: Pictures) -> None:
    def resolve(host: str, port: int) -> list[Address]:
        return [LOOPBACK if host == "pictures.example" else ipaddress.ip_address(host)]

    hidden = pictures.url.replace("127.0.0.1", "127.0.0.2") + "/1.jpg"
    with pytest.raises(PictureNotFound):
        fetcher(resolve=resolve).fetch(url_of(pictures, f"/to?{hidden}"))
    assert [request.path for request in pictures.requests] == [f"/to?{hidden}"]


def test_one_private_address_among_several_refuses_the_name(pictures: Pictures) -> None:
    mixed = [LOOPBACK, ipaddress.ip_address("10.0.0.1")]
    with pytest.raises(PictureNotFound):
        fetcher(resolve=lambda host, port: mixed).fetch(url_of(pictures, "/1.jpg"))
    with pytest.raises(PictureNotFound):
        fetcher(resolve=lambda host, port: []).fetch(url_of(pictures, "/1.jpg"))


def test_a_name_is_resolved_once_so_it_cannot_change(pictures: Pictures) -> None:
    answers = iter([[LOOPBACK], [ipaddress.ip_address("127.0.0.2")]])
    data = fetcher(resolve=lambda host, port: next(answers)).fetch(url_of(pictures, "/1.jpg"))
    assert data == b"\xff\xd8 picture"


def test_proxies_of_the_environment_are_not_asked(
    pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert fetcher().fetch(url_of(pictures, "/1.jpg"))


def test_a_large_answer_is_cut_off(pictures: Pictures) -> None:
    with pytest.raises(PictureTooLarge):
        fetcher(most_bytes=1_000_000).fetch(url_of(pictures, "/large"))


def test_what_is_not_there_is_not_found(pictures: Pictures) -> None:
    with pytest.raises(PictureNotFound, match="404"):
        fetcher().fetch(url_of(pictures, "/none"))


def test_a_server_that_drips_its_headers_is_left() -> None:
    ticks = itertools.count()
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def serve() -> None:
            connection, _ = dripping.accept()
            with connection:
                connection.recv(4096)
                try:
                    for _ in range(100_000):
                        connection.sendall(b"HTTP/1.1 200 OK\r\nx: y\r\n"[:1])
                except OSError:
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://pictures.example:{dripping.getsockname()[1]}/"
        with pytest.raises(PictureNotFound):
            fetcher(clock=lambda: float(next(ticks)), seconds=20).fetch(url)
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "127.8.8.8",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "192.0.0.192",
        "200::1",
        "4000::1",
        "100:0:0:1::1",
        "fe00::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_addresses_that_are_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_that_are(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))
