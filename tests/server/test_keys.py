"""`/arcli/v1/keys`: find-only keys that an owner administers remotely, and everybody who may not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arcli.models import KeyRequest, Scope
from tests.server.conftest import Served, populate
from tests.server.places import accounts
from tests.server.raw import code, send
from tests.server.test_extensions import V1, ask, basic
from tests.server.threaded import threaded_folder

pytestmark = pytest.mark.cluster
END = "2999-12-31T23:59:59Z"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    """A server of this test alone."""
    secrets = populate(tmp_path / "data")
    with threaded_folder(tmp_path / "data", account_keys=4) as url:
        yield Served(url, tmp_path / "data", None, secrets=secrets)  # type: ignore[arg-type]


def made(served: Served, **fields: Any) -> dict[str, Any]:
    status, key = ask(served, "POST", "/keys", "shop", fields)
    assert status == 201, key
    assert isinstance(key, dict)
    return key


def find(served: Served, secretkey: str, channel: str, photo: bytes) -> int:
    login = {"username": "shop", "secretkey": secretkey, "channel": channel}
    return code(served.url, "FindImage", login, photo)


def test_a_key_from_its_making_to_its_end(own: Served, photo: bytes) -> None:
    key = made(own, channels=["posters", "labels", "posters"], expires=END, rate=50)
    secret = key.pop("secretkey")
    assert key["channels"] == ["posters", "labels"]
    assert (key["expires"], key["rate"], key["last_used"]) == (END, 50, None)
    assert find(own, secret, "posters", photo) == 0
    assert find(own, secret, "wide", photo) == 20004
    assert (
        code(own.url, "GetImages", {"username": "shop", "secretkey": secret, "channel": "posters"}) == 20004
    )

    status, changed = ask(own, "PATCH", f"/keys/{key['key_id']}", "shop", {"channels": ["wide"]})
    assert (status, changed) == (200, {**key, "channels": ["wide"], "last_used": changed["last_used"]})
    assert find(own, secret, "wide", photo) == 0
    assert find(own, secret, "posters", photo) == 20004
    status, listed = ask(own, "GET", "/keys")
    assert key["key_id"] in [one["key_id"] for one in listed["keys"]]
    dates = [one["created"] for one in listed["keys"]]
    assert dates == sorted(dates), "the oldest first; keys of one second in any order"
    assert secret not in json.dumps(listed)

    assert ask(own, "DELETE", f"/keys/{key['key_id']}") == (200, {})
    assert find(own, secret, "wide", photo) == 20001
    assert key["key_id"] not in json.dumps(ask(own, "GET", "/keys"))
    for method, body in (("DELETE", None), ("PATCH", {"rate": 1})):
        assert ask(own, method, f"/keys/{key['key_id']}", "shop", body)[0] == 404


def test_only_the_find_only_keys_of_ones_own_account_are_there(own: Served) -> None:
    with accounts(own.data_dir) as keepers:
        of_shop = {key.scope: key.key_id for key in keepers.account(username="shop").keys}
        theirs = keepers.add_key(username="rival", key=KeyRequest(scope=Scope.FIND)).key_id
        before = keepers.account(username="shop"), keepers.account(username="rival")
    listed = [key["key_id"] for key in ask(own, "GET", "/keys")[1]["keys"]]
    assert listed == [of_shop[Scope.FIND]]
    for key_id in (of_shop[Scope.ALL], theirs, "nothing"):
        assert ask(own, "DELETE", f"/keys/{key_id}")[0] == 404
        assert ask(own, "PATCH", f"/keys/{key_id}", "shop", {"expires": None})[0] == 404
    with accounts(own.data_dir) as keepers:
        for account, name in zip(before, ("shop", "rival"), strict=True):
            assert [key.revoked for key in keepers.account(username=name).keys] == [None] * len(account.keys)


def test_no_other_key_may(own: Served) -> None:
    with accounts(own.data_dir) as keepers:
        limited = keepers.add_key(username="shop", key=KeyRequest(channels=("posters",)))
        (mine,) = [key.key_id for key in keepers.account(username="shop").keys if key.scope is Scope.FIND]
    own.secrets["shop/limited"] = limited.secretkey
    for who, status, error in (
        ("shop/app", 403, "not_your_channel"),
        ("shop/limited", 403, "not_your_channel"),
        (None, 401, "wrong_credentials"),
    ):
        for method, path, body in (
            ("GET", "/keys", None),
            ("POST", "/keys", {}),
            ("PATCH", f"/keys/{mine}", {"rate": 1}),
            ("DELETE", f"/keys/{mine}", None),
        ):
            answered = ask(own, method, path, who, body)
            assert (answered[0], answered[1]["error"]["code"]) == (status, error)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"channels": ["theirs"]}, 403),
        ({"channels": ["nowhere"]}, 404),
        ({"channels": []}, 400),
        ({"channels": "posters"}, 400),
        ({"channels": [1]}, 400),
        ({"expires": "tomorrow"}, 400),
        ({"expires": "2999-02-30T00:00:00Z"}, 400),
        ({"expires": "2999-12-31T23:59:59+01:00"}, 400),
        ({"rate": 0}, 400),
        ({"rate": True}, 400),
        ({"rate": 10**400}, 400),
        ({"rate": "5"}, 400),
        ({"scope": "all"}, 400),
        ({"secretkey": "mine"}, 400),
        ({"username": "rival"}, 400),
        ([], 400),
    ],
)
def test_what_is_asked_for_wrongly_makes_no_key(served: Served, body: Any, status: int) -> None:
    before = ask(served, "GET", "/keys")[1]
    (mine,) = [key["key_id"] for key in before["keys"]]
    assert ask(served, "POST", "/keys", "shop", body)[0] == status
    assert ask(served, "PATCH", f"/keys/{mine}", "shop", body)[0] == status
    assert ask(served, "GET", "/keys")[1] == before


def test_a_key_that_ends_or_is_slow_makes_none_that_may_more(own: Served) -> None:
    bounds = KeyRequest(expires="2998-12-31T23:59:59Z", rate=40.0)
    with accounts(own.data_dir) as keepers:
        own.secrets["shop/bounded"] = keepers.add_key(username="shop", key=bounds).secretkey
        (open_ended,) = [key.key_id for key in keepers.account(username="shop").keys if key.channels]
    within = {"expires": "2998-12-31T23:59:59Z", "rate": 40}
    status, key = ask(own, "POST", "/keys", "shop/bounded", within)
    assert status == 201
    more: tuple[dict[str, Any], ...] = ({"expires": END}, {"expires": None}, {"rate": 41}, {"rate": None})
    for fields in more:
        assert ask(own, "POST", "/keys", "shop/bounded", within | fields)[0] == 403
        assert ask(own, "PATCH", f"/keys/{key['key_id']}", "shop/bounded", fields)[0] == 403
    assert ask(own, "PATCH", f"/keys/{open_ended}", "shop/bounded", {"channels": None})[0] == 403
    assert ask(own, "DELETE", f"/keys/{open_ended}", "shop/bounded") == (200, {})


def test_an_account_has_so_many_keys_and_no_more(own: Served) -> None:
    for _ in range(3):
        key = made(own)
    status, answer = ask(own, "POST", "/keys", "shop", {})
    assert (status, answer["error"]["code"]) == (507, "limit_exceeded")
    assert ask(own, "DELETE", f"/keys/{key['key_id']}")[0] == 200
    assert ask(own, "POST", "/keys", "shop", {})[0] == 201


def test_each_change_is_in_the_audit_trail_and_the_secret_is_nowhere(own: Served) -> None:
    key = made(own, channels=["posters"])
    ask(own, "PATCH", f"/keys/{key['key_id']}", "shop", {"rate": 2})
    ask(own, "DELETE", f"/keys/{key['key_id']}")
    with accounts(own.data_dir) as keepers:
        full = next(one for one in keepers.account(username="shop").keys if one.scope is Scope.ALL)
        changes = [one for one in keepers.audit(subject="shop") if one.details.get("key") == key["key_id"]]
    assert [one.what for one in changes] == ["key added", "key set", "key revoked"]
    assert {one.who for one in changes} == {f"shop/{full.key_id}"}
    assert changes[1].details["rate"] == 2
    assert key["secretkey"] not in str(changes)


def test_an_answer_with_a_secret_is_kept_by_no_cache(own: Served) -> None:
    headers = {"Authorization": basic("shop", own.secrets["shop"])}
    answer = send(own.url, V1 + "/keys", b"{}", "application/json", headers=headers)
    assert (answer[0], answer[1]["cache-control"]) == (201, "no-store")
