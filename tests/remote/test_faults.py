"""Broken connections, busy services and lost answers, injected for real; nothing sleeps."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import itertools
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from arcli import errors
from arcli.errors import (
    ArcliError,
    BadAnswer,
    Busy,
    RateLimited,
    TargetExists,
    TimedOut,
    Unreachable,
    UsageError,
)
from arcli.models import AddItem, AddOptions, AddStatus, FindOptions, OnExists, Picture
from arcli.parallel import in_order
from arcli.remote.arcloud.gallery import ArcloudGallery
from arcli.remote.http.retry import Failed, Retry
from arcli.remote.http.transport import HttpTransport, Timeouts, http_failure
from tests.fakes.arcloud import FakeVendor
from tests.fakes.http import BUSY, FAULTS, LOST, RESET, UNAVAILABLE, Reply, Request
from tests.remote.conftest import Clock, Connect, item, picture


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_passes(vendor: FakeVendor, gallery: ArcloudGallery, clock: Clock, fault: str) -> None:
    vendor.faults = [fault, fault]
    assert gallery.list(channel="default").totalcount == 0
    assert clock.slept == [0.5, 1.0]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(BUSY, Busy), (UNAVAILABLE, Busy), (RESET, Unreachable), (LOST, Unreachable)],
)
def test_a_fault_that_stays_is_told(
    vendor: FakeVendor, gallery: ArcloudGallery, clock: Clock, fault: str, kind: type[ArcliError]
) -> None:
    vendor.faults = [fault] * 10
    with pytest.raises(kind):
        gallery.list(channel="default")
    assert (len(vendor.requests), len(clock.slept)) == (6, 5)


def test_waits_grow_and_are_cut_by_chance() -> None:
    assert [Retry(jitter=lambda: 0.0).pause(tried, None) for tried in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert Retry(jitter=lambda: 1.0).pause(1, None) == 0.25
    assert Retry().pause(1, 7.0) == 7.0
    assert Retry().pause(1, 1e9) == 60.0


def test_a_service_says_how_long_to_wait(vendor: FakeVendor, gallery: ArcloudGallery, clock: Clock) -> None:
    vendor.faults = [lambda request: Reply(429, b"", {"Retry-After": "3"})]
    gallery.list(channel="default")
    assert clock.slept == [3.0]
    vendor.faults = [lambda request: Reply(429, b"")] * 9
    with pytest.raises(RateLimited):
        gallery.list(channel="default")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, BadAnswer),
        (301, BadAnswer),
        (400, BadAnswer),
        (403, errors.NotAuthorized),
        (413, errors.PictureTooLarge),
    ],
)
def test_refusals_are_not_tried_again(
    vendor: FakeVendor, gallery: ArcloudGallery, status: int, kind: type[ArcliError]
) -> None:
    vendor.faults = [lambda request: Reply(status, b"<html>", {"Location": "http://192.0.2.1/"})]
    with pytest.raises(kind):
        gallery.list(channel="default")
    assert len(vendor.requests) == 1


# Lost answers


def test_an_answer_lost_after_the_add_happened_counts_as_added(
    vendor: FakeVendor, gallery: ArcloudGallery
) -> None:
    vendor.faults = [vendor.answer, LOST]
    added = gallery.add(channel="default", item=item(1, metadata='{"a": 1}'))
    assert added.status is AddStatus.ADDED
    assert added.level in range(1, 6)
    assert vendor.calls == ["GetImage", "AddImage", "AddImage", "GetImage"]


def test_a_lost_answer_for_an_identifier_of_somebody_else_does_not(
    vendor: FakeVendor, gallery: ArcloudGallery, connect: Connect
) -> None:
    other = connect(vendor.url)

    def somebody_is_faster(request: object) -> Reply:
        other.add(channel="default", item=item(2, "card001", metadata="[2]"))
        return Reply(503)

    vendor.faults = [vendor.answer, somebody_is_faster]
    with pytest.raises(TargetExists, match="answer was lost"):
        gallery.add(channel="default", item=item(1, metadata="[1]"))
    assert gallery.get(channel="default", identifier="card001").metadata == "[2]"


def test_what_was_there_before_is_never_claimed(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    gallery.add(channel="default", item=item(1, metadata="[1]"))
    vendor.faults = [LOST]
    (result,) = gallery.add_many(channel="default", items=[item(2, "card001", metadata="[1]")])
    assert isinstance(result.error, TargetExists)


@pytest.mark.parametrize("fault", [LOST, RESET, UNAVAILABLE, BUSY])
def test_a_replacement_survives_each_fault(vendor: FakeVendor, gallery: ArcloudGallery, fault: str) -> None:
    gallery.add(channel="default", item=item(1))
    pass_on = [vendor.answer] * 2  # capabilities, GetImage
    vendor.faults = [*pass_on, fault, vendor.answer, fault]
    options = AddOptions(on_exists=OnExists.REPLACE)
    replaced = gallery.add(channel="default", item=item(2, "card001"), options=options)
    assert replaced.status is AddStatus.REPLACED
    assert gallery.find(picture=picture(2), channels=("default",)).matched


def test_a_removal_whose_answer_was_lost_is_one(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    gallery.add(channel="default", item=item(1))
    vendor.faults = [LOST, lambda request: Reply.of({"returncode": 20014})]
    assert gallery.remove(channel="default", identifier="card001") is True


@pytest.mark.parametrize("jobs", [1, 8])
def test_a_load_with_many_faults_ends_complete(
    vendor: FakeVendor, gallery: ArcloudGallery, jobs: int
) -> None:
    vendor.rate = 0.15
    pictures = [picture(seed).data for seed in range(8)]
    items = [
        AddItem(
            picture=Picture(name=f"{k}.jpg", data=pictures[k % 8]),
            identifier=f"card{k:03}",
            metadata=f'{{"n": {k}}}',
        )
        for k in range(120)
    ]
    results = list(gallery.add_many(channel="default", items=items, options=AddOptions(jobs=jobs)))
    vendor.rate = 0
    assert [result.identifier for result in results] == [added.identifier for added in items]
    assert {result.status for result in results} == {AddStatus.ADDED}
    listed = gallery.list(channel="default").targets
    assert [(t.identifier, t.metadata) for t in listed] == [(i.identifier, i.metadata) for i in items]


# Batches


def test_requests_run_at_once_up_to_the_limit(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    meeting = threading.Barrier(3, timeout=10)

    def meet(request: object) -> Reply:
        meeting.wait()
        return Reply.of({"returncode": 0})

    vendor.faults = [meet] * 6
    results = list(gallery.find_many(pictures=[picture(1)] * 6, channels=("default",)))
    assert len(results) == 6
    assert vendor.most_at_once <= 4


def test_one_job_is_one_request_at_a_time_over_one_connection(vendor: FakeVendor, connect: Connect) -> None:
    gallery = connect(vendor.url, jobs=1)
    list(gallery.find_many(pictures=[picture(1)] * 5, channels=("default",)))
    assert vendor.most_at_once == 1
    assert vendor.connections == 1


def test_input_is_read_only_a_little_ahead() -> None:
    read = itertools.count()
    items = ((next(read), None)[0] for _ in range(1000))
    results = in_order(lambda number: number, items, threads=3)
    for expected in range(10):
        assert next(results) == expected
    assert next(read) <= 10 + 6 + 1
    results.close()  # type: ignore[attr-defined]


def test_results_keep_their_order_whatever_finishes_first() -> None:
    second_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_done.wait(10)
        if number == 1:
            second_done.set()
        return number

    assert list(in_order(work, range(5), threads=2)) == list(range(5))


def test_what_ends_a_batch_is_raised_after_the_results_before_it(
    vendor: FakeVendor, gallery: ArcloudGallery
) -> None:
    def channel_goes(count: int) -> Iterator[AddItem]:
        for k in range(count):
            if k == 3:
                del vendor.channels["default"]
            yield item(k)

    results = gallery.add_many(channel="default", items=channel_goes(9), options=AddOptions(jobs=1))
    assert next(results).status is AddStatus.ADDED
    with pytest.raises(errors.ChannelNotFound):
        list(results)


def test_who_stops_reading_does_not_wait_for_retries(vendor: FakeVendor, connect: Connect) -> None:
    gallery = connect(vendor.url, retry=Retry(first=3600, longest=3600))
    first = picture(1)

    def only_the_first(request: Request) -> Reply:
        return vendor.answer(request) if request.files[0][2] == first.data else Reply(503)

    vendor.faults = [only_the_first] * 8
    pictures = [first, *[picture(2)] * 7]
    results = gallery.find_many(pictures=pictures, channels=("default",), options=FindOptions(jobs=4))
    assert next(results).error is None
    results.close()  # type: ignore[attr-defined]
    vendor.faults = []
    assert gallery.list(channel="default").totalcount == 0


def test_the_same_identifier_twice_in_a_batch_is_added_once(gallery: ArcloudGallery) -> None:
    items = [item(1, "same"), item(2, "same"), item(3, "other")]
    results = list(gallery.add_many(channel="default", items=items, options=AddOptions(jobs=4)))
    assert sorted(result.status for result in results) == [AddStatus.ADDED, AddStatus.ADDED, AddStatus.FAILED]


def test_a_large_batch_asks_for_the_listing_in_place_of_each_target(
    vendor: FakeVendor, gallery: ArcloudGallery
) -> None:
    data = picture(1).data
    items = [
        AddItem(picture=Picture(name=f"{k}.jpg", data=data), identifier=f"card{k:03}") for k in range(50)
    ]
    assert {r.status for r in gallery.add_many(channel="default", items=items)} == {AddStatus.ADDED}
    assert vendor.calls.count("GetImage") == 32
    results = list(
        gallery.add_many(channel="default", items=items, options=AddOptions(on_exists=OnExists.SKIP))
    )
    assert {result.status for result in results} == {AddStatus.SKIPPED}
    assert vendor.calls.count("AddImage") == 50


# The way there


def test_nobody_there_is_told_without_much_patience(clock: Clock, connect: Connect) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Unreachable, match=r"cannot connect \(Connection refused\)") as caught:
            connect(url).list(channel="default")
    assert caught.value.hint == "does the service run, and is the profile's URL right?"
    assert len(clock.slept) == 1


def test_a_silent_service_is_not_waited_for_forever(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        gallery = connect(url, timeouts=Timeouts(connect=0.2, idle=0.05, call=1), retry=Retry(attempts=1))
        with pytest.raises(TimedOut, match="no answer"):
            gallery.list(channel="default")


@pytest.mark.parametrize("drops", [b"H", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_drips_is_cut_off_wherever_it_drips(connect: Connect, drops: bytes) -> None:
    """Each byte comes within the time for one; the clock goes on by 60 s whenever it is looked at."""
    ticks = itertools.count(0, 60)
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def serve() -> None:
            connection, _ = dripping.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(drops)
                while connection.send(b" "):
                    pass

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{dripping.getsockname()[1]}"
        transport = HttpTransport(url, clock=lambda: float(next(ticks)))
        with pytest.raises(Failed) as failed:
            transport.post_form("GetImages", [])
        transport.close()
    assert isinstance(failed.value.error, TimedOut)
    assert failed.value.unsure


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("in a while", None),
        ("-3", None),
        ("", None),
        ("9" * 400, None),
        ("Fri, 99 Dec 1999 23:59:59 GMT", None),
    ],
)
def test_how_long_a_service_asks_to_wait(header: str, wait: float | None) -> None:
    assert http_failure(503, "https://ar.example", header).wait == wait


def test_a_service_may_name_the_date_to_come_again() -> None:
    later = email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=40), usegmt=True)
    wait = http_failure(429, "https://ar.example", later).wait
    assert wait is not None
    assert 0 < wait <= 40


def test_an_endless_answer_is_cut_off(connect: Connect) -> None:
    ticks = itertools.count(0, 30)
    with socket.create_server(("127.0.0.1", 0)) as endless:

        def serve() -> None:
            connection, _ = endless.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
                for _ in range(100_000):
                    try:
                        connection.sendall(b" " * 4096)
                    except OSError:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{endless.getsockname()[1]}"
        transport = HttpTransport(url, clock=lambda: float(next(ticks)))
        with pytest.raises(Failed) as caught:
            transport.post_form("GetImages", [("a", "b")])
        transport.close()
        assert isinstance(caught.value.error, TimedOut)
        thread.join(10)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "rest.example.com",
        "ftp://x",
        "https://",
        "http://[::1",
        "http://h:port",
        "https://u:p@h",
        "https://h?x=1",
    ],
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        HttpTransport(url)
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://rest.example.com/", True),
        ("http://192.0.2.1:8000", True),
        ("https://rest.example.com", False),
        ("http://127.0.0.1:80", False),
        ("http://[::1]", False),
        ("http://localhost:99/base", False),
    ],
)
def test_plain_http_to_somewhere_else_is_warned_of(
    caplog: pytest.LogCaptureFixture, url: str, warned: bool
) -> None:
    with caplog.at_level(logging.WARNING):
        HttpTransport(url).close()
    assert ("not encrypted" in caplog.text) is warned


def test_proxies_come_from_the_environment(
    vendor: FakeVendor, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", vendor.url)
    vendor.faults = [lambda request: Reply.of({"returncode": 0, "totalcount": 0})]
    connect("http://arcloud.invalid").list(channel="default")
    assert vendor.requests[0].path == "http://arcloud.invalid/GetImages"


def test_no_proxy_is_asked_for_this_machine(
    vendor: FakeVendor, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert connect(vendor.url).list(channel="default").totalcount == 0


@pytest.mark.parametrize(
    ("name", "value"), [("all_proxy", "socks9://x"), ("SSL_CERT_FILE", "/nowhere/ca.pem")]
)
def test_settings_of_the_environment_that_cannot_be_used_are_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"^{name}:"):
        HttpTransport("https://rest.example.com")


def test_the_command_line_starts_without_http() -> None:
    code = "import sys, arcli.app, arcli.connect; print(sorted({'httpx', 'cryptography'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
