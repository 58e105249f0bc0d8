"""Each documented return code of each call, provoked by requests made by hand."""

from __future__ import annotations

import json
import pickle
import zlib

import cv2
import numpy as np
import pytest

from arcli.errors import ShellHint, TargetNotFound
from arcli.models import AddItem, Picture
from arcli.protocols.arcloud.codes import Call
from arcli.protocols.reading import error_json
from tests.engine.conftest import encoded, poster, poster_pixels
from tests.server.conftest import Served
from tests.server.places import engine
from tests.server.raw import MULTIPART, URLENCODED, call, code, multipart, send, urlencoded

pytestmark = pytest.mark.cluster
JSON = "application/json"
BLANK = encoded(poster_pixels(1) * 0 + 200)
GIF = b"GIF89a" + b"\1\0\1\0\x80\0\0" + b"\0" * 3 + b"\xff" * 3 + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;"


@pytest.fixture(scope="module", autouse=True)
def one_poster(served: Served, picture: bytes) -> None:
    fields = served.login(channel="posters", identifier="poster1", metadata='{"a": 1}')
    assert code(served.url, "AddImage", fields, picture) == 0


def test_add_image_answers_a_level(served: Served) -> None:
    fields = served.login(channel="posters", identifier="a@b_c.9", metadata="[1]")
    answer = call(served.url, "AddImage", fields, poster(2))
    assert answer["returncode"] == 0
    assert answer["level"] in range(1, 6)


@pytest.mark.parametrize(
    ("change", "image", "expected"),
    [
        ({"secretkey": "wrong"}, "picture", 20001),
        ({"username": "nobody"}, "picture", 20001),
        ({"channel": "nowhere"}, "picture", 20003),
        ({"channel": "../posters"}, "picture", 20003),
        ({"channel": "theirs"}, "picture", 20004),
        ({"identifier": "a b"}, "picture", 20010),
        ({"identifier": "ab"}, "picture", 20010),
        ({"identifier": "x" * 51}, "picture", 20010),
        ({"identifier": "abc\n"}, "picture", 20010),
        ({"identifier": "poster1"}, "picture", 20016),
        ({}, "blank", 20013),
        ({}, "text", 20007),
        ({}, "empty", 20007),
        ({}, "gif", 20007),
        ({}, "cut", 20007),
        ({}, "none", 29001),
        ({"metadata": "{"}, "picture", 29001),
        ({"metadata": json.dumps("x" * 65536)}, "picture", 29001),
        ({"matchratio": "nan"}, "picture", 29001),
        ({"identifier": ""}, "picture", 20010),
        ({"metadata": "x" * 140_000}, "picture", 20006),
        ({"matchratio": "1_0"}, "picture", 29001),
        ({"matchratio": "٣"}, "picture", 29001),
        ({"matchratio": "1e1"}, "picture", 29001),
        ({"metadata": '"\\ud800"'}, "picture", 29001),
        ({"metadata": "NaN"}, "picture", 29001),
        ({"replace": "maybe"}, "picture", 29001),
        ({"channel": ""}, "picture", 29001),
        ({"username": ""}, "picture", 29001),
    ],
)
def test_add_image_refuses(
    served: Served, picture: bytes, change: dict[str, str], image: str, expected: int
) -> None:
    images = {
        "picture": picture,
        "blank": BLANK,
        "text": b"hello",
        "empty": b"",
        "gif": GIF,
        "cut": picture[:40],
        "none": None,
    }
    fields = served.login(channel="posters", identifier="new.one") | change
    assert code(served.url, "AddImage", fields, images[image]) == expected
    listing = call(served.url, "GetImages", served.login(channel="posters"))
    assert "new.one" not in [image["identifier"] for image in listing["images"]]


def test_hints_are_for_who_calls_and_not_for_a_shell(served: Served, picture: bytes) -> None:
    fields = served.login(channel="posters", identifier="poster1")
    hint = call(served.url, "AddImage", fields, picture)["error"]["hint"]
    assert ("replace" in hint, "--" in hint) == (True, False)
    fields = served.login(channel="posters", identifier="poster_9", noduplicates="1")
    error = call(served.url, "AddImage", fields, picture)["error"]
    assert (error["code"], "--" in error["hint"]) == ("duplicate_picture", False)
    command = TargetNotFound("no such target", hint=ShellHint("run: arcli doctor --repair"))
    assert "hint" not in error_json(command)
    assert "hint" not in error_json(command.about("it").reworded("it is not there")), "the mark stays"
    assert "hint" not in error_json(pickle.loads(pickle.dumps(command))), "also from another process"
    assert error_json(TargetNotFound("no such target", hint="is it spelt so?"))["hint"] == "is it spelt so?"


def test_a_full_channel_answers_20012(served: Served) -> None:
    for identifier, expected in (("one", 0), ("two", 20012)):
        fields = served.login(channel="full", identifier=identifier)
        assert code(served.url, "AddImage", fields, poster(3)) == expected


def test_a_channel_may_take_more_formats(served: Served) -> None:
    webp = encoded(poster_pixels(4), ".webp")
    for channel, expected in (("posters", 20007), ("wide", 0)):
        assert (
            code(served.url, "AddImage", served.login(channel=channel, identifier="webp"), webp) == expected
        )


@pytest.mark.parametrize("name", ["AddImage", "FindImage"])
@pytest.mark.parametrize("content_type", [URLENCODED, JSON, None, "multipart/mixed; boundary=x", "image/png"])
def test_calls_with_a_picture_need_multipart(served: Served, name: str, content_type: str | None) -> None:
    body = urlencoded(served.login(channel="posters", identifier="new.one", image="x"))
    status, _, content = send(served.url, f"/{name}", body, content_type)
    assert (status, json.loads(content)["returncode"]) == (200, 20005)


@pytest.mark.parametrize("name", ["AddImage", "FindImage"])
@pytest.mark.parametrize("kind", ["no boundary", "other boundary", "cut", "garbage", "not multipart"])
def test_multipart_that_is_none_answers_20005(served: Served, picture: bytes, name: str, kind: str) -> None:
    body = multipart(served.login(channel="posters", identifier="new.one"), picture)
    content_type = MULTIPART
    if kind == "no boundary":
        content_type = "multipart/form-data"
    elif kind == "other boundary":
        content_type = "multipart/form-data; boundary=other"
    elif kind == "cut":
        body = body[:-20]
    else:
        body = b"\r\n--" * 1000 if kind == "garbage" else b"{}"
    status, _, content = send(served.url, f"/{name}", body, content_type)
    assert (status, json.loads(content)["returncode"]) == (200, 20005)


@pytest.mark.parametrize("name", ["AddImage", "FindImage"])
@pytest.mark.parametrize("size", [10 * 1024 * 1024 + 1, 14_000_000])
def test_a_picture_over_10_mb_answers_20006(served: Served, picture: bytes, name: str, size: int) -> None:
    fields = served.login(channel="posters", identifier="new.one")
    assert code(served.url, name, fields, picture + bytes(size - len(picture))) == 20006


def test_a_picture_over_50_megapixels_answers_20006(served: Served, picture: bytes) -> None:
    huge = bytearray(encoded(poster_pixels(1)[:64, :64]))
    huge[16:24] = (10_000).to_bytes(4, "big") + (5_001).to_bytes(4, "big")
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    assert code(served.url, "FindImage", served.login(), bytes(huge)) == 20006


def test_remove_image(served: Served) -> None:
    assert code(served.url, "AddImage", served.login(channel="posters", identifier="gone"), poster(5)) == 0
    for removed in (1, 0):
        answer = call(served.url, "RemoveImage", served.login(channel="posters", identifier="gone"))
        assert answer == {"returncode": 0, "removed": removed}
    refusals = {"nowhere": 20003, "theirs": 20004}
    for channel, expected in refusals.items():
        assert code(served.url, "RemoveImage", served.login(channel=channel, identifier="gone")) == expected
    wrong = served.login(channel="posters", identifier="gone") | {"secretkey": "no"}
    assert code(served.url, "RemoveImage", wrong) == 20001
    assert code(served.url, "RemoveImage", served.login(channel="posters")) == 29001


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 0),
        ({"secretkey": "no"}, 20001),
        ({"channel": "nowhere"}, 20003),
        ({"channel": "theirs"}, 20004),
        ({"position": "-1"}, 29001),
        ({"position": "x"}, 29001),
        ({"position": "1e400"}, 29001),
        ({"position": "99999999999999999999"}, 29001),
        ({"limit": "1_0"}, 29001),
        ({"position": "٣"}, 29001),
        ({"position": "1e1"}, 29001),
        ({"position": "1.0"}, 29001),
        ({"limit": "1001"}, 29001),
        ({"limit": "0"}, 29001),
        ({"position": "5000"}, 0),
    ],
)
def test_get_images(served: Served, change: dict[str, str], expected: int) -> None:
    assert code(served.url, "GetImages", served.login(channel="posters") | change) == expected


def test_get_image_needs_no_credentials(served: Served) -> None:
    answer = call(served.url, "GetImage", {"channel": "posters", "identifier": "poster1"})
    assert (answer["returncode"], answer["metadata"]) == (0, '{"a": 1}')
    for channel, identifier, expected in (
        ("nowhere", "poster1", 20003),
        ("posters", "no.such", 20014),
        ("posters", "a b", 20014),
        ("posters", "", 20014),
    ):
        fields = {"channel": channel, "identifier": identifier}
        assert code(served.url, "GetImage", fields) == expected


def test_a_private_channel_looks_like_none(served: Served) -> None:
    assert code(served.url, "AddImage", served.login(channel="vault", identifier="gem"), poster(6)) == 0
    fields = {"channel": "vault", "identifier": "gem"}
    nowhere = call(served.url, "GetImage", fields | {"channel": "nowhere"})
    hidden = json.loads(json.dumps(nowhere).replace("nowhere", "vault"))
    for who in ({}, served.login("rival"), {"username": "shop", "secretkey": "no"}, served.login("shop/app")):
        assert call(served.url, "GetImage", who | fields) == hidden
    assert code(served.url, "GetImage", served.login() | fields) == 0


@pytest.mark.parametrize("name", list(Call))
@pytest.mark.parametrize("who", ["rival", "shop/app"])
def test_to_whom_has_no_grant_a_private_channel_is_none(
    served: Served, picture: bytes, name: str, who: str
) -> None:
    fields = served.login(who, identifier="gem", startdate="2026", enddate="2026")
    answers = [call(served.url, name, fields | {"channel": it}, picture) for it in ("vault", "vaults")]
    hidden, none = answers
    assert hidden["returncode"] == 20003
    assert json.dumps(hidden).replace("vault", "") == json.dumps(none).replace("vaults", "")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"matchratio": "0.25", "metadata": "{}"}, 0),
        ({}, 0),
        ({"secretkey": "no"}, 20001),
        ({"channel": "nowhere"}, 20003),
        ({"channel": "theirs"}, 20004),
        ({"identifier": "no.such"}, 20014),
        ({"matchratio": "inf"}, 29001),
        ({"metadata": "no json"}, 29001),
    ],
)
def test_update_image_info(served: Served, change: dict[str, str], expected: int) -> None:
    fields = served.login(channel="posters", identifier="poster1") | change
    assert code(served.url, "UpdateImageInfo", fields) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 0),
        ({"channel": "posters"}, 0),
        ({"startdate": "2026", "enddate": "202612"}, 0),
        ({"secretkey": "no"}, 20001),
        ({"channel": "nowhere"}, 20003),
        ({"channel": "theirs"}, 20004),
        ({"channel": "posters", "identifier": "no.such"}, 20014),
        ({"identifier": "no.such"}, 20014),
        ({"startdate": "20261301"}, 29001),
        ({"startdate": "2026-01-01"}, 29001),
        ({"startdate": "20270101", "enddate": "20260101"}, 29001),
        ({"enddate": ""}, 29001),
    ],
)
def test_statistics(served: Served, change: dict[str, str], expected: int) -> None:
    fields = served.login(startdate="20260101", enddate="20991231") | change
    assert code(served.url, "Statistics", fields) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"secretkey": "no"}, 20001),
        ({"channel": "nowhere"}, 20003),
        ({"channel": "theirs"}, 20004),
        ({"limit": "0"}, 29001),
        ({"effort": "heroic"}, 29001),
        ({"threshold": "2"}, 29001),
        ({"channels": "posters"}, 29001),
    ],
)
def test_find_image_refuses(served: Served, photo: bytes, change: dict[str, str], expected: int) -> None:
    assert code(served.url, "FindImage", served.login(channel="posters") | change, photo) == expected


def test_find_image_refuses_pictures(served: Served) -> None:
    for image, expected in ((BLANK, 20013), (b"text", 20007), (GIF, 20007), (None, 29001)):
        assert code(served.url, "FindImage", served.login(channel="posters"), image) == expected


def test_find_image_says_where(served: Served, photo: bytes) -> None:
    answer = call(served.url, "FindImage", served.login(channel="posters"), photo)
    assert (answer["returncode"], answer["identifier"]) == (0, "poster1")
    assert 0 < answer["score"] <= 1
    assert len(answer["quad"]) == 4
    nothing = call(served.url, "FindImage", served.login(channel="labels"), photo)
    assert nothing == {"returncode": 0}
    everywhere = call(served.url, "FindImage", served.login(), photo)
    assert (everywhere["identifier"], everywhere["channel"]) == ("poster1", "posters")
    assert call(served.url, "FindImage", served.login("rival"), photo) == {"returncode": 0}


def test_a_scan_key_can_only_scan_its_channel(served: Served, photo: bytes, picture: bytes) -> None:
    app = served.login("shop/app")
    assert call(served.url, "FindImage", app, photo)["identifier"] == "poster1"
    assert code(served.url, "FindImage", app | {"channel": "labels"}, photo) == 20004
    dates = {"startdate": "2026", "enddate": "2026"}
    target = {"channel": "posters", "identifier": "poster1"}
    assert code(served.url, "AddImage", app | target, picture) == 20004
    assert code(served.url, "Statistics", app | dates) == 20004
    assert code(served.url, "GetImages", app | target) == 20004
    for name in ("RemoveImage", "UpdateImageInfo"):
        assert code(served.url, name, app | target) == 20004


def test_the_vendors_secret_goes_on_working(served: Served, photo: bytes) -> None:
    assert call(served.url, "FindImage", served.login("moved"), photo)["identifier"] == "poster1"
    assert code(served.url, "GetImages", served.login("moved", channel="posters")) == 20004


@pytest.mark.parametrize("name", ["RemoveImage", "GetImages", "UpdateImageInfo", "Statistics", "GetImage"])
def test_calls_without_a_picture_take_every_form(served: Served, name: str) -> None:
    fields = served.login(channel="posters", identifier="no.such", startdate="2026", enddate="2026")
    answers = [
        send(served.url, f"/{name}", urlencoded(fields), URLENCODED),
        send(served.url, f"/{name}", json.dumps(fields).encode(), JSON),
        send(served.url, f"/{name}", multipart(fields), MULTIPART),
    ]
    assert len({(status, content) for status, _, content in answers}) == 1
    for body, content_type in ((b"\xff=\xff", URLENCODED), (b"[1]", JSON), (b"{", JSON), (b"", None)):
        status, _, content = send(served.url, f"/{name}", body, content_type)
        assert (status, json.loads(content)["returncode"]) == (200, 29001)


def test_json_bodies_may_hold_numbers_and_objects(served: Served) -> None:
    fields = served.login(channel="posters", identifier="poster1")
    body = json.dumps({**fields, "matchratio": 0.5, "metadata": {"név": 1}}, ensure_ascii=False)
    status, _, content = send(served.url, "/UpdateImageInfo", body.encode(), JSON)
    answer = json.loads(content)
    assert (status, answer["matchratio"], json.loads(answer["metadata"])) == (200, 0.5, {"név": 1})


def test_routes(served: Served) -> None:
    for path in ("/", "/addimage", "/AddImage/", "/FindImages", "/arcli"):
        assert send(served.url, path, b"")[0] == 404
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "STRANGE"):
        secret = served.secrets["shop"]
        path = f"/GetImages?username=shop&secretkey={secret}&channel=posters"
        status, _, content = send(served.url, path, method=method)
        assert (status, json.loads(content)["returncode"]) == (200, 29001)
    assert send(served.url, "/healthz", method="GET")[0] == 200
    assert send(served.url, "/readyz", method="GET")[0] == 200


def test_pages_have_100_images_in_the_order_of_code_points(served: Served) -> None:
    names = [f"{first}{number:02}" for first in "Zz@a" for number in range(30)]
    with engine(served.data_dir) as gallery:
        picture = Picture(name="p", data=encoded(poster_pixels(8, side=160)))
        items = [AddItem(picture=picture, identifier=name) for name in names]
        assert {result.error for result in gallery.add_many(channel="labels", items=items)} == {None}
    listed: list[str] = []
    for size in (100, 20, 0):
        answer = call(served.url, "GetImages", served.login(channel="labels", position=str(len(listed))))
        assert (answer["totalcount"], len(answer["images"])) == (120, size)
        listed += [image["identifier"] for image in answer["images"]]
    assert listed == sorted(names)
    larger = call(served.url, "GetImages", served.login(channel="labels", limit="1000", position="5"))
    assert len(larger["images"]) == 115


def test_a_matchratio_outside_its_range_is_kept_and_ignored(served: Served, photo: bytes) -> None:
    fields = served.login(channel="posters", identifier="poster1", matchratio="75")
    assert call(served.url, "UpdateImageInfo", fields)["matchratio"] == 75
    assert call(served.url, "FindImage", served.login(channel="posters"), photo)["identifier"] == "poster1"
    strict = fields | {"matchratio": "1"}
    assert call(served.url, "UpdateImageInfo", strict)["matchratio"] == 1
    assert (
        call(served.url, "FindImage", served.login(channel="posters"), poster(1))["identifier"] == "poster1"
    )
    pixels = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
    weak = cv2.GaussianBlur(cv2.resize(pixels, None, fx=0.25, fy=0.25), (0, 0), 1.6)
    for ratio, found in (("1", False), ("0.05", True)):
        assert code(served.url, "UpdateImageInfo", fields | {"matchratio": ratio}) == 0
        answer = call(served.url, "FindImage", served.login(channel="posters"), encoded(weak))
        assert ("identifier" in answer) is found, answer
    assert code(served.url, "UpdateImageInfo", fields | {"matchratio": "0.5"}) == 0
