"""`/arcli/v1` by hand: channels, listings, pictures, checks, and the description of it all."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from arcli.protocols.extensions import Feature
from tests.engine.conftest import photo_of, poster
from tests.server.conftest import Served, populate
from tests.server.places import needs_folder
from tests.server.raw import MULTIPART, call, code, multipart, send
from tests.server.threaded import threaded_folder

pytestmark = pytest.mark.cluster
V1 = "/arcli/v1"


def ask(
    served: Served, method: str, path: str, who: str | None = "shop", body: object = None
) -> tuple[int, Any]:
    headers = {} if who is None else {"Authorization": basic(who.partition("/")[0], served.secrets[who])}
    data = None if body is None else json.dumps(body).encode()
    kind = "application/json"
    status, _, content = send(served.url, V1 + path, data, kind, method=method, headers=headers)
    return status, json.loads(content)


def basic(username: str, secretkey: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{secretkey}".encode()).decode()


@pytest.fixture(scope="module", autouse=True)
def targets(served: Served) -> None:
    for number, identifier in enumerate(("alpha", "beta_1", "beta_2"), start=1):
        fields = served.login(channel="posters", identifier=identifier, metadata=json.dumps({"n": number}))
        assert code(served.url, "AddImage", fields, poster(number)) == 0


def test_capabilities_need_no_credentials(served: Served) -> None:
    status, body = ask(served, "GET", "/capabilities", None)
    assert (status, body["arcli"], set(body["features"])) == (200, 1, set(Feature))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/channels"),
        ("POST", "/channels"),
        ("GET", "/channels/posters"),
        ("PATCH", "/channels/posters"),
        ("DELETE", "/channels/posters"),
        ("GET", "/channels/posters/targets"),
        ("GET", "/channels/posters/targets/alpha/picture"),
    ],
)
def test_the_rest_needs_them(served: Served, method: str, path: str) -> None:
    for header in ({}, {"Authorization": basic("shop", "no")}, {"Authorization": "Bearer x"}):
        body = b"{}" if method in ("POST", "PATCH") else None
        status, headers, content = send(served.url, V1 + path, body, None, method=method, headers=header)
        assert (status, json.loads(content)["error"]["code"]) == (401, "wrong_credentials")
        assert headers["www-authenticate"].startswith("Basic")


def test_channels_are_those_that_the_key_may_use(served: Served) -> None:
    def names(who: str) -> list[str]:
        return [channel["name"] for channel in ask(served, "GET", "/channels", who)[1]["channels"]]

    assert names("rival") == ["theirs"]
    assert names("shop/app") == names("moved") == ["posters"]
    assert names("shop") == ["full", "labels", "posters", "vault", "wide"]


def test_a_channel_from_its_making_to_its_end(served: Served) -> None:
    name = "plakáty & více"
    path = "/channels/plak%C3%A1ty%20%26%20v%C3%ADce"
    made = ask(served, "POST", "/channels", "shop", {"name": name, "settings": {"kind": "white", "quota": 5}})
    assert (made[0], made[1]["name"], made[1]["settings"]["owner"]) == (201, name, "shop")
    assert ask(served, "POST", "/channels", "shop", {"name": name})[0] == 409
    settings = made[1]["settings"]
    for who in ("rival", "shop/app"):
        assert ask(served, "PATCH", path, who, {"settings": settings})[0] == 403
        assert ask(served, "DELETE", path, who)[0] == 403
    refused = ({**settings, "owner": "rival"}, {**settings, "quota": 6}, {**settings, "quota": None})
    for change in refused:
        assert ask(served, "PATCH", path, "shop", {"settings": change})[0] == 403
    status, changed = ask(
        served, "PATCH", path, "shop", {"settings": {**settings, "private": True, "quota": 4}}
    )
    assert (status, changed["settings"]["private"], changed["settings"]["quota"]) == (200, True, 4)
    assert ask(served, "GET", path)[1] == changed
    assert ask(served, "DELETE", path) == (200, {})
    assert ask(served, "GET", path)[0] == 404


def test_only_its_owner_renames_or_copies_a_channel(served: Served) -> None:
    body: Any
    assert ask(served, "POST", "/channels", "shop", {"name": "first"})[0] == 201
    for act in ("rename", "copy"):
        for who in ("rival", "shop/app"):
            assert ask(served, "POST", f"/channels/first/{act}", who, {"name": "x"})[0] == 403
        for body in ({}, {"name": 1}, {"name": "a/b"}, {"name": "x", "owner": "rival"}, []):
            assert ask(served, "POST", f"/channels/first/{act}", "shop", body)[0] == 400
        assert ask(served, "POST", f"/channels/first/{act}", "shop", {"name": "theirs"})[0] == 409
    status, copy = ask(served, "POST", "/channels/first/copy", "shop", {"name": "second"})
    assert (status, copy["name"], copy["settings"]["owner"]) == (201, "second", "shop")
    status, renamed = ask(served, "POST", "/channels/first/rename", "shop", {"name": "third"})
    assert (status, renamed["name"]) == (200, "third")
    assert ask(served, "GET", "/channels/first")[0] == 404
    for name in ("second", "third"):
        assert ask(served, "DELETE", f"/channels/{name}") == (200, {})


def test_what_is_no_channel(served: Served) -> None:
    body: Any
    for body in ({}, {"name": "a/b"}, {"name": 1}, {"name": "x", "settings": []}, [], {"name": ""}):
        assert ask(served, "POST", "/channels", "shop", body)[0] == 400
    assert ask(served, "POST", "/channels", "shop", {"name": "x", "settings": {"owner": "rival"}})[0] == 403
    assert ask(served, "POST", "/channels", "shop/app", {"name": "x"})[0] == 403
    assert ask(served, "PATCH", "/channels/theirs", "shop", {"settings": {}})[0] == 403
    assert ask(served, "GET", "/channels/nowhere")[0] == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["alpha", "beta_1", "beta_2"]),
        ("?prefix=beta", ["beta_1", "beta_2"]),
        ("?position=1&limit=1", ["beta_1"]),
        ("?where=n%3D2", ["beta_1"]),
        ("?active=0", []),
    ],
)
def test_targets_are_listed(served: Served, query: str, expected: list[str]) -> None:
    status, body = ask(served, "GET", f"/channels/posters/targets{query}")
    assert status == 200
    assert [target["identifier"] for target in body["targets"]] == expected


def test_listings_that_are_refused(served: Served) -> None:
    for query, who, status in (
        ("?position=x", "shop", 400),
        ("?limit=5000", "shop", 400),
        ("?where=n", "shop", 400),
        ("", "rival", 403),
        ("", "shop/app", 403),
    ):
        assert ask(served, "GET", f"/channels/posters/targets{query}", who)[0] == status


def test_pictures_are_given_back(served: Served) -> None:
    path = f"{V1}/channels/posters/targets/alpha/picture"
    headers = {"Authorization": basic("shop", served.secrets["shop"])}
    status, answer, content = send(served.url, path, None, None, method="GET", headers=headers)
    assert (status, answer["content-type"], content[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert ask(served, "GET", "/channels/posters/targets/none/picture")[0] == 404
    assert ask(served, "GET", "/channels/posters/targets/alpha/picture", "rival")[0] == 403


def test_a_picture_is_rated_and_nothing_is_stored(served: Served) -> None:
    def check(channel: str, image: bytes | None, who: str = "shop") -> tuple[int, Any]:
        headers = {"Authorization": basic(who.partition("/")[0], served.secrets[who])}
        body = multipart({"channel": channel}, image)
        status, _, content = send(served.url, f"{V1}/check", body, MULTIPART, headers=headers)
        return status, json.loads(content)

    status, rating = check("posters", poster(1))
    assert (status, rating["level"] in range(1, 6)) == (200, True)
    assert [duplicate["identifier"] for duplicate in rating["duplicates"]] == ["alpha"]
    assert check("nowhere", poster(1))[1]["duplicates"] == []
    assert check("theirs", poster(1))[0] == 403
    assert check("posters", poster(1), "shop/app")[0] == 403
    assert check("posters", b"text")[0] == 422
    assert check("posters", None)[0] == 400


def test_the_description_names_every_route(served: Served) -> None:
    description = ask(served, "GET", "/openapi.json", None)[1]
    assert description["openapi"].startswith("3.1")
    described = {
        (method.upper(), path)
        for path, item in description["paths"].items()
        for method in item
        if method != "parameters"
    }
    from arcli.server.extensions.routes import Extensions

    routed = {(method, path) for method, path, _ in Extensions.table(object.__new__(Extensions))}
    assert described == routed
    text = json.dumps(description)
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in description["components"]["schemas"]


def test_a_removed_target_comes_back_as_it_was(served: Served) -> None:
    """Also what a photo finds it by; and nobody can bring back what was not removed there."""
    path, mine = "/channels/posters/targets", served.login(channel="posters", identifier="beta_2")
    before = ask(served, "GET", f"{path}?prefix=beta_2")[1]["targets"][0]
    status, gone = ask(served, "DELETE", f"{path}/beta_2")
    assert status == 200
    assert code(served.url, "GetImage", mine) == 20014
    assert ask(served, "DELETE", f"{path}/beta_2")[0] == 404
    assert ask(served, "POST", "/channels/labels/restore", body=gone)[0] == 400
    torn = gone["removed"][:60] + ("A" if gone["removed"][60] != "A" else "B") + gone["removed"][61:]
    assert ask(served, "POST", "/channels/posters/restore", body={"removed": torn})[0] == 400
    assert ask(served, "POST", "/channels/posters/restore", "shop/app", gone)[0] == 403
    assert ask(served, "POST", "/channels/posters/restore", None, [])[0] == 401, "before the body is read"
    status, back = ask(served, "POST", "/channels/posters/restore", body=gone)
    assert status == 201
    assert back == before
    found = call(served.url, "FindImage", served.login(channel="posters"), photo_of(3))
    assert found["identifier"] == "beta_2"
    assert ask(served, "POST", "/channels/posters/restore", body=gone)[0] == 409


def test_unknown_paths_are_404(served: Served) -> None:
    for path in ("/", "/nothing", "/channels/a/b/c"):
        assert send(served.url, V1 + path, None, None, method="GET")[0] == 404


def test_a_channel_that_is_made_again_keeps_its_quota(served: Served) -> None:
    made = {"name": "again", "settings": {"quota": 4}}
    assert ask(served, "POST", "/channels", "shop", made)[1]["settings"]["quota"] == 4
    for asked, quota in ((None, 4), (9, 4), (2, 2), (None, 2)):
        assert ask(served, "DELETE", "/channels/again")[0] == 200
        settings = {} if asked is None else {"quota": asked}
        status, channel = ask(served, "POST", "/channels", "shop", {"name": "again", "settings": settings})
        assert (status, channel["settings"]["quota"]) == (201, quota)
    assert ask(served, "DELETE", "/channels/again")[0] == 200


@needs_folder
@pytest.mark.parametrize("wreck", ["gone", "empty", "garbage", "while it is served"])
def test_a_broken_channel_stops_no_other(
    tmp_path: Path, picture: bytes, photo: bytes, wreck: str, caplog: pytest.LogCaptureFixture
) -> None:
    data_dir = tmp_path / "data"
    secrets = populate(data_dir)
    (store,) = data_dir.glob("channels/labels-*/store.sqlite")

    def destroy() -> None:
        store.unlink() if wreck == "gone" else store.write_bytes(
            b"" if wreck == "empty" else b"garbage " * 4096
        )

    if wreck != "while it is served":
        destroy()
    with threaded_folder(data_dir) as url:
        served = Served(url, data_dir, None, secrets=secrets)  # type: ignore[arg-type]
        added = call(url, "AddImage", served.login(channel="posters", identifier="one"), picture)
        assert added["returncode"] == 0
        if wreck == "while it is served":
            assert call(url, "FindImage", served.login(), photo)["returncode"] == 0
            destroy()
        found = call(url, "FindImage", served.login(), photo)
        assert (found["returncode"], found["identifier"]) == (0, "one")
        for _ in range(3):
            refused = call(url, "FindImage", served.login(channel="labels"), photo)
            assert refused["returncode"] != 0
            shown = call(url, "GetImage", {"channel": "labels", "identifier": "one"})
            assert shown["returncode"] != 0
            assert str(data_dir) not in str((refused, shown)), "no caller learns of files"
            assert send(url, "/pictures/x/labels/one", None, None, method="GET")[::2] == (
                404,
                b'{"error":"not found"}',
            )
        logged = [one.getMessage() for one in caplog.records if one.name.startswith("arcli")]
        assert len(logged) == len(set(logged)), "what callers repeat is logged once"
        assert any(str(store.parent) in line for line in logged)
        status, answer = ask(served, "GET", "/channels")
        errors = {channel["name"]: channel.get("error") for channel in answer["channels"]}
        assert status == 200
        assert [name for name, error in errors.items() if error] == ["labels"]
        assert str(data_dir) not in str(answer)
        assert ask(served, "DELETE", "/channels/labels") == (200, {})
