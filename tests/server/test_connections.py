"""Silent connections, stalled bodies, floods of requests: others are not affected."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest

from arcli.errors import Busy
from arcli.models import KeyRequest, Scope
from arcli.server import service
from arcli.server.app import Once
from arcli.server.process import worker
from arcli.server.process.connections import Connections, ConnectionTuning
from arcli.server.requests.limits import Buckets, BucketTable, Memory, Pacer, PaceTuning
from arcli.store.accounts import Accounts
from faults.site import site
from faults.sockets import exchange
from tests.engine.conftest import item
from tests.server.conftest import Served, populate, serving
from tests.server.places import engine
from tests.server.raw import MULTIPART, call, code, multipart, send
from tests.server.threaded import threaded_folder


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    return populate(tmp_path / "data")


@contextlib.contextmanager
def crowd(url: str, count: int, *, source: str, said: bytes = b"") -> Iterator[list[socket.socket]]:
    """Hold connections from another address."""
    port = urlsplit(url).port
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(count):
            line = socket.create_connection(("127.0.0.1", port), 30, source_address=(source, 0))
            stack.enter_context(line)
            line.sendall(said)
            held.append(line)
        yield held


def test_two_thousand_silent_connections_leave_lookups_answered(
    tmp_path: Path, secrets: dict[str, str]
) -> None:
    """By the limits that `serve` has by default; half of them have sent half of a request's headers."""
    login = {"username": "shop", "secretkey": secrets["shop/app"], "channel": "posters"}
    photo = (Path(__file__).parents[2] / "samples" / "photos" / "note_on_wood.jpg").read_bytes()
    with serving(tmp_path / "data") as served, contextlib.ExitStack() as stack:
        for host in range(2, 22):
            said = b"" if host % 2 else b"POST /FindImage HTTP/1.1\r\nHost: x\r\nA: "
            stack.enter_context(crowd(served.url, 100, source=f"127.0.0.{host}", said=said))
        assert [code(served.url, "FindImage", login, photo) for _ in range(5)] == [0] * 5


def test_a_crowd_of_idle_connections_keeps_nobody_out(tmp_path: Path, secrets: dict[str, str]) -> None:
    login = {"username": "shop", "secretkey": secrets["shop"], "channel": "posters"}
    limits = "connections = 100\nconnections_per_address = 40"
    with serving(tmp_path / "data", config=limits) as served, contextlib.ExitStack() as stack:
        for host in range(2, 12):
            said = b"" if host % 2 else b"POST /FindImage HTTP/1.1\r\nHost: x\r\n"
            stack.enter_context(crowd(served.url, 60, source=f"127.0.0.{host}", said=said))
        assert code(served.url, "GetImages", login) == 0


def test_a_crowd_of_half_sent_bodies_keeps_nobody_out(tmp_path: Path, secrets: dict[str, str]) -> None:
    login = {"username": "shop", "secretkey": secrets["shop"], "channel": "posters"}
    with (
        threaded_folder(tmp_path / "data", connections=20, connections_per_address=5) as url,
        contextlib.ExitStack() as stack,
    ):
        for host in range(2, 6):
            stack.enter_context(crowd(url, 5, source=f"127.0.0.{host}", said=half_a_body(100)))
        assert code(url, "GetImages", login) == 0


def test_the_addresses_of_an_ipv6_network_are_one_sender() -> None:
    one, two, other = (cast(Any, Mock(is_idle=False, is_arriving=False)) for _ in range(3))
    guard = Connections(most=10, per_address=1, exempt=lambda address: address == "2001:db8:1::9")
    assert guard.came(one, "2001:db8::1")
    assert not guard.came(two, "2001:db8::ffff:2")
    assert guard.came(two, "2001:db8:1::1")
    assert guard.came(other, "2001:db8:1::9"), "a proxy that is trusted holds the connections of many"
    guard.went(one, "2001:db8::1")
    assert guard.came(one, "2001:db8::ffff:2")


def test_one_address_holds_so_many_connections_the_idle_ones_go(
    tmp_path: Path, secrets: dict[str, str]
) -> None:
    with (
        threaded_folder(tmp_path / "data", connections_per_address=5) as url,
        crowd(url, 6, source="127.0.0.9") as held,
    ):
        held[0].settimeout(30)
        with contextlib.suppress(ConnectionResetError):
            assert held[0].recv(1) == b""  # the longest idle was closed for the sixth
        assert send(url, "/healthz", None, None, method="GET")[0] == 200


def test_headers_have_a_time(
    tmp_path: Path, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "ConnectionTuning", lambda: ConnectionTuning(header_seconds=0.2))
    with (
        threaded_folder(tmp_path / "data") as url,
        crowd(url, 1, source="127.0.0.9", said=b"POST /FindImage HTTP/1.1\r\nHost:") as (line,),
        contextlib.suppress(ConnectionResetError),
    ):
        assert line.recv(1) == b""


@pytest.mark.parametrize("rest", [b"zz\r\n", b"5\r\nhelloXX", b"FFFFFFFFFFFFFFFFFFFFFFF\r\n"])
def test_what_stops_being_http_in_a_body_ends_its_call_quietly(
    tmp_path: Path, secrets: dict[str, str], caplog: pytest.LogCaptureFixture, rest: bytes
) -> None:
    head = b"POST /FindImage HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        threaded_folder(tmp_path / "data") as url,
        crowd(url, 1, source="127.0.0.9", said=head + rest) as (line,),
    ):
        line.settimeout(30)
        assert line.recv(12) == b"HTTP/1.1 400"
        assert send(url, "/healthz", None, None, method="GET")[0] == 200
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_body_of_many_tiny_chunks_ends_its_call(
    tmp_path: Path, secrets: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Each chunk takes time of the thread that all requests share, whatever it holds."""
    form = multipart({"username": "shop", "secretkey": secrets["shop"], "channel": "posters"}, bytes(9000))
    head = (
        f"POST /FindImage HTTP/1.1\r\nHost: x\r\nContent-Type: {MULTIPART}\r\nTransfer-Encoding: chunked\r\n"
    )

    def answer(url: str, size: int) -> bytes:
        pieces = [form[at : at + size] for at in range(0, len(form), size)]
        body = b"".join(b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nA: b\r\n\r\n"
        parts = urlsplit(url)
        where = (parts.hostname or "", parts.port or 80)
        return exchange(where, head.encode() + b"Connection: close\r\n\r\n" + body, patience=60)

    with threaded_folder(tmp_path / "data") as url:
        assert answer(url, 1).startswith(b"HTTP/1.1 400")
        assert b'"returncode":20007' in answer(url, 100)  # read to its end: no picture
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("host", ["http://elsewhere.example", "HTTPS://[::1]:1"])
def test_a_request_may_name_a_whole_url(tmp_path: Path, secrets: dict[str, str], host: str) -> None:
    with threaded_folder(tmp_path / "data") as url:
        parts = urlsplit(url)
        where = (parts.hostname or "", parts.port or 80)

        def answer(target: str) -> bytes:
            line = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            return exchange(where, line.encode(), patience=60)

        assert answer(f"{host}/healthz?a=b").startswith(b"HTTP/1.1 200")
        assert answer(host).startswith(answer("/")[:12])
        assert b"returncode" in answer(f"{host}/Get%49mages")


def half_a_body(size: int) -> bytes:
    head = (
        f"POST /FindImage HTTP/1.1\r\nHost: x\r\nContent-Type: {MULTIPART}\r\nContent-Length: 9000000\r\n\r\n"
    )
    return head.encode() + multipart({}, bytes(size))[: size + 100]


def test_bodies_that_stall_give_way_to_others(tmp_path: Path, secrets: dict[str, str]) -> None:
    login = {"username": "shop", "secretkey": secrets["shop"]}
    image = bytes(500_000)  # no picture: refused, but only after it was taken
    with (
        threaded_folder(tmp_path / "data", body_memory=4_000_000) as url,
        crowd(url, 8, source="127.0.0.9", said=half_a_body(600_000)),
    ):
        assert code(url, "FindImage", login, image) == 20007


def test_the_heaviest_address_loses_a_body() -> None:
    async def main() -> None:
        memory = Memory(100)
        with memory.lease("a") as first, memory.lease("a") as second, memory.lease("b") as other:
            async with asyncio.timeout(60) as one, asyncio.timeout(60) as two:
                first.arriving, second.arriving = one, two
                first.take(60)
                second.take(30)
                with pytest.raises(Busy):
                    second.take(20)
                other.take(40)
                assert memory.held == 70
                assert first.ended
                assert not second.ended
                with pytest.raises(Busy):
                    first.take(1)

    with contextlib.suppress(TimeoutError):
        asyncio.run(main())


def test_limits_are_shared_by_processes_through_a_file(tmp_path: Path) -> None:
    path = BucketTable.make(tmp_path / "limits")
    tables = [BucketTable(path), BucketTable(path)]
    one, other = (Buckets("x", burst=3, rate=0.001, table=table) for table in tables)
    assert [one.take("a"), other.take("a"), one.take("a"), other.take("a")] == [True, True, True, False]
    assert other.take("b")
    for table in tables:
        table.close()


def test_wrong_keys_count_over_all_workers(tmp_path: Path, secrets: dict[str, str]) -> None:
    with serving(tmp_path / "data", "--workers", "2", config="failures_per_address = 5") as served:
        wrong = {"username": "shop", "secretkey": "no", "channel": "posters"}
        codes = [code(served.url, "GetImages", wrong) for _ in range(12)]
    assert codes == [20001] * 5 + [20015] * 7


def test_who_sends_many_waits_and_who_sends_few_does_not() -> None:
    pacer = Pacer(50.0, PaceTuning())
    assert max(pacer.wait("few") for _ in range(5)) == 0
    assert max(pacer.wait("many") for _ in range(200)) > 0.5
    for _ in range(50):
        pacer.adjust(1.0)
    assert pacer.rate == PaceTuning().least
    assert pacer.wait("few") == 0
    for _ in range(50):
        pacer.adjust(0.0)
    assert pacer.rate == 50.0


def test_a_page_of_long_metadata_is_short(
    tmp_path: Path, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of 65 MB held up the thread that all requests share, and memory while nobody read it."""
    monkeypatch.setattr(service, "PAGES", service.PageTuning(metadata=100))
    with engine(tmp_path / "data") as gallery:
        for number in range(1, 4):
            gallery.add(channel="posters", item=item(number, metadata=f'"{"a" * 40 * number}"'))
    login = {"username": "shop", "secretkey": secrets["shop"], "channel": "posters", "limit": "1000"}
    with threaded_folder(tmp_path / "data") as url:
        pages = [call(url, "GetImages", {**login, "position": str(position)}) for position in range(4)]
    assert [page["totalcount"] for page in pages] == [3] * 4
    found = [[image["identifier"] for image in page["images"]] for page in pages]
    assert found == [["poster1"], ["poster2"], ["poster3"], []]


def test_the_same_trouble_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    said: list[Any] = []
    loop = asyncio.new_event_loop()
    once = Once(lambda *words, **_: said.append(words))
    for _ in range(1000):
        once(
            loop, {"message": "socket.accept() out of system resource", "exception": OSError(24, "too many")}
        )
    once(loop, {"message": "something else"})
    accept_again = ValueError("Invalid file descriptor: -1")
    once(loop, {"message": "Exception in callback _start_serving", "exception": accept_again})
    assert len(said) == 2, "asyncio accepts again after a second, also when the server was closed"
    once(loop, {"message": "Exception in callback", "exception": ValueError("another")})
    loop.close()
    assert len(said) == 3


def test_a_key_has_an_end_and_a_rate(tmp_path: Path, secrets: dict[str, str]) -> None:
    with Accounts(tmp_path / "data") as accounts:
        past = accounts.add_key(username="shop", key=KeyRequest(expires="2020-12-31T23:59:59Z"))
        future = accounts.add_key(username="shop", key=KeyRequest(expires="2999-12-31T23:59:59Z"))
        slow = accounts.add_key(username="shop", key=KeyRequest(scope=Scope.ALL, rate=0.01))
    with threaded_folder(tmp_path / "data") as url:
        fields = {"username": "shop", "channel": "posters"}
        keys = [past.secretkey, future.secretkey, slow.secretkey, slow.secretkey]
        codes = [code(url, "GetImages", fields | {"secretkey": key}) for key in keys]
    assert codes == [20001, 0, 0, 20015]


def test_changes_over_the_wire_are_in_the_audit_trail(served: Served) -> None:
    login = served.login()
    pair = base64.b64encode(f"{login['username']}:{login['secretkey']}".encode()).decode()
    body = json.dumps({"name": "audited"}).encode()
    head = {"Authorization": f"Basic {pair}"}
    assert send(served.url, "/arcli/v1/channels", body, "application/json", headers=head)[0] == 201
    with Accounts(served.data_dir) as accounts:
        (entry,) = accounts.audit(subject="audited")
        added = accounts.audit(subject="shop")
    assert entry.what == "channel created"
    assert entry.who.startswith("shop/")
    assert [one.what for one in added][:2] == ["account added", "key added"]
    assert added[0].who.startswith("local:")
    assert login["secretkey"] not in str(added)


def test_a_server_out_of_handles_logs_that_once_and_serves_again_when_it_has_some() -> None:
    with site() as place:
        port = int(place.url.rstrip("/").rpartition(":")[2])
        assert send(place.url, "/healthz", None, None, method="GET")[0] == 200
        soft, hard = resource.prlimit(place.pid, resource.RLIMIT_NOFILE)
        taken = len(list(Path(f"/proc/{place.pid}/fd").iterdir()))
        resource.prlimit(place.pid, resource.RLIMIT_NOFILE, (taken + 3, hard))
        with crowd(place.url, 40, source="127.0.0.9"):
            for _ in range(100):
                exchange(("127.0.0.1", port), b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", patience=0.2)
                if "out of system resource" in place.log.read_text():
                    break
            for _ in range(10):
                exchange(("127.0.0.1", port), b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", patience=0.2)
        resource.prlimit(place.pid, resource.RLIMIT_NOFILE, (soft, hard))
        assert send(place.url, "/healthz", None, None, method="GET")[0] == 200
        said = place.log.read_text()
    assert said.count("out of system resource") == 1
    assert len(said) < 5_000
