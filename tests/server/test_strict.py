"""Every call, sent every kind of value: always answered in its own envelope, never by a bug."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcli.errors import UsageError
from arcli.protocols.arcloud.codes import Call
from arcli.protocols.strict import decimal_number, written_number
from tests.server.conftest import Served
from tests.server.raw import multipart, send

pytestmark = pytest.mark.cluster
JSON = "application/json"
STRANGE = ["\ud800", "1_0", "٣", "1e1", "NaN", "-1", "1.5", "", " ", "\0", "x" * 300, "..", "%00", "nul"]
STRANGE += ["9" * 309, "9" * 400]
NAMES = st.one_of(
    st.sampled_from(["username", "secretkey", "channel", "channels", "identifier", "metadata", "matchratio"]),
    st.sampled_from(["position", "limit", "startdate", "enddate", "candidates", "threshold", "effort"]),
    st.sampled_from(["count", "replace", "skip", "minlevel", "noduplicates", "dryrun", "active", "rename"]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(STRANGE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SETTINGS = st.dictionaries(
    st.sampled_from(["kind", "threshold", "index", "quota", "keep_pictures"])
    | st.sampled_from(["private", "any_format", "owner", "other"]),
    VALUES,
)
TAME = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def authorization(served: Served) -> dict[str, str]:
    pair = f"shop:{served.secrets['shop']}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


@TAME
@given(st.sampled_from(list(Call)), st.dictionaries(NAMES, VALUES, max_size=6))
def test_each_arcloud_call_answers_any_json(served: Served, name: Call, values: dict[str, Any]) -> None:
    body = json.dumps(served.login(channel="labels", identifier="any.one") | values).encode()
    status, headers, content = send(served.url, f"/{name}", body, JSON)
    assert (status, headers["content-type"]) == (200, JSON)
    assert json.loads(content)["returncode"] != 29000


@TAME
@given(st.sampled_from(list(Call)), st.lists(st.tuples(NAMES, st.sampled_from(STRANGE)), max_size=4))
def test_each_arcloud_call_answers_strange_fields(
    served: Served, name: Call, pairs: list[tuple[str, str]]
) -> None:
    known = [pair for pair in pairs if pair[1].isprintable() or pair[1] == "\0"]
    fields = dict([*served.login(channel="labels", identifier="any.one").items(), *known])
    status, _, content = send(served.url, f"/{name}", multipart(fields, b"no picture"))
    assert (status, json.loads(content)["returncode"] != 29000) == (200, True)


@TAME
@given(SETTINGS, st.sampled_from(["settings", "name", "other"]), VALUES)
def test_channels_are_set_by_what_is_documented(
    served: Served, asked: dict[str, Any], key: str, value: Any
) -> None:
    body = {"settings": asked} | ({key: value} if key != "settings" else {})
    path = "/arcli/v1/channels/labels"
    text = json.dumps(body).encode()
    status, headers, content = send(
        served.url, path, text, JSON, method="PATCH", headers=authorization(served)
    )
    answer = json.loads(content)
    assert headers["content-type"] == JSON
    assert status in (200, 400, 403), answer
    if status == 200:
        assert body.keys() == {"settings"}
        assert "other" not in asked
        stored = answer["settings"]
        assert all(stored[name] == value for name, value in asked.items())
        send(
            served.url,
            path,
            b'{"settings": {"quota": null}}',
            JSON,
            method="PATCH",
            headers=authorization(served),
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"quota": -1},
        {"quota": "5"},
        {"quota": 1.0},
        {"quota": True},
        {"threshold": 1.01},
        {"threshold": "0.5"},
        {"threshold": True},
        {"private": "yes"},
        {"private": None},
        {"kind": "grey"},
        {"kind": None},
        {"shade": 1},
        {"owner": ""},
        [],
        "x",
        None,
    ],
)
def test_settings_of_another_form_change_nothing(served: Served, wrong: object) -> None:
    path, head = "/arcli/v1/channels/wide", authorization(served)
    before = send(served.url, path, None, None, method="GET", headers=head)[2]
    status = send(
        served.url, path, json.dumps({"settings": wrong}).encode(), JSON, method="PATCH", headers=head
    )[0]
    made = json.dumps({"name": "strange", "settings": wrong}).encode()
    assert (status, send(served.url, "/arcli/v1/channels", made, JSON, headers=head)[0]) == (400, 400)
    assert send(served.url, path, None, None, method="GET", headers=head)[2] == before


@TAME
@given(
    st.sampled_from(["position", "limit", "prefix", "active", "level", "where", "other"]),
    st.sampled_from(STRANGE[1:]) | st.text(alphabet=st.characters(codec="utf-8"), max_size=20),
)
def test_listings_answer_any_query(served: Served, name: str, value: str) -> None:
    path = f"/arcli/v1/channels/posters/targets?{name}={quote(value, safe='')}"
    status, headers, _ = send(served.url, path, None, None, method="GET", headers=authorization(served))
    assert headers["content-type"] == JSON
    assert status in ((400,) if name == "other" else (200, 400))


@pytest.mark.parametrize(
    "path", ["channels", "channels/posters", "channels/posters/targets", "check", "capabilities"]
)
@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "STRANGE", "TRACE"])
def test_other_methods_are_refused_in_json(served: Served, path: str, method: str) -> None:
    status, headers, content = send(served.url, f"/arcli/v1/{path}", method=method)
    assert (status, json.loads(content)["error"]["code"]) == (405, "usage")
    assert headers["allow"]


def test_a_channel_named_twice_is_searched_once(served: Served, photo: bytes, picture: bytes) -> None:
    fields = served.login(channel="posters", identifier="twice")
    assert json.loads(send(served.url, "/AddImage", multipart(fields, picture))[2])["returncode"] == 0
    today = {"startdate": "2020", "enddate": "2099", "channel": "posters"}

    def counted() -> int:
        body = multipart(served.login(**today))
        return sum(
            record["count"] for record in json.loads(send(served.url, "/Statistics", body)[2])["records"]
        )

    before = counted()
    body = multipart(served.login(channels=json.dumps(["posters"] * 2000)), photo)
    assert json.loads(send(served.url, "/FindImage", body)[2])["identifier"] == "twice"
    assert counted() == before + 1
    body = multipart(served.login(channels=json.dumps([f"channel{n}" for n in range(101)])), photo)
    assert json.loads(send(served.url, "/FindImage", body)[2])["returncode"] == 29001


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_as_they_are_read(number: float) -> None:
    assert float(decimal_number(written_number(number), "x")) == number


@pytest.mark.parametrize("text", ["9" * 309, "-" + "9" * 310, "9" * 310 + ".5"])
def test_a_number_beyond_all_floats_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        decimal_number(text, "matchratio")
