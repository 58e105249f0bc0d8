"""The Tupu protocol by hand: requests signed and answers verified by the openssl command line."""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from arcli.engine import LocalGallery
from arcli.errors import Busy
from arcli.models import (
    AddItem,
    ChannelSettings,
    ListKind,
    Picture,
    Principal,
    Scope,
    TargetChanges,
    TupuBinding,
)
from arcli.server.metrics import Metrics
from arcli.server.options import ServeOptions
from arcli.server.process.worker import open_backend
from arcli.server.requests import access
from arcli.server.service import Service
from arcli.server.tupu import calls
from arcli.server.tupu.calls import TupuRoutes
from arcli.store.accounts import Accounts
from tests.engine.conftest import encoded, photo_of, poster, poster_pixels
from tests.protocols.conftest import OpenSsl
from tests.server.places import ON_CLUSTER, accounts, clean_env, command, engine, needs_folder
from tests.server.raw import MULTIPART, multipart, send
from tests.server.threaded import threaded_folder

pytestmark = pytest.mark.cluster
JSON = "application/json"
PLAIN = "普通 पोस्टर 🦖"  # a list of any name
TASK = "5c8f44ca25ade48455a63bad"
SECRET_ID = "0123456789abcdef01234567"
PUBLIC_URL = "https://pictures.example/gallery"


@dataclass
class Customer:
    """Whoever holds the private key that was registered."""

    url: str
    data_dir: Path
    openssl: OpenSsl

    def signed(
        self, *, when: float | str | None = None, nonce: str | None = None, key: str = "customer.pkcs1.pem"
    ) -> dict[str, str]:
        """Return the three signed fields; `when` in Unix seconds, None: now."""
        stamp = when if isinstance(when, str) else str(int(time.time() if when is None else when))
        nonce = nonce or str(time.perf_counter_ns() / 1e18)
        text = f"{SECRET_ID},{stamp},{nonce}".encode()
        signature = self.openssl.run("dgst", "-sha256", "-sign", key, data=text)
        return {"timestamp": stamp, "nonce": nonce, "signature": base64.b64encode(signature).decode()}

    def post(
        self, body: bytes, content_type: str = MULTIPART, secret_id: str = SECRET_ID, path: str = ""
    ) -> Any:
        """Send, verify the answer's signature by openssl, and return the JSON in it."""
        status, _, content = send(self.url, path or f"/v3/recognition/{secret_id}", body, content_type)
        assert status == 200
        envelope = json.loads(content)
        (self.openssl.folder / "answer.sig").write_bytes(base64.b64decode(envelope["signature"]))
        command = ["dgst", "-sha256", "-verify", "served.pub.pem", "-signature", "answer.sig"]
        assert b"Verified OK" in self.openssl.run(*command, data=envelope["json"].encode())
        answer = json.loads(envelope["json"])
        assert isinstance(answer["nonce"], str)
        assert abs(answer["timestamp"] / 1000 - time.time()) < 300
        return answer

    def find(self, *images: bytes, **signed: Any) -> Any:
        return self.post(multipart(self.signed(**signed), *images))

    def first(self, image: bytes) -> Any:
        return self.find(image)[TASK]["fileList"][0]


@pytest.fixture(scope="module")
def customer(openssl: OpenSsl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    data_dir = tmp_path_factory.mktemp("tupu") / "data"
    with accounts(data_dir) as keepers, engine(data_dir) as gallery:
        keepers.add_account(username="shop")
        lists = {
            "bad": ListKind.BLACK,
            "good": ListKind.WHITE,
            PLAIN: ListKind.PLAIN,
            "other": ListKind.BLACK,
        }
        for number, (name, kind) in enumerate(lists.items(), start=1):
            gallery.create_channel(name=name, settings=ChannelSettings(owner="shop", kind=kind))
            picture = Picture(name="p.png", data=poster(number))
            gallery.add(channel=name, item=AddItem(picture=picture, identifier=f"poster{number}"))
        for name in ("bad", "good"):
            picture = Picture(name="p.png", data=poster(7))
            gallery.add(channel=name, item=AddItem(picture=picture, identifier="both"))
        keepers.bind(
            TupuBinding(
                secret_id=SECRET_ID,
                username="shop",
                channels=("bad", "good", PLAIN),
                public_key=openssl.text("customer.pub.pem"),
            )
        )
    with threaded_folder(data_dir, public_url=PUBLIC_URL) as url:
        words = command(data_dir, "account", "server-key")
        printed = subprocess.run(words, capture_output=True, check=True, env=clean_env(data_dir))
        (openssl.folder / "served.pub.pem").write_bytes(printed.stdout)
        yield Customer(url, data_dir, openssl)


def test_labels_follow_the_list_of_the_best_relative(customer: Customer) -> None:
    for number, label in ((1, 0), (2, 1), (3, 1)):
        file = customer.first(photo_of(number))
        assert (file["name"], file["label"]) == ("photo.jpg", label)
        assert file["similarity"] == file["relatives"][0]["score"] > 0
    assert customer.first(photo_of(7))["label"] == 0  # in both lists: black goes first


def test_what_is_in_no_bound_list_has_label_2(customer: Customer) -> None:
    for image in (photo_of(4), photo_of(9), encoded(poster_pixels(1) * 0 + 200)):
        assert customer.first(image)["label"] == 2


def test_relatives_are_urls_that_die_with_their_picture(customer: Customer) -> None:
    channel, identifier = PLAIN, "mortal"
    with engine(customer.data_dir) as gallery:
        item = AddItem(picture=Picture(name="p.png", data=poster(11)), identifier=identifier)
        gallery.add(channel=channel, item=item)
        path = customer.first(photo_of(11))["relatives"][0]["path"]
        assert path.startswith(f"{PUBLIC_URL}/pictures/")
        local = path.removeprefix(PUBLIC_URL)
        status, headers, content = send(customer.url, local, method="GET")
        assert (status, headers["content-type"]) == (200, "image/jpeg")
        assert content.startswith(b"\xff\xd8")
        for guess in (
            local.replace("/mortal", "/poster3"),
            local.replace(f"/{quote(PLAIN)}/", "/good/"),
            local[:-9] + "x",
        ):
            assert guess != local
            assert send(customer.url, guess, method="GET")[0] == 404
        assert send(customer.url, f"/pictures/{'A' * 43}/plain/mortal", method="GET")[0] == 404
        replaced = TargetChanges(picture=Picture(name="p.png", data=poster(12)))
        gallery.update(channel=channel, identifier=identifier, changes=replaced)
        assert send(customer.url, local, method="GET")[0] == 404
        gallery.remove(channel=channel, identifier=identifier)
        assert send(customer.url, local, method="GET")[0] == 404


def test_several_pictures_with_tags_in_both_forms(customer: Customer) -> None:
    photos = [photo_of(1), photo_of(2), photo_of(9)]
    fields = [*customer.signed().items(), ("tag", "a"), ("tag", "b"), ("task", TASK), ("uid", "u")]
    by_form = customer.post(multipart(fields, *photos))[TASK]["fileList"]
    assert [(file["label"], file["tag"]) for file in by_form] == [(0, "a"), (1, "b"), (2, "b")]
    body = {
        **customer.signed(key="customer.pkcs8.pem"),
        "images": [base64.b64encode(photo).decode() for photo in photos],
        "tags": ["a", "b"],
    }
    path = f"/v3/recognition/image/sync/base64/{SECRET_ID}"
    by_json = customer.post(json.dumps(body).encode(), JSON, path=path)[TASK]["fileList"]
    unnamed = [{**file, "name": ""} for file in by_form]
    assert [{**file, "name": ""} for file in by_json] == unnamed


def test_requests_that_are_not_authorized(customer: Customer) -> None:
    photo = photo_of(1)
    good = customer.signed()
    wrong_key = customer.signed(key="service.pkcs1.pem")
    for change in (
        {"signature": wrong_key["signature"]},
        {"nonce": "0.1"},
        {"timestamp": "1"},
        {"signature": "x"},
    ):
        assert customer.post(multipart(good | change, photo))["code"] == 1
    del wrong_key["signature"]
    assert customer.post(multipart(wrong_key, photo))["code"] == 1
    assert customer.post(multipart(good, photo), secret_id="unknown")["code"] == 6
    assert customer.post(multipart(good, photo))["code"] == 0


@pytest.mark.parametrize("seconds", [-301, 302])
def test_the_past_and_the_future_are_refused(customer: Customer, seconds: int) -> None:
    assert customer.find(photo_of(1), when=time.time() + seconds)["code"] == 12


@pytest.mark.parametrize("when", ["soon", "nan", "1e999", "-1", ""])
def test_a_timestamp_that_is_none_is_refused(customer: Customer, when: str) -> None:
    assert customer.find(photo_of(1), when=when)["code"] in (1, 12)


def test_milliseconds_are_a_timestamp_too(customer: Customer) -> None:
    assert customer.find(photo_of(1), when=str(int(time.time() * 1000)))["code"] == 0


def test_a_request_works_once_also_under_another_form(customer: Customer) -> None:
    signed = customer.signed()
    assert customer.post(multipart(signed, photo_of(1)))["code"] == 0
    assert customer.post(multipart(signed, photo_of(2)))["code"] == 1
    search = json.dumps({**signed, "secretId": SECRET_ID}).encode()
    path = "/v3/management/image-library/search"
    assert customer.post(search, JSON, path=path)["code"] == 1


def test_a_wrong_signature_does_not_use_up_a_nonce(customer: Customer) -> None:
    signed = customer.signed()
    assert customer.post(multipart(signed | {"signature": "AAAA"}, photo_of(1)))["code"] == 1
    assert customer.post(multipart(signed, photo_of(1)))["code"] == 0


def race(url: str, bodies: list[bytes], barrier: Any, codes: Any) -> None:
    for body in bodies:
        barrier.wait()
        answer = send(url, f"/v3/recognition/{SECRET_ID}", body, MULTIPART)[2]
        codes.put(json.loads(json.loads(answer)["json"])["code"])


def test_two_processes_racing_on_one_nonce(customer: Customer) -> None:
    """Two servers over one data folder get the same request at the same time: one of them takes it."""
    spawn = multiprocessing.get_context("spawn")
    barrier, codes = spawn.Barrier(2), spawn.Queue()
    bodies = [multipart(customer.signed(), photo_of(1)) for _ in range(4)]
    with threaded_folder(customer.data_dir) as other:
        urls = (customer.url, other)
        racers = [spawn.Process(target=race, args=(url, bodies, barrier, codes)) for url in urls]
        for racer in racers:
            racer.start()
        assert sorted(codes.get(timeout=60) for _ in range(8)) == [0] * 4 + [1] * 4
        for racer in racers:
            racer.join(60)


def test_pictures_that_cannot_be_taken(customer: Customer) -> None:
    assert customer.find(b"no picture")["code"] == 14
    assert customer.find(photo_of(1), b"no picture")["code"] == 14
    assert customer.find()["code"] == 3
    assert customer.find(*[photo_of(1)] * 11)["code"] == 3
    assert customer.find(photo_of(1) + bytes(11_000_000))["code"] == 400
    urls = [*customer.signed().items(), ("image", "http://127.0.0.1/x.jpg")]
    assert customer.post(multipart(urls))["code"] == 404
    assert customer.post(multipart(urls, photo_of(1)))["code"] in (1, 3)
    task = [*customer.signed().items(), ("task", "another")]
    assert customer.post(multipart(task, photo_of(1)))["code"] == 7
    assert customer.post(b"{}", JSON)["code"] == 3


def test_urls_of_private_addresses_are_refused_where_urls_are_enabled(customer: Customer) -> None:
    with threaded_folder(customer.data_dir, url_pictures=True) as url:
        fields = [*customer.signed().items(), ("image", f"{url}/healthz")]
        assert Customer(url, customer.data_dir, customer.openssl).post(multipart(fields))["code"] == 404


def test_other_methods_are_refused_in_the_envelope(customer: Customer) -> None:
    for method in ("GET", "PUT", "OPTIONS"):
        status, _, content = send(customer.url, f"/v3/recognition/{SECRET_ID}", method=method)
        assert (status, json.loads(json.loads(content)["json"])["code"]) == (200, 3)


def test_a_server_on_all_addresses_makes_no_links_to_them(customer: Customer) -> None:
    with threaded_folder(customer.data_dir, host="0.0.0.0") as url:
        there = Customer(url, customer.data_dir, customer.openssl)
        path = there.first(photo_of(1))["relatives"][0]["path"]
        assert path.startswith("/pictures/")
        assert send(url, path, method="GET")[0] == 200


def test_libraries_are_the_bound_channels(customer: Customer) -> None:
    path = "/v3/management/image-library/search"

    def search(**more: str) -> list[tuple[str, str]]:
        body = json.dumps({**customer.signed(), "secretId": SECRET_ID, **more}).encode()
        answer = customer.post(body, JSON, path=path)
        return [(library["name"], library["type"]) for library in answer["imageLibraries"]]

    assert search() == [("bad", "black"), ("good", "white"), (PLAIN, "plain")]
    assert search(name="good") == [("good", "white")]
    assert search(name="other") == []


def refusal(content: bytes) -> Any:
    """Return what was refused: in the signed envelope, or plain to a stranger who was refused often."""
    answer = json.loads(content)
    return json.loads(answer["json"]) if "json" in answer else answer


def test_strangers_get_so_many_signatures_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(tmp_path / "data") as keepers:
        keepers.add_account(username="shop")
    monkeypatch.setattr(access, "ADMISSION", replace(access.ADMISSION, signed=(20, 0.0)))  # none comes back
    path = "/v3/recognition/image/sync/base64/unknown"
    with threaded_folder(tmp_path / "data") as url:
        answers = [json.loads(send(url, path, b"{}", JSON)[2]) for _ in range(30)]
    assert ["signature" in answer for answer in answers] == [True] * 20 + [False] * 10
    assert answers[-1]["code"] == 1 or answers[-1]["error"]


@pytest.mark.skipif(
    ON_CLUSTER, reason="there the refusals of servers before count, see tests/cluster/test_limits.py"
)
def test_wrong_signatures_are_slowed_and_the_right_key_goes_on(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "ADMISSION", replace(access.ADMISSION, forgiven=0.0))
    with threaded_folder(customer.data_dir, failures_per_address=3) as url:
        there = Customer(url, customer.data_dir, customer.openssl)
        assert there.find(photo_of(1))["code"] == 0
        wrong = multipart(there.signed() | {"signature": "AAAA"}, photo_of(1))
        codes = [there.post(wrong)["code"] for _ in range(5)]
        assert codes == [1, 1, 1, 100, 100]


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(["", "/image/sync/base64"]),
    st.sampled_from([MULTIPART, JSON, "x"]),
)
def test_any_body_gets_a_signed_refusal(customer: Customer, body: bytes, form: str, kind: str) -> None:
    answer = refusal(send(customer.url, f"/v3/recognition{form}/{SECRET_ID}", body, kind)[2])
    assert answer["code"] in (1, 3)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["images", "tags", "tasks", "timestamp", "nonce", "signature", "uid", "secretId"]),
        st.recursive(
            st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3),
        ),
    )
)
def test_any_json_gets_a_signed_refusal(customer: Customer, body: dict[str, Any]) -> None:
    for path in (f"/v3/recognition/image/sync/base64/{SECRET_ID}", "/v3/management/image-library/search"):
        answer = refusal(send(customer.url, path, json.dumps(body).encode(), JSON)[2])
        assert answer["code"] in (1, 3, 6, 12, 100)


@pytest.fixture
def routes(tmp_path: Path) -> Iterator[TupuRoutes]:
    options = ServeOptions(data_dir=tmp_path / "data")
    with Accounts(tmp_path / "data") as accounts, LocalGallery(tmp_path / "data") as gallery:
        accounts.add_account(username="shop")
        for name in ("sound", "wreck"):
            gallery.create_channel(name=name, settings=ChannelSettings(owner="shop"))
    service = Service(open_backend(options.data_dir), options, Metrics())
    yield TupuRoutes(service)
    service.close()


@needs_folder
def test_a_broken_channel_is_left_out_of_the_libraries(routes: TupuRoutes, tmp_path: Path) -> None:
    (store,) = (tmp_path / "data").glob("channels/wreck-*/store.sqlite")
    store.write_bytes(b"garbage " * 4096)
    anyone = Principal(username="shop", key_id="x", scope=Scope.FIND, channels=("sound", "wreck"))
    found = routes._libraries(anyone, None)
    assert [library["name"] for library in found["imageLibraries"]] == ["sound"]


@needs_folder
def test_a_server_that_is_too_busy_to_sign_refuses_in_the_envelope(routes: TupuRoutes) -> None:
    routes._service.quick._places = 0
    request = Request({"type": "http", "method": "POST", "headers": [], "client": ("192.0.2.1", 9)})
    request.state.admitted = None
    reply = asyncio.run(routes.refused(request, "", Busy("the queue is full")))
    assert json.loads(bytes(reply.response.body))["error"] == "the queue is full"
    with pytest.raises(Busy):
        asyncio.run(routes.succeeded(request, {}))


def test_all_pictures_of_a_request_share_one_time(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of ten may wait for its turn: together they would take minutes on a busy server."""
    monkeypatch.setattr(calls, "TUPU", calls.TupuTuning(seconds=0.001))
    answer = customer.post(multipart(customer.signed(), photo_of(1), photo_of(2)))
    assert (answer["code"], TASK in answer) == (100, False)
    monkeypatch.undo()
    assert customer.first(photo_of(1))["label"] == 0
