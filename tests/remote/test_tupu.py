"""The Tupu client against a service written from the document alone, over real HTTP."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from arcli import errors
from arcli.errors import ArcliError, BadAnswer, BadSignature, NotSupported, Unreachable
from arcli.models import AddItem, FindOptions, ListQuery, Picture, StatisticsQuery, TargetChanges
from arcli.protocols.tupu.keys import load_private_key, load_public_key
from arcli.remote.http.transport import HttpTransport
from arcli.remote.tupu.calls import TupuAccount, TupuOptions
from arcli.remote.tupu.gallery import TupuGallery
from arcli.remote.tupu.pictures import Ready, Unready, requests_of
from tests.fakes.http import BUSY, LOST, RESET, UNAVAILABLE, Reply
from tests.fakes.tupu import SECRET_ID, FakeTupu, private_pem, public_pem
from tests.remote.conftest import Clock, decoded, picture

Open = Callable[..., TupuGallery]


@pytest.fixture
def service() -> Iterator[FakeTupu]:
    fake = FakeTupu()
    fake.teach("black", "https://pictures.example/black/1.jpg", picture(1).read())
    fake.teach("white", "https://pictures.example/white/2.jpg", picture(2).read())
    yield fake
    fake.stop()


@pytest.fixture
def open_tupu(service: FakeTupu, clock: Clock) -> Iterator[Open]:
    opened: list[TupuGallery] = []

    def connect(*, who: str = "customer", believed: str | None = "service", **options: Any) -> TupuGallery:
        account = TupuAccount(
            secret_id=SECRET_ID,
            private_key=load_private_key(private_pem(who, options.pop("form", "PKCS8"))),
            public_key=None if believed is None else load_public_key(public_pem(believed)),
        )
        more = {"now": options.pop("now")} if "now" in options else {}
        transport = HttpTransport(service.url)
        gallery = TupuGallery(transport, account, TupuOptions(**options), retry=clock.retry(), **more)
        opened.append(gallery)
        return gallery

    yield connect
    for gallery in opened:
        gallery.close()


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("form", ["PKCS1", "PKCS8"])
def test_photos_are_told_black_white_or_not_in_the_gallery(open_tupu: Open, as_json: bool, form: str) -> None:
    gallery = open_tupu(as_json=as_json, form=form)
    photos = [picture(seed, name=f"{seed}.jpg") for seed in (2, 3, 1)]
    white, neither, black = gallery.find_many(pictures=photos, channels=None)
    assert [match.label for result in (white, neither, black) for match in result.matches] == [
        "white",
        "black",
    ]
    assert black.matches[0].identifier == "https://pictures.example/black/1.jpg"
    assert (black.matches[0].score, black.image) == (0.93, "1.jpg")
    assert not neither.matched
    assert [(c.identifier, c.score) for c in neither.candidates] == [
        ("https://pictures.example/white/2.jpg", 0.31)
    ]


def test_pictures_by_url_and_from_files_go_apart(service: FakeTupu, open_tupu: Open) -> None:
    url = "https://pictures.example/black/1.jpg"
    photos = [picture(2), Picture.from_path(url), Picture.from_path(url), picture(1)]
    labels = [result.matches[0].label for result in open_tupu().find_many(pictures=photos, channels=None)]
    assert labels == ["white", "black", "black", "black"]
    kinds = sorted((len(request.files), request.fields.count(("image", url))) for request in service.requests)
    assert kinds == [(0, 2), (1, 0), (1, 0)]


def test_tags_tasks_and_uid_travel_along(service: FakeTupu, open_tupu: Open) -> None:
    gallery = open_tupu(tags=("a", "b"), tasks=("5c8f44ca25ade48455a63bad",), uid="me")
    list(gallery.find_many(pictures=[picture(1)] * 3, channels=None))
    fields = service.requests[0].fields
    assert [value for name, value in fields if name == "tag"] == ["a", "b"]
    assert ("task", "5c8f44ca25ade48455a63bad") in fields
    assert ("uid", "me") in fields


def test_a_long_list_is_split_at_ten(service: FakeTupu, open_tupu: Open) -> None:
    photos = [picture(1 + k % 3, name=f"{k}.jpg") for k in range(23)]
    results = list(open_tupu().find_many(pictures=photos, channels=None))
    assert [result.image for result in results] == [photo.name for photo in photos]
    assert [result.matched for result in results] == [k % 3 != 2 for k in range(23)]
    assert sorted(len(request.files) for request in service.requests) == [3, 10, 10]


def test_a_request_is_split_at_thirty_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arcli.remote.tupu.pictures.MOST_BODY_BYTES", 1_000_000)
    photos = [Picture(name=str(k), data=b"x" * 300_000) for k in range(5)]
    sizes = [[item.name for item in chunk] for chunk in requests_of(photos)]
    assert sizes == [["0", "1"], ["2", "3"], ["4"]]


def test_a_picture_over_one_megabyte_is_shrunk_and_it_is_said(
    service: FakeTupu, open_tupu: Open, caplog: pytest.LogCaptureFixture
) -> None:
    large = cv2.resize(cv2.imdecode(np.frombuffer(picture(1).read(), np.uint8), 1), (1600, 1600))
    noisy = np.clip(large + np.random.default_rng(0).normal(0, 20, large.shape), 0, 255).astype(np.uint8)
    data = cv2.imencode(".png", noisy)[1].tobytes()
    assert len(data) > 1_000_000
    with caplog.at_level(logging.WARNING):
        result = open_tupu().find(picture=Picture(name="large.png", data=data), channels=None)
    assert result.matches[0].label == "black"
    sent = service.requests[0].files[0][2]
    assert len(sent) < 750_000
    assert max(decoded(sent).shape) == 512
    assert "large.png: sent at 512 px" in caplog.text


def test_what_cannot_be_read_is_its_own_failure(open_tupu: Open) -> None:
    photos = [picture(1), Picture.from_path("/nowhere/at/all.jpg"), picture(2)]
    first, missing, last = open_tupu().find_many(pictures=photos, channels=None)
    assert first.matched
    assert last.matched
    assert isinstance(missing.error, errors.PictureNotFound)


def test_one_refused_picture_does_not_spoil_its_request(service: FakeTupu, open_tupu: Open) -> None:
    photos = [picture(1), Picture(name="bad.jpg", data=b"no picture"), picture(2)]
    first, bad, last = open_tupu().find_many(pictures=photos, channels=None)
    assert (first.matches[0].label, last.matches[0].label) == ("black", "white")
    assert isinstance(bad.error, errors.UnreadablePicture)
    assert len(service.requests) == 4


def test_answers_are_put_in_order_by_their_names(service: FakeTupu, open_tupu: Open) -> None:
    def reversed_files(request: Any) -> Reply:
        envelope = json.loads(service.answer(request).body)
        body = json.loads(envelope["json"])
        body["5c8f44ca25ade48455a63bad"]["fileList"].reverse()
        return service.sealed(body)

    service.faults = [reversed_files]
    results = open_tupu().find_many(pictures=[picture(1), picture(2)], channels=None)
    assert [result.matches[0].label for result in results] == ["black", "white"]
    service.names = False
    results = open_tupu().find_many(pictures=[picture(1), picture(2)], channels=None)
    assert [result.matches[0].label for result in results] == ["black", "white"]


def test_a_picture_that_the_answer_leaves_out_has_an_error(service: FakeTupu, open_tupu: Open) -> None:
    def shortened(request: Any) -> Reply:
        body = json.loads(json.loads(service.answer(request).body)["json"])
        del body["5c8f44ca25ade48455a63bad"]["fileList"][0]
        return service.sealed(body)

    service.faults = [shortened]
    first, second = open_tupu().find_many(pictures=[picture(1), picture(2)], channels=None)
    assert isinstance(first.error, BadAnswer)
    assert second.matches[0].label == "white"


# Whom to believe


def forged(service: FakeTupu) -> dict[str, Callable[[Any], Reply]]:
    def changed(**change: Any) -> Callable[[Any], Reply]:
        def reply(request: Any) -> Reply:
            envelope = json.loads(service.answer(request).body)
            return Reply.of({key: change.get(key, lambda old: old)(old) for key, old in envelope.items()})

        return reply

    def only(what: Callable[[dict[str, Any]], Any]) -> Callable[[Any], Reply]:
        return lambda request: Reply.of(what(json.loads(service.answer(request).body)))

    return {
        "one byte": changed(json=lambda old: old.replace('"label": 0', '"label": 2')),
        "encoded again": changed(json=lambda old: json.dumps(json.loads(old))),
        "signature of another": changed(signature=lambda old: "A" * len(old)),
        "no signature": only(lambda envelope: {"json": envelope["json"]}),
        "no envelope": only(lambda envelope: json.loads(envelope["json"])),
        "wrong key": lambda request: service.sealed(
            json.loads(json.loads(service.answer(request).body)["json"]), who="somebody"
        ),
        "an old answer": lambda request: service.sealed(
            json.loads(json.loads(service.answer(request).body)["json"]) | {"timestamp": 1595318082309}
        ),
    }


@pytest.mark.parametrize("how", sorted(forged(FakeTupu.__new__(FakeTupu))))
def test_a_forged_answer_is_refused(service: FakeTupu, open_tupu: Open, how: str) -> None:
    service.faults = [forged(service)[how]]
    with pytest.raises((BadSignature, BadAnswer)) as caught:
        open_tupu().find(picture=picture(1), channels=None)
    assert caught.value.exit_status == 12
    assert len(service.requests) == 1


def test_without_verifying_it_is_believed_with_a_warning(
    service: FakeTupu, open_tupu: Open, caplog: pytest.LogCaptureFixture
) -> None:
    service.faults = [forged(service)["wrong key"], forged(service)["no envelope"]]
    with caplog.at_level(logging.WARNING):
        gallery = open_tupu(believed=None)
    assert "without checking their signature" in caplog.text
    assert gallery.find(picture=picture(1), channels=None).matched
    assert gallery.find(picture=picture(1), channels=None).matched


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply.of({"error": "certificate expired"}), BadAnswer),
        (Reply(200, b"<html>"), BadAnswer),
        (Reply(404, b"{}"), BadAnswer),
    ],
)
def test_unsigned_errors_are_told(
    service: FakeTupu, open_tupu: Open, reply: Reply, kind: type[ArcliError]
) -> None:
    service.faults = [lambda request: reply]
    with pytest.raises(kind):
        open_tupu().find(picture=picture(1), channels=None)


@pytest.mark.parametrize("fault", [RESET, LOST, BUSY, UNAVAILABLE])
def test_each_fault_passes_with_a_new_signature(service: FakeTupu, open_tupu: Open, fault: str) -> None:
    service.faults = [fault]
    assert open_tupu().find(picture=picture(1), channels=None).matched
    nonces = [request.values["nonce"] for request in service.requests]
    assert len(set(nonces)) == len(nonces) == 2


def test_a_gateway_that_stays_broken_is_unreachable(service: FakeTupu, open_tupu: Open) -> None:
    service.faults = [BUSY] * 9
    with pytest.raises(Unreachable, match="502"):
        open_tupu().find(picture=picture(1), channels=None)


def test_a_wrong_key_and_a_wrong_clock_are_told(open_tupu: Open) -> None:
    with pytest.raises(errors.WrongCredentials):
        open_tupu(who="somebody").find(picture=picture(1), channels=None)
    with pytest.raises(ArcliError) as caught:
        open_tupu(now=lambda: 1_000_000_000.0).find(picture=picture(1), channels=None)
    assert "clock" in (caught.value.hint or "")


# What else it can do, and what not


def test_libraries_are_listed(open_tupu: Open) -> None:
    page = open_tupu().list(channel="default")
    assert [(target.identifier, target.matchratio) for target in page.targets] == [("17", 0.8), ("18", 0.7)]
    assert json.loads(page.targets[0].metadata or "") == {
        "name": "banned",
        "type": "black",
        "status": "on",
        "images": 2,
    }
    chosen = open_tupu().list(channel="default", query=ListQuery(where=(("type", "white"),)))
    assert [target.identifier for target in chosen.targets] == ["18"]
    (finding,) = open_tupu().probe()
    assert finding.ok


def test_everything_else_is_not_supported(open_tupu: Open) -> None:
    gallery = open_tupu()
    item = AddItem(picture=picture(1), identifier="card")
    day = __import__("datetime").date(2025, 1, 1)
    tries = [
        lambda: gallery.add(channel="c", item=item),
        lambda: gallery.add_many(channel="c", items=[item]),
        lambda: gallery.remove(channel="c", identifier="card"),
        lambda: gallery.get(channel="c", identifier="card"),
        lambda: gallery.picture(channel="c", identifier="card"),
        lambda: gallery.update(channel="c", identifier="card", changes=TargetChanges(metadata="1")),
        lambda: gallery.statistics(query=StatisticsQuery(start=day, end=day)),
        lambda: gallery.find(picture=picture(1), channels=None, options=FindOptions(threshold=0.5)),
    ]
    for attempt in tries:
        with pytest.raises(NotSupported):
            attempt()


def test_ready_pictures_know_their_size() -> None:
    assert Ready("a", b"x" * 10).size == 16
    assert isinstance(next(requests_of([Picture.from_path("/nowhere.jpg")]))[0], Unready)
