"""What our client asks an arcli server beyond the vendor's calls, and how it reads the answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from arcli import errors
from arcli.models import (
    AddOptions,
    AddStatus,
    ChannelSettings,
    Effort,
    FindOptions,
    ListKind,
    ListQuery,
    OnExists,
    StatisticsQuery,
    TargetChanges,
)
from arcli.remote.arcloud.gallery import ArcloudGallery
from tests.fakes.arcli import CREDENTIALS, FakeArcli, error
from tests.fakes.http import BUSY, LOST, Reply
from tests.remote.conftest import Connect, item, picture

TARGET = {
    "identifier": "card001",
    "metadata": "{}",
    "matchratio": 0.5,
    "level": 4,
    "active": False,
    "sha256": "ab",
}
CHANNEL = {"name": "größe", "settings": {"kind": "black", "quota": 7}, "targets": 3, "created": "2025-01-01"}


@pytest.fixture
def server() -> Iterator[FakeArcli]:
    service = FakeArcli()
    yield service
    service.stop()


@pytest.fixture
def gallery(server: FakeArcli, connect: Connect) -> ArcloudGallery:
    return connect(server.url, CREDENTIALS)


def test_capabilities_are_the_servers(server: FakeArcli, gallery: ArcloudGallery) -> None:
    found = gallery.capabilities()
    assert (found.backend, found.version) == ("arcli", "9.9")
    assert "authorization" not in server.last.headers


def test_adding_asks_for_everything_at_once(server: FakeArcli, gallery: ArcloudGallery) -> None:
    hints = [{"code": "few", "message": "few corners"}]
    server.answers |= {
        "POST /AddImage": {"returncode": 0, "level": 3, "status": "replaced", "hints": hints},
        "POST /GetImage": {"returncode": 0, **TARGET},
    }
    options = AddOptions(on_exists=OnExists.REPLACE, min_level=2, no_duplicates=True)
    added = gallery.add(channel="default", item=item(1, matchratio=0.25), options=options)
    assert (added.status, added.level, added.hints[0].code) == (AddStatus.REPLACED, 3, "few")
    sent = server.last.values
    assert (sent["replace"], sent["matchratio"], sent["minlevel"], sent["noduplicates"]) == (
        "1",
        "0.25",
        "2",
        "1",
    )
    assert [request.path for request in server.requests].count("/RemoveImage") == 0


def test_a_replacement_with_a_lost_answer_was_an_addition(server: FakeArcli, gallery: ArcloudGallery) -> None:
    server.answers |= {
        "POST /AddImage": {"returncode": 0, "level": 3, "status": "replaced"},
        "POST /GetImage": {"returncode": 20014},
    }
    server.faults = [*[server.answer] * 2, LOST]
    options = AddOptions(on_exists=OnExists.REPLACE)
    assert gallery.add(channel="default", item=item(1), options=options).status is AddStatus.ADDED


def test_a_dry_run_happens_on_the_server(server: FakeArcli, gallery: ArcloudGallery) -> None:
    server.answers |= {
        "POST /AddImage": {"returncode": 0, "level": 3, "status": "would-add"},
        "POST /GetImage": {"returncode": 20014},
    }
    result = gallery.add(channel="default", item=item(1), options=AddOptions(dry_run=True))
    assert (result.status, server.last.values["dryrun"]) == (AddStatus.WOULD_ADD, "1")


def test_the_servers_own_words_arrive_about_the_users_picture(
    server: FakeArcli, gallery: ArcloudGallery
) -> None:
    said = {"code": "duplicate_picture", "message": "image: shows what lion shows", "hint": "look"}
    server.answers |= {
        "POST /AddImage": {"returncode": 20016, "error": said},
        "POST /GetImage": {"returncode": 20014},
        "POST /FindImage": {"returncode": 20007, "error": {**said, "code": "unreadable_picture"}},
    }
    (result,) = gallery.add_many(channel="default", items=[item(1)])
    assert isinstance(result.error, errors.DuplicatePicture)
    assert (result.error.message, result.error.item) == ("1.jpg: shows what lion shows", "1.jpg")
    assert "--no-duplicates" in str(result.error.hint), "here somebody is at a shell"
    with pytest.raises(errors.UnreadablePicture, match=r"^1.jpg: shows"):
        gallery.find(picture=picture(1), channels=None)


def test_finding_with_options(server: FakeArcli, gallery: ArcloudGallery) -> None:
    match = {
        "identifier": "card001",
        "channel": "a",
        "score": 0.9,
        "inliers": 40,
        "quad": [[0, 0], [9, 0], [9, 9], [0, 9]],
    }
    candidate = {"identifier": "lion", "channel": "b", "reason": "rival", "why": "near", "score": 0.4}
    server.answers["POST /FindImage"] = {
        "returncode": 0,
        **match,
        "matches": [match, match | {"identifier": "card002"}],
        "candidates": [candidate],
    }
    options = FindOptions(limit=None, candidates=3, threshold=0.2, effort=Effort.FAST, count=False)
    result = gallery.find(picture=picture(1), channels=("a", "b"), options=options)
    assert [m.identifier for m in result.matches] == ["card001", "card002"]
    assert result.matches[0].quad == ((0, 0), (9, 0), (9, 9), (0, 9))
    assert (result.candidates[0].reason, result.candidates[0].score) == ("rival", 0.4)
    sent = server.last.values
    assert {key: sent[key] for key in ("limit", "candidates", "threshold", "effort", "count")} == {
        "limit": "all",
        "candidates": "3",
        "threshold": "0.2",
        "effort": "fast",
        "count": "0",
    }
    assert sent["channels"] == '["a", "b"]'


def test_a_plain_find_is_one_request(server: FakeArcli, gallery: ArcloudGallery) -> None:
    server.answers["POST /FindImage"] = {"returncode": 0, "identifier": "card001", "score": 0.9}
    (match,) = gallery.find(picture=picture(1), channels=("default",)).matches
    assert (match.score, match.metadata, len(server.requests)) == (0.9, None, 1)


def test_all_of_a_target_can_be_changed_at_once(server: FakeArcli, gallery: ArcloudGallery) -> None:
    server.answers["POST /UpdateImageInfo"] = {"returncode": 0, **TARGET}
    changes = TargetChanges(metadata="[1]", active=False, rename="puma", picture=picture(2))
    target = gallery.update(channel="default", identifier="card001", changes=changes)
    assert (target.active, target.picture_hash) == (False, "ab")
    sent = server.last
    assert (sent.values["active"], sent.values["rename"], sent.values["metadata"]) == ("0", "puma", "[1]")
    assert [name for name, _, _ in sent.files] == ["image"]


def test_a_rename_whose_answer_was_lost_is_one(server: FakeArcli, gallery: ArcloudGallery) -> None:
    server.answers |= {
        "POST /UpdateImageInfo": {"returncode": 20014},
        "POST /GetImage": {"returncode": 0, **TARGET, "identifier": "puma"},
    }
    gallery.capabilities()
    server.faults = [LOST]
    changes = TargetChanges(rename="puma")
    assert gallery.update(channel="default", identifier="card001", changes=changes).identifier == "puma"
    with pytest.raises(errors.TargetNotFound):
        gallery.update(channel="default", identifier="card001", changes=changes)


def test_selecting_happens_on_the_server_page_by_page(server: FakeArcli, gallery: ArcloudGallery) -> None:
    server.answers["GET /arcli/v1/channels/gr%C3%B6%C3%9Fe/targets"] = {"totalcount": 3, "targets": [TARGET]}
    query = ListQuery(
        position=1, limit=2, prefix="c a", active=False, level=4, where=(("k", "v=w"), ("k", "2"))
    )
    page = gallery.list(channel="größe", query=query)
    assert (page.totalcount, len(page.targets), page.targets[0].channel) == (3, 1, "größe")
    sent = [parse_qsl(urlsplit(request.path).query) for request in server.requests[1:]]
    assert sent[0] == [
        ("position", "1"),
        ("limit", "2"),
        ("prefix", "c a"),
        ("active", "0"),
        ("level", "4"),
        ("where", "k=v=w"),
        ("where", "k=2"),
    ]
    assert sent[1][:2] == [("position", "2"), ("limit", "1")]


def test_a_long_listing_goes_on_in_larger_pages(server: FakeArcli, gallery: ArcloudGallery) -> None:
    path = "GET /arcli/v1/channels/default/targets"
    server.answers["POST /GetImages"] = {"returncode": 0, "totalcount": 3, "images": [{"identifier": "abc"}]}
    rest = [{"identifier": "bcd"}, {"identifier": "cde"}]
    server.answers[path] = {"totalcount": 3, "targets": rest}
    page = gallery.list(channel="default")
    assert [target.identifier for target in page.targets] == ["abc", "bcd", "cde"]
    assert server.last.path.endswith("?position=1&limit=1000")
    server.answers[path] = {"totalcount": 3, "targets": []}
    with pytest.raises(errors.BadAnswer, match="ends at 1 of 3"):
        gallery.list(channel="default")


def test_a_picture_is_downloaded(server: FakeArcli, gallery: ArcloudGallery) -> None:
    path = "GET /arcli/v1/channels/default/targets/a%40b/picture"
    server.answers[path] = Reply(200, b"\xff\xd8 kept", {"Content-Type": "image/jpeg"})
    assert gallery.picture(channel="default", identifier="a@b") == b"\xff\xd8 kept"
    server.answers[path] = error("picture_not_kept", "the picture was not kept", 404)
    with pytest.raises(errors.PictureNotKept):
        gallery.picture(channel="default", identifier="a@b")
    server.answers[path] = {"some": "json"}
    with pytest.raises(errors.BadAnswer):
        gallery.picture(channel="default", identifier="a@b")


def test_pictures_are_checked_on_the_server(server: FakeArcli, gallery: ArcloudGallery) -> None:
    twin = {"identifier": "lion", "channel": "c", "kind": "duplicate", "score": 0.9, "inliers": 99}
    server.answers["POST /arcli/v1/check"] = {"level": 4, "hints": [], "duplicates": [twin]}
    (result,) = gallery.check(pictures=[picture(1)], channel="c")
    assert (result.level, result.duplicates[0].identifier, result.duplicates[0].inliers) == (4, "lion", 99)
    assert server.last.values == {"channel": "c"}
    server.answers["POST /arcli/v1/check"] = error("too_few_features", "too few features", 422)
    (result,) = gallery.check(pictures=[picture(1)], channel=None)
    assert isinstance(result.error, errors.TooFewFeatures)


def test_channels_are_administered(server: FakeArcli, gallery: ArcloudGallery) -> None:
    one = "/arcli/v1/channels/gr%C3%B6%C3%9Fe"
    server.answers |= {
        "GET /arcli/v1/channels": {"channels": [CHANNEL]},
        "POST /arcli/v1/channels": Reply.of(CHANNEL, 201),
        f"GET {one}": CHANNEL,
        f"PATCH {one}": CHANNEL,
        f"DELETE {one}": {},
    }
    (info,) = gallery.channels()
    assert (info.name, info.settings.kind, info.settings.quota, info.targets) == (
        "größe",
        ListKind.BLACK,
        7,
        3,
    )
    settings = ChannelSettings(kind=ListKind.WHITE, quota=9)
    assert gallery.create_channel(name="größe", settings=settings).name == "größe"
    assert b'"white"' in server.last.body
    assert gallery.channel(name="größe") == gallery.set_channel(name="größe", changes={"quota": 9}) == info
    gallery.remove_channel(name="größe")
    assert (server.last.method, unquote(server.last.path)) == ("DELETE", "/arcli/v1/channels/größe")


def test_creating_is_not_repeated_where_it_may_be_done(server: FakeArcli, gallery: ArcloudGallery) -> None:
    gallery.capabilities()
    server.faults = [LOST]
    with pytest.raises(errors.Unreachable):
        gallery.create_channel(name="new")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("channel_exists", 409, errors.ChannelExists),
        ("not_your_channel", 403, errors.NotYourChannel),
        ("usage", 400, errors.UsageError),
        ("quota_exceeded", 409, errors.QuotaExceeded),
        ("not_supported", 501, errors.NotSupported),
    ],
)
def test_failures_are_the_errors_they_were(
    server: FakeArcli, gallery: ArcloudGallery, code: str, status: int, kind: type[errors.ArcliError]
) -> None:
    server.answers["GET /arcli/v1/channels"] = error(code, "what happened", status, hint="do this")
    with pytest.raises(kind) as caught:
        gallery.channels()
    assert (type(caught.value), caught.value.message, caught.value.hint) == (kind, "what happened", "do this")
    assert len(server.requests) == 2


def test_a_busy_server_is_asked_again(server: FakeArcli, gallery: ArcloudGallery, clock: Any) -> None:
    server.answers["GET /arcli/v1/channels"] = {"channels": []}
    gallery.capabilities()
    server.faults = [BUSY, BUSY]
    assert list(gallery.channels()) == []
    assert len(clock.slept) == 2


def test_misses_are_asked_for(server: FakeArcli, gallery: ArcloudGallery) -> None:
    records = [{"date": "20250101", "channel": "a", "count": 2, "missed": True}]
    server.answers["POST /Statistics"] = {"returncode": 0, "records": records}
    day = dt.date(2025, 1, 1)
    (record,) = gallery.statistics(query=StatisticsQuery(start=day, end=day, misses=True))
    assert (record.missed, server.last.values["misses"]) == (True, "1")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, b"<html>"),
        Reply(500, b"oops"),
        Reply(200, b"<html>hi</html>"),
        Reply(403, b"{}"),
        Reply(200, b'{"a":1}'),
    ],
)
def test_a_service_that_answers_anything_else_is_the_vendors(
    server: FakeArcli, gallery: ArcloudGallery, reply: Reply
) -> None:
    server.faults = [lambda request: reply]
    assert gallery.capabilities().backend == "ARCloud"
    assert len(server.requests) == 1
