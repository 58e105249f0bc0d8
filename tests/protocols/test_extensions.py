"""Our extensions: what is written is read, every field of it; what makes no sense is refused."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcli import errors
from arcli.errors import UsageError, WrongCredentials
from arcli.models import (
    ChannelInfo,
    ChannelSettings,
    CheckResult,
    Duplicate,
    Hint,
    IndexKind,
    ListKind,
    ListQuery,
    SegmentInfo,
    Target,
    TargetPage,
)
from arcli.protocols import extensions
from arcli.protocols.arcloud.requests import Credentials
from arcli.protocols.channels import channel_json, read_channel, read_settings
from arcli.protocols.extensions import Feature
from arcli.protocols.targets import check_json, read_check

SETTINGS = ChannelSettings(
    kind=ListKind.BLACK,
    threshold=0.25,
    index=IndexKind.FLAT,
    quota=7,
    keep_pictures=False,
    private=True,
    any_format=True,
    owner="shop",
)


def test_a_channel_survives_the_wire_with_every_field() -> None:
    default = ChannelSettings()
    for field in dataclasses.fields(ChannelSettings):
        assert getattr(SETTINGS, field.name) != getattr(default, field.name), f"set {field.name} above"
    segment = SegmentInfo(name="s1", kind="hnsw", first_row=1, last_row=9, rows=8, descriptors=1600, bytes=99)
    info = ChannelInfo(
        name="größe",
        settings=SETTINGS,
        preset="1",
        targets=3,
        created="2025-01-01T00:00:00Z",
        segments=(segment,),
        delta_rows=1,
        tombstones=2,
        store_bytes=3,
        index_bytes=4,
        index_kind="ivf",
        index_why="cheapest",
    )
    assert read_channel(json.loads(json.dumps(channel_json(info)))) == info


@pytest.mark.parametrize("body", [{"kind": "grey"}, {"index": "tree"}])
def test_settings_that_are_not_known_are_refused(body: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        read_settings(body)


def test_a_rating_survives_the_wire() -> None:
    twin = Duplicate(identifier="lion", channel="c", kind="look-alike", score=0.5, inliers=30)
    hint = Hint(code="few", message="few", advice="more")
    result = CheckResult(image="a.jpg", level=3, hints=(hint,), duplicates=(twin,))
    assert read_check(json.loads(json.dumps(check_json(result))), image="a.jpg") == result


@given(
    position=st.integers(0, 10**6),
    prefix=st.none() | st.text(min_size=1),
    active=st.none() | st.booleans(),
    level=st.none() | st.integers(1, 5),
    where=st.lists(st.tuples(st.text(st.characters(exclude_characters="=")), st.text()), max_size=3),
)
def test_a_listings_query_survives_the_wire(
    position: int,
    prefix: str | None,
    active: bool | None,
    level: int | None,
    where: list[tuple[str, str]],
) -> None:
    query = ListQuery(
        position=position, limit=50, prefix=prefix, active=active, level=level, where=tuple(where)
    )
    pairs = extensions.list_parameters(query, position=position, limit=50)
    fields = {name: value for name, value in pairs if name != "where"}
    assert extensions.read_list_query(fields, [value for name, value in pairs if name == "where"]) == query


@pytest.mark.parametrize(
    "fields",
    [{"position": "-1"}, {"position": "x"}, {"limit": "0"}, {"limit": "1001"}, {"level": "high"}],
)
def test_a_listing_that_makes_no_sense_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        extensions.read_list_query(fields, [])
    with pytest.raises(UsageError):
        extensions.read_list_query({}, ["no equals sign"])


def test_targets_survive_the_wire() -> None:
    page = TargetPage(totalcount=9, targets=(Target(identifier="abc", channel="c", level=2, active=False),))
    assert extensions.read_targets(json.loads(json.dumps(extensions.targets_json(page))), channel="c") == page


@given(st.text(min_size=1).filter(lambda name: ":" not in name), st.text(min_size=1))
def test_credentials_survive_the_header(username: str, secretkey: str) -> None:
    credentials = Credentials(username=username, secretkey=secretkey)
    assert extensions.read_basic(extensions.basic(credentials)) == credentials


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic !!!", "Bearer abc", "Basic dTo=", "Basic OnA=", "Basic /w=="]
)
def test_a_header_without_credentials_is_refused(header: str) -> None:
    with pytest.raises(WrongCredentials):
        extensions.read_basic(header)


def test_capabilities_survive_the_wire() -> None:
    body = json.loads(json.dumps(extensions.capabilities_json("1.2", [Feature.LIST, Feature.CHECK])))
    found = extensions.read_capabilities(body)
    assert found is not None
    assert (found.backend, found.version, found.features) == ("arcli", "1.2", {"list", "check"})
    assert extensions.read_capabilities({"features": []}) is None


def test_names_are_one_segment_of_a_path_whatever_they_hold() -> None:
    assert extensions.channel_path("a?b#c%d e") == "arcli/v1/channels/a%3Fb%23c%25d%20e"
    assert (
        extensions.picture_path("größe", "a@b.c")
        == "arcli/v1/channels/gr%C3%B6%C3%9Fe/targets/a%40b.c/picture"
    )


def test_failures_have_the_status_that_http_has_for_them() -> None:
    statuses = {
        errors.WrongCredentials: 401,
        errors.NotYourChannel: 403,
        errors.TargetNotFound: 404,
        errors.ChannelExists: 409,
        errors.PictureTooLarge: 413,
        errors.TooFewFeatures: 422,
        errors.InvalidDate: 400,
        errors.RateLimited: 429,
        errors.Locked: 503,
        errors.DiskFull: 507,
        errors.NotSupported: 501,
        errors.DataDamaged: 500,
    }
    assert {kind: extensions.http_status(kind("x")) for kind in statuses} == statuses
