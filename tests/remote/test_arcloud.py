"""The seven calls against a vendor written from the document alone, over real HTTP."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from arcli import errors
from arcli.errors import BadAnswer, NotSupported, RemoteError, TargetExists
from arcli.models import (
    AddItem,
    AddOptions,
    AddStatus,
    FindOptions,
    ListQuery,
    OnExists,
    Picture,
    StatisticsQuery,
    TargetChanges,
)
from arcli.remote.arcloud.gallery import ArcloudGallery
from tests.fakes.arcloud import OTHER_CREDENTIALS, FakeVendor
from tests.fakes.http import Reply
from tests.remote.conftest import Connect, decoded, item, picture

TODAY = dt.datetime.now(dt.UTC).date()


def test_a_picture_is_added_found_listed_changed_and_removed(gallery: ArcloudGallery) -> None:
    added = gallery.add(channel="default", item=item(1, metadata='{"a": 1}', matchratio=0.4))
    assert added.status is AddStatus.ADDED
    assert added.level in range(1, 6)
    found = gallery.find(picture=picture(1, name="photo.jpg"), channels=("default",))
    (match,) = found.matches
    assert (found.image, match.identifier, match.channel) == ("photo.jpg", "card001", "default")
    assert (match.metadata, match.level) == ('{"a": 1}', added.level)
    (listed,) = gallery.list(channel="default").targets
    assert (listed.identifier, listed.metadata, float(str(listed.matchratio))) == ("card001", '{"a": 1}', 0.4)
    changed = gallery.update(channel="default", identifier="card001", changes=TargetChanges(metadata="[2]"))
    assert changed.metadata == gallery.get(channel="default", identifier="card001").metadata == "[2]"
    assert gallery.remove(channel="default", identifier="card001")
    with pytest.raises(errors.TargetNotFound):
        gallery.get(channel="default", identifier="card001")


def test_no_match_is_an_answer(gallery: ArcloudGallery) -> None:
    gallery.add(channel="default", item=item(1))
    assert not gallery.find(picture=picture(2), channels=("default",)).matched


def test_metadata_are_not_fetched_when_not_asked_for(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    gallery.add(channel="default", item=item(1, metadata="{}"))
    options = FindOptions(metadata=False)
    (match,) = gallery.find(picture=picture(1), channels=("default",), options=options).matches
    assert match.metadata is None
    assert vendor.calls[-1] == "FindImage"


@pytest.mark.parametrize("slip", [False, True])
def test_without_a_channel_the_answer_names_it(vendor: FakeVendor, connect: Connect, slip: bool) -> None:
    vendor.channels["posters"] = type(vendor.channels["default"])("vendor-user")
    vendor.channel_in_level = slip
    gallery = connect(vendor.url)
    gallery.add(channel="posters", item=item(1, metadata="7"))
    (match,) = gallery.find(picture=picture(1), channels=None).matches
    assert (match.identifier, match.channel, match.metadata) == ("card001", "posters", "7")
    assert match.level in range(1, 6)


def test_several_channels_are_asked_one_by_one(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    vendor.channels["posters"] = type(vendor.channels["default"])("vendor-user")
    gallery.add(channel="posters", item=item(1))
    (match,) = gallery.find(picture=picture(1), channels=("default", "posters")).matches
    assert match.channel == "posters"
    assert not gallery.find(picture=picture(2), channels=("default", "posters")).matched


def test_numbers_may_be_text(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    vendor.numbers_as_text = True
    assert gallery.add(channel="default", item=item(1)).level in range(1, 6)
    assert gallery.list(channel="default").totalcount == 1
    gallery.find(picture=picture(1), channels=("default",))
    (record,) = gallery.statistics(query=StatisticsQuery(start=TODAY, end=TODAY, channel="default"))
    assert record.count == 1


@pytest.mark.parametrize("call", ["AddImage", "RemoveImage", "GetImages", "GetImage", "UpdateImageInfo"])
def test_an_unknown_channel_is_the_same_error_on_every_call(gallery: ArcloudGallery, call: str) -> None:
    changes = TargetChanges(metadata="1")
    with pytest.raises(errors.ChannelNotFound):
        {
            "AddImage": lambda: gallery.add(channel="nowhere", item=item(1)),
            "RemoveImage": lambda: gallery.remove(channel="nowhere", identifier="abc"),
            "GetImages": lambda: gallery.list(channel="nowhere"),
            "GetImage": lambda: gallery.get(channel="nowhere", identifier="abc"),
            "UpdateImageInfo": lambda: gallery.update(channel="nowhere", identifier="abc", changes=changes),
        }[call]()


def test_wrong_credentials_and_foreign_channels(vendor: FakeVendor, connect: Connect) -> None:
    wrong = connect(vendor.url, {"username": "vendor-user", "secretkey": "no"})
    with pytest.raises(errors.WrongCredentials):
        wrong.list(channel="default")
    with pytest.raises(errors.WrongCredentials):
        wrong.find(picture=picture(1), channels=None)
    with pytest.raises(errors.NotYourChannel):
        connect(vendor.url).list(channel="theirs")
    assert connect(vendor.url, OTHER_CREDENTIALS).list(channel="theirs").totalcount == 0


def test_pictures_are_refused_with_their_reason(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    blank = Picture(name="blank.png", data=picture_of_nothing())
    items = [
        AddItem(picture=blank, identifier="blank"),
        AddItem(picture=Picture(name="text.jpg", data=b"\xff\xd8\xff no picture"), identifier="text"),
        item(1, "no way"),
        item(1, "ok.1", metadata="{no json"),
        item(2, "ok.1"),
    ]
    results = list(gallery.add_many(channel="default", items=items))
    kinds = [type(result.error) for result in results]
    assert kinds == [
        errors.TooFewFeatures,
        errors.UnreadablePicture,
        errors.InvalidIdentifier,
        errors.InvalidMetadata,
        type(None),
    ]
    assert [result.error.item for result in results if result.error] == [
        "blank.png",
        "text.jpg",
        "1.jpg",
        "1.jpg",
    ]
    assert vendor.channels["default"].images.keys() == {"ok.1"}


def test_quota_and_size_limits_are_told(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    vendor.channels["default"].most = 1
    gallery.add(channel="default", item=item(1))
    with pytest.raises(errors.QuotaExceeded):
        gallery.add(channel="default", item=item(2))
    vendor.largest = 100
    with pytest.raises(errors.PictureTooLarge):
        gallery.find(picture=picture(1), channels=None)


def test_other_kinds_of_picture_are_written_anew_as_jpeg(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    webp = AddItem(picture=picture(1, kind=".webp"), identifier="webp")
    assert gallery.add(channel="default", item=webp).status is AddStatus.ADDED
    assert gallery.find(picture=picture(1, kind=".bmp"), channels=("default",)).matched
    name, _, data = vendor.requests[1].files[0][0], *vendor.requests[1].files[0][1:]
    assert (name, data[:2]) == ("image", b"\xff\xd8")


@pytest.mark.parametrize("kind", [".jpg", ".png"])
def test_a_large_picture_is_sent_smaller(
    vendor: FakeVendor, gallery: ArcloudGallery, tmp_path: Path, kind: str
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (900, 1200, 3), np.uint8)
    large = tmp_path / f"large{kind}"
    cv2.imwrite(str(large), cv2.resize(noise, (6000, 4500), interpolation=cv2.INTER_CUBIC))
    vendor.largest = 20_000_000
    gallery.add(channel="default", item=AddItem(picture=Picture.from_path(large), identifier="large"))
    sent = vendor.requests[-1].files[0][-1]
    assert decoded(sent).shape == (1920, 2560, 3)
    assert len(sent) < large.stat().st_size / 2


# What stands in the way


@pytest.mark.parametrize(
    ("on_exists", "status"), [(OnExists.SKIP, AddStatus.SKIPPED), (OnExists.REPLACE, AddStatus.REPLACED)]
)
def test_a_taken_identifier(gallery: ArcloudGallery, on_exists: OnExists, status: AddStatus) -> None:
    gallery.add(channel="default", item=item(1))
    with pytest.raises(TargetExists):
        gallery.add(channel="default", item=item(2, "card001"))
    again = gallery.add(channel="default", item=item(2, "card001"), options=AddOptions(on_exists=on_exists))
    assert again.status is status
    assert gallery.find(picture=picture(2), channels=("default",)).matched is (status is AddStatus.REPLACED)
    assert gallery.find(picture=picture(1), channels=("default",)).matched is (status is AddStatus.SKIPPED)


def test_a_replacement_that_fails_says_that_the_old_picture_is_gone(gallery: ArcloudGallery) -> None:
    gallery.add(channel="default", item=item(1))
    bad = AddItem(picture=Picture(name="b.png", data=picture_of_nothing()), identifier="card001")
    with pytest.raises(errors.TooFewFeatures, match="old picture was removed"):
        gallery.add(channel="default", item=bad, options=AddOptions(on_exists=OnExists.REPLACE))


def test_a_new_picture_keeps_metadata_and_matchratio(gallery: ArcloudGallery) -> None:
    gallery.add(channel="default", item=item(1, metadata='{"k": 1}', matchratio=0.5))
    changes = TargetChanges(picture=picture(2))
    target = gallery.update(channel="default", identifier="card001", changes=changes)
    assert (target.metadata, float(str(target.matchratio))) == ('{"k": 1}', 0.5)
    assert gallery.find(picture=picture(2), channels=("default",)).matched


def test_removing_what_is_not_there_is_no_error(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    gallery.remove(channel="default", identifier="nobody")
    vendor.faults = [lambda request: Reply.of({"returncode": 20014})]
    assert gallery.remove(channel="default", identifier="nobody") is False


def test_a_dry_run_tells_wrong_credentials(vendor: FakeVendor, connect: Connect) -> None:
    wrong = connect(vendor.url, {"username": "vendor-user", "secretkey": "no"})
    with pytest.raises(errors.WrongCredentials):
        list(wrong.add_many(channel="default", items=[item(1)], options=AddOptions(dry_run=True)))


def test_a_dry_run_sends_nothing(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    gallery.add(channel="default", item=item(1))
    options = AddOptions(dry_run=True, on_exists=OnExists.REPLACE)
    results = list(
        gallery.add_many(channel="default", items=[item(1), item(2), item(3, "x")], options=options)
    )
    statuses = [result.status for result in results]
    assert statuses == [AddStatus.WOULD_REPLACE, AddStatus.WOULD_ADD, AddStatus.WOULD_FAIL]
    assert vendor.calls.count("AddImage") == 1
    assert "RemoveImage" not in vendor.calls


def test_low_levels_are_refused_before_anything_is_sent(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    options = AddOptions(min_level=5, on_exists=OnExists.FAIL)
    dull = AddItem(picture=Picture(name="dull.png", data=dull_picture()), identifier="dull")
    with pytest.raises((errors.LevelTooLow, errors.TooFewFeatures)):
        gallery.add(channel="default", item=dull, options=options)
    assert "AddImage" not in vendor.calls


# Listing


def test_every_page_is_read_in_order(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    fill(vendor, 11)
    page = gallery.list(channel="default")
    assert [target.identifier for target in page.targets] == [f"card{k:03}" for k in range(11)]
    assert page.totalcount == 11
    positions = [request.values["position"] for request in vendor.requests if request.method == "POST"]
    assert positions == ["0", "4", "8"]


def test_part_of_a_listing_reads_no_more_than_it_needs(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    fill(vendor, 11)
    page = gallery.list(channel="default", query=ListQuery(position=2, limit=3))
    assert [target.identifier for target in page.targets] == ["card002", "card003", "card004"]
    assert (page.totalcount, len(vendor.requests)) == (11, 1)
    assert gallery.list(channel="default", query=ListQuery(position=99)).targets == ()


def test_overlapping_pages_are_merged(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    fill(vendor, 9)

    def insert_first(request: object) -> Reply:
        reply = vendor.answer(request)  # type: ignore[arg-type]
        fill(vendor, 1, prefix="aaa")
        return reply

    vendor.faults = [insert_first]
    identifiers = [target.identifier for target in gallery.list(channel="default").targets]
    assert identifiers == [f"card{k:03}" for k in range(9)]


def test_a_service_that_ignores_positions_is_found_out(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    same = Reply.of({"returncode": 0, "totalcount": 9, "images": [{"identifier": "abc"}]})
    vendor.faults = [lambda request: same] * 3
    with pytest.raises(BadAnswer, match="repeats"):
        gallery.list(channel="default")


@pytest.mark.parametrize("pages", [1, 2])
@pytest.mark.parametrize("query", [ListQuery(), ListQuery(prefix="a"), ListQuery(limit=8)])
def test_a_listing_that_ends_before_its_totalcount_is_no_listing(
    vendor: FakeVendor, gallery: ArcloudGallery, pages: int, query: ListQuery
) -> None:
    gallery.capabilities()
    answers: list[dict[str, Any]] = [
        {"returncode": 0, "totalcount": "9", "images": [{"identifier": "abc"}]},
        {"returncode": 0, "totalcount": 9},
    ]
    vendor.faults = [lambda request, body=body: Reply.of(body) for body in answers[2 - pages :]]  # type: ignore[misc]
    with pytest.raises(BadAnswer, match="of 9 targets"):
        gallery.list(channel="default", query=query)


def test_a_listing_that_got_shorter_meanwhile_is_read_to_its_end(
    vendor: FakeVendor, gallery: ArcloudGallery
) -> None:
    fill(vendor, 9)

    def remove_the_last(request: object) -> Reply:
        reply = vendor.answer(request)  # type: ignore[arg-type]
        for number in range(4, 9):
            del vendor.channels["default"].images[f"card{number:03}"]
        return reply

    vendor.faults = [remove_the_last]
    assert len(gallery.list(channel="default").targets) == 4


def test_a_listing_without_a_totalcount_is_read_to_its_end(
    vendor: FakeVendor, gallery: ArcloudGallery
) -> None:
    fill(vendor, 9)
    vendor.tells_total = False
    page = gallery.list(channel="default")
    assert (page.totalcount, len(page.targets)) == (9, 9)
    assert vendor.calls.count("GetImages") == 4


def test_selecting_happens_here(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    fill(vendor, 6)
    fill(vendor, 3, prefix="note", metadata='{"kind": "note", "n": 1}')
    chosen = gallery.list(channel="default", query=ListQuery(prefix="note", position=1, limit=5))
    assert [target.identifier for target in chosen.targets] == ["note001", "note002"]
    assert chosen.totalcount == 3
    by_metadata = gallery.list(channel="default", query=ListQuery(where=(("kind", "note"), ("n", "1"))))
    assert by_metadata.totalcount == 3
    assert gallery.list(channel="default", query=ListQuery(active=False)).totalcount == 0
    with pytest.raises(NotSupported, match="level"):
        gallery.list(channel="default", query=ListQuery(level=3))


# Statistics


def test_statistics_by_channel_and_by_identifier(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    vendor.counts.update({("20240229", "default", "b"): 2, ("20240101", "default", "a"): 1})
    vendor.counts.update({("20241231", "default", "b"): 4, ("20250101", "default", "b"): 9})
    whole_year: dict[str, Any] = {"start": dt.date(2024, 1, 1), "end": dt.date(2024, 12, 31)}
    records = gallery.statistics(query=StatisticsQuery(channel="default", **whole_year))
    assert [(r.date, r.channel, r.identifier, r.count) for r in records] == [
        ("20240101", "default", "a", 1),
        ("20240229", "default", "b", 2),
        ("20241231", "default", "b", 4),
    ]
    records = gallery.statistics(query=StatisticsQuery(**whole_year))
    assert [(r.channel, r.identifier, r.count) for r in records] == [
        ("default", None, 1),
        ("default", None, 2),
        ("default", None, 4),
    ]
    with pytest.raises(errors.TargetNotFound):
        gallery.statistics(query=StatisticsQuery(channel="default", identifier="zzz", **whole_year))
    with pytest.raises(NotSupported):
        gallery.statistics(query=StatisticsQuery(misses=True, **whole_year))


def test_counts_that_are_too_many_for_an_answer_are_read_by_fewer_days(
    vendor: FakeVendor, gallery: ArcloudGallery
) -> None:
    first = dt.date(2024, 1, 1)
    days = [f"{first + dt.timedelta(days=number):%Y%m%d}" for number in range(40)]
    vendor.counts.update({(day, "default", f"t{number}"): 1 for day in days for number in range(3)})
    vendor.most_records = 10
    query = StatisticsQuery(channel="default", start=first, end=dt.date(2024, 12, 31))
    records = gallery.statistics(query=query)
    assert [(r.date, r.identifier) for r in records] == [(day, f"t{n}") for day in days for n in range(3)]
    vendor.most_records = 2
    with pytest.raises(errors.UsageError):
        gallery.statistics(query=query)


# What the vendor cannot do


def test_what_the_vendor_cannot_do_says_who_can(gallery: ArcloudGallery) -> None:
    gallery.add(channel="default", item=item(1))
    tries = [
        lambda: gallery.picture(channel="default", identifier="card001"),
        lambda: gallery.update(
            channel="default", identifier="card001", changes=TargetChanges(rename="other")
        ),
        lambda: gallery.update(channel="default", identifier="card001", changes=TargetChanges(active=False)),
        lambda: gallery.find(picture=picture(1), channels=None, options=FindOptions(limit=None)),
        lambda: gallery.find(picture=picture(1), channels=None, options=FindOptions(candidates=3)),
        lambda: gallery.find(picture=picture(1), channels=None, options=FindOptions(count=False)),
        lambda: gallery.add(channel="default", item=item(2), options=AddOptions(no_duplicates=True)),
        gallery.channels,
        lambda: gallery.create_channel(name="new"),
    ]
    for attempt in tries:
        with pytest.raises(NotSupported) as caught:
            attempt()
        assert "arcli serve" in (caught.value.hint or "")


def test_a_check_is_made_on_this_side(gallery: ArcloudGallery) -> None:
    results = list(gallery.check(pictures=[picture(1), Picture(name="x", data=b"no")], channel="default"))
    assert results[0].level in range(1, 6)
    assert isinstance(results[1].error, errors.UnreadablePicture)


def test_capabilities_are_asked_once(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    assert gallery.capabilities().backend == "ARCloud"
    gallery.capabilities()
    assert vendor.calls == ["capabilities"]


# Answers that are none


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>hello</html>", BadAnswer),
        (b"", BadAnswer),
        (b'{"status": "ok"}', BadAnswer),
        (b'{"returncode": 20099}', RemoteError),
        (b'{"returncode": "20005"}', RemoteError),
        (b'{"returncode": 0, "totalcount": 1, "images": [{"metadata": "x"}]}', BadAnswer),
    ],
)
def test_nonsense_has_its_own_error(
    vendor: FakeVendor, gallery: ArcloudGallery, body: bytes, kind: type[BadAnswer]
) -> None:
    vendor.faults = [lambda request: Reply(200, body)]
    with pytest.raises(kind):
        gallery.list(channel="default")


def test_the_secret_travels_in_the_body_only(vendor: FakeVendor, gallery: ArcloudGallery) -> None:
    gallery.add(channel="default", item=item(1))
    gallery.find(picture=picture(1), channels=None)
    for request in vendor.requests:
        assert "vendor-secret" not in request.path
        assert "vendor-secret" not in json.dumps(request.headers)
    assert "vendor-secret" not in repr(vars(gallery)) + repr(vars(gallery._calls))


def fill(vendor: FakeVendor, count: int, prefix: str = "card", metadata: str | None = None) -> None:
    from tests.fakes.arcloud import Image
    from tests.fakes.recognition import Sketch

    images = vendor.channels["default"].images
    images.update({f"{prefix}{k:03}": Image(Sketch([], None, (0, 0), 1.0), metadata) for k in range(count)})


def picture_of_nothing() -> bytes:
    import cv2
    import numpy as np

    return bytes(cv2.imencode(".png", np.full((200, 200, 3), 127, np.uint8))[1].tobytes())


def dull_picture() -> bytes:
    import cv2
    import numpy as np

    pixels = np.full((300, 300, 3), 200, np.uint8)
    for k in range(6):
        cv2.rectangle(pixels, (20 + 40 * k, 30 + 30 * k), (45 + 40 * k, 50 + 30 * k), (10 * k, 50, 90), -1)
    return bytes(cv2.imencode(".png", pixels)[1].tobytes())
