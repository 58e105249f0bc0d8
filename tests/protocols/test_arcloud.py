"""What one side writes the other reads; odd forms of a vendor are understood."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcli import errors
from arcli.errors import ArcliError, BadAnswer, InvalidDate, RemoteError, UsageError
from arcli.models import (
    AddItem,
    AddOptions,
    AddResult,
    AddStatus,
    Candidate,
    Clearable,
    Effort,
    FindOptions,
    FindResult,
    Hint,
    Match,
    OnExists,
    Picture,
    StatisticsQuery,
    StatRecord,
    Target,
    TargetChanges,
    TargetPage,
)
from arcli.models.statistics import compact_day, days_of
from arcli.protocols.arcloud import answers, requests
from arcli.protocols.arcloud.codes import DOCUMENTED, Call, code_for, error_for
from arcli.protocols.reading import error_json, read_error

PICTURE = Picture(name="a.jpg", data=b"\xff\xd8")
QUAD = ((0.5, 1.0), (10.0, 1.0), (10.0, 12.0), (0.0, 12.0))


def wire(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("code", "kind", "status"),
    [
        (20001, errors.WrongCredentials, 5),
        (20003, errors.ChannelNotFound, 4),
        (20004, errors.NotYourChannel, 5),
        (20006, errors.PictureTooLarge, 7),
        (20007, errors.UnreadablePicture, 7),
        (20010, errors.InvalidIdentifier, 7),
        (20012, errors.QuotaExceeded, 11),
        (20013, errors.TooFewFeatures, 7),
        (20014, errors.TargetNotFound, 4),
        (20015, errors.Busy, 8),
        (20016, errors.TargetExists, 6),
    ],
)
def test_each_documented_code_is_an_error_and_that_error_the_code(
    code: int, kind: type[ArcliError], status: int
) -> None:
    error = error_for(code, item="tiger")
    assert type(error) is kind
    assert error.exit_status == status
    assert code_for(error, Call.ADD_IMAGE) == code


def test_every_error_has_a_code_that_somebody_documents() -> None:
    known = frozenset({20015, 29000, 29001}).union(*DOCUMENTED.values())
    for kind in _all_errors():
        assert {code_for(kind("no"), call) for call in Call} <= known


@pytest.mark.parametrize(
    "call", [Call.ADD_IMAGE, Call.REMOVE_IMAGE, Call.GET_IMAGE, Call.UPDATE_IMAGE_INFO, Call.STATISTICS]
)
def test_an_identifier_that_is_not_valid_has_a_code_that_its_call_documents(call: Call) -> None:
    assert code_for(errors.InvalidIdentifier("no"), call) in DOCUMENTED[call]


def test_unknown_codes_and_the_multipart_code_keep_their_number() -> None:
    for code in (20005, 20099, "E7"):
        error = error_for(code)
        assert isinstance(error, RemoteError)
        assert error.returncode == code
        assert str(code) in error.message
    assert code_for(error_for(20005), Call.ADD_IMAGE) == 20005


def test_removing_what_is_not_there_is_a_success_on_the_wire() -> None:
    gone = errors.TargetNotFound("no such target")
    assert answers.failed(gone, Call.REMOVE_IMAGE) == {"returncode": 0, "removed": 0}
    assert answers.failed(gone, Call.GET_IMAGE)["returncode"] == 20014


@pytest.mark.parametrize("code", ["0", 0, 0.0, "0.0"])
def test_a_returncode_may_be_text(code: object) -> None:
    assert answers.read_answer(wire({"returncode": code, "level": "4"}))["level"] == "4"


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"null", b"{}", b'{"returncode":null}', b"[" * 99999]
)
def test_what_is_no_answer_is_said_so(content: bytes) -> None:
    with pytest.raises(BadAnswer):
        answers.read_answer(content)


def test_a_failure_of_our_server_arrives_as_the_error_it_was() -> None:
    sent = errors.LevelTooLow("level 1 is below 3", hint="use a richer picture", item="a.jpg")
    with pytest.raises(errors.LevelTooLow) as caught:
        answers.read_answer(wire(answers.failed(sent, Call.ADD_IMAGE)))
    assert (caught.value.message, caught.value.hint, caught.value.item) == (
        sent.message,
        sent.hint,
        sent.item,
    )


def test_a_bug_tells_the_client_nothing_of_itself() -> None:
    body = answers.failed(ArcliError("/srv/secret/path is odd"), Call.FIND_IMAGE)
    assert body["returncode"] == 29000
    assert "/srv/secret" not in json.dumps(body)


def test_errors_survive_the_wire() -> None:
    for kind in _all_errors():
        back = read_error(error_json(kind("what", hint="do that", item="x")))
        assert type(back) is kind
    assert read_error({"code": "nobody_knows", "message": "x"}) is None
    assert read_error("text") is None


def test_add_fields_survive_the_wire() -> None:
    item = AddItem(picture=PICTURE, identifier="tiger@1", metadata='{"ä": 1}', matchratio=0.25)
    options = AddOptions(on_exists=OnExists.REPLACE, min_level=3, no_duplicates=True, dry_run=True)
    fields = requests.add_fields("cards", item) | requests.add_extension_fields(item, options)
    back = requests.read_add_options(fields)
    assert (back.on_exists, back.min_level, back.no_duplicates, back.dry_run) == (
        OnExists.REPLACE,
        3,
        True,
        True,
    )
    assert requests.read_matchratio(fields) == 0.25
    assert requests.read_metadata(fields) == '{"ä": 1}'
    assert requests.add_fields("cards", item).keys() == {"channel", "identifier", "metadata"}


def test_an_old_client_sends_none_of_our_fields() -> None:
    assert requests.read_add_options({}) == AddOptions(create_channel=False)
    assert requests.read_find_options({}) == FindOptions()
    assert requests.read_find_channels({"channel": ""}) is None


@given(
    limit=st.none() | st.integers(1, 1000),
    candidates=st.integers(0, 1000),
    threshold=st.none() | st.floats(0, 1),
    effort=st.sampled_from(Effort),
    count=st.booleans(),
    metadata=st.booleans(),
    channels=st.none() | st.lists(st.text("abc", min_size=1), min_size=1, max_size=4, unique=True),
)
def test_find_options_survive_the_wire(channels: list[str] | None, **chosen: Any) -> None:
    options = FindOptions(**chosen)
    fields = requests.find_fields(channels) | requests.find_extension_fields(channels, options)
    assert requests.read_find_options(fields) == options
    assert requests.read_find_channels(fields) == (None if channels is None else tuple(channels))


@pytest.mark.parametrize(
    "fields",
    [
        {"limit": "0"},
        {"limit": "many"},
        {"candidates": "-1"},
        {"threshold": "nan"},
        {"threshold": "1.5"},
        {"effort": "some"},
    ],
)
def test_find_options_that_make_no_sense_are_refused(fields: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        requests.read_find_options(fields)


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "high", "0x1", "٣x"])
def test_a_matchratio_that_is_no_finite_number_is_refused(value: str) -> None:
    with pytest.raises(UsageError):
        requests.read_matchratio({"matchratio": value})


@pytest.mark.parametrize("fields", [{}, {"username": "u"}, {"username": "", "secretkey": "s"}])
def test_missing_credentials_are_a_missing_parameter(fields: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        requests.read_credentials(fields)
    assert code_for(caught.value, Call.ADD_IMAGE) == 29001


def test_a_secret_is_in_no_repr() -> None:
    credentials = requests.Credentials(username="u", secretkey="hush-hush")
    assert "hush" not in repr(credentials)
    assert "hush" not in f"{credentials!r} {credentials}"


def test_changes_survive_the_wire() -> None:
    changes = TargetChanges(metadata="[1]", matchratio=1, active=False, rename="lion")
    fields = requests.update_fields(changes) | requests.update_extension_fields(changes)
    assert requests.read_changes(fields) == changes
    assert requests.read_changes({}) == TargetChanges()
    cleared = TargetChanges(clear=frozenset(Clearable))
    assert requests.read_changes(requests.update_extension_fields(cleared)) == cleared
    with pytest.raises(errors.UsageError):
        requests.read_changes({"clear": "level"})


def test_answers_survive_the_wire() -> None:
    item = AddItem(picture=PICTURE, identifier="tiger")
    result = AddResult(
        image="a.jpg",
        identifier="tiger",
        status=AddStatus.REPLACED,
        level=2,
        hints=(Hint(code="few", message="few corners", advice="more detail"),),
    )
    assert answers.read_added(answers.read_answer(wire(answers.added(result))), item) == result
    target = Target(
        identifier="tiger",
        channel="cards",
        metadata="{}",
        matchratio="0.9x",
        level=5,
        active=False,
        created="2025-01-01T00:00:00Z",
        updated="2025-01-02T00:00:00Z",
        picture_hash="ab",
    )
    page = TargetPage(totalcount=7, targets=(target,))
    assert answers.read_listed(answers.read_answer(wire(answers.listed(page))), channel="cards") == page
    assert [answers.read_removed(answers.removed(there)) for there in (True, False)] == [True, False]


def test_what_a_photo_shows_survives_the_wire() -> None:
    match = Match(
        identifier="tiger", channel="cards", score=0.75, inliers=40, quad=QUAD, level=4, metadata="{}"
    )
    look_alike = Candidate(
        identifier="lion", channel="cards", reason="rival", why="too near", score=0.5, votes=3.5
    )
    for result in (
        FindResult(image="p.jpg", matches=(match, match), candidates=(look_alike,)),
        FindResult(image="p.jpg", candidates=(look_alike,)),
        FindResult(image="p.jpg"),
    ):
        body = answers.read_answer(wire(answers.found(result, channel_given=True)))
        assert answers.read_found(body, image="p.jpg", channel="cards") == result
    assert "identifier" not in answers.found(FindResult(image="p.jpg"), channel_given=True)


def test_the_vendors_bare_match_is_understood() -> None:
    with_channel = answers.read_found({"returncode": 0, "identifier": "tiger"}, image="p", channel="cards")
    assert with_channel.matches == (Match(identifier="tiger", channel="cards"),)


@pytest.mark.parametrize(
    ("body", "channel", "level"),
    [
        ({"level": "posters"}, "posters", None),
        ({"level": 4}, None, 4),
        ({"level": "4"}, None, 4),
        ({"level": "7"}, "7", None),
        ({"channel": "cards", "level": 3}, "cards", 3),
        ({"channel": "cards"}, "cards", None),
        ({}, None, None),
    ],
)
def test_the_channel_of_a_match_is_found_in_level_too(
    body: dict[str, Any], channel: str | None, level: int | None
) -> None:
    result = answers.read_found({"identifier": "tiger", **body}, image="p", channel=None)
    assert (result.matches[0].channel, result.matches[0].level) == (channel, level)


def test_the_server_can_answer_the_slip_as_the_document_has_it() -> None:
    result = FindResult(image="p", matches=(Match(identifier="tiger", channel="cards", level=4),))
    slip = answers.found(result, channel_given=False, level_is_channel=True)
    assert slip["level"] == slip["channel"] == "cards"
    assert answers.found(result, channel_given=True, level_is_channel=True)["level"] == 4


def test_statistics_survive_the_wire_in_order() -> None:
    records = (
        StatRecord(date="20250101", channel="cards", identifier="lion", count=2),
        StatRecord(date="20250101", channel="cards", identifier="tiger", count=1, missed=True),
        StatRecord(date="20250102", channel="cards", identifier="lion", count=3),
    )
    body = answers.statistics("me", "cards", records)
    assert all("channel" not in record for record in body["records"])
    assert answers.read_statistics(json.loads(wire(body)), channel="cards") == records
    shuffled = {
        "records": [{"date": 20250102, "channel": "b", "count": "2"}, {"date": "20250101", "count": 1}]
    }
    assert [record.date for record in answers.read_statistics(shuffled, channel=None)] == [
        "20250101",
        "20250102",
    ]


def test_statistics_queries_survive_the_wire() -> None:
    query = StatisticsQuery(
        start=dt.date(2025, 2, 1), end=dt.date(2025, 2, 28), channel="c", identifier="tiger", misses=True
    )
    assert requests.read_statistics(requests.statistics_fields(query)) == query
    with pytest.raises(UsageError):
        requests.read_statistics({"startdate": "2026", "enddate": "2025"})


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "20240101", "20241231"),
        ("202402", "20240201", "20240229"),
        ("20240229", "20240229", "20240229"),
        ("9999", "99990101", "99991231"),
    ],
)
def test_a_year_or_month_means_all_of_it(text: str, first: str, last: str) -> None:
    assert tuple(compact_day(day) for day in days_of(text)) == (first, last)


@pytest.mark.parametrize(
    "text", ["", "20", "0000", "202413", "20230229", "2024-01-01", "２０２４", "20240101\n"]
)
def test_other_dates_are_refused(text: str) -> None:
    with pytest.raises(InvalidDate):
        days_of(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
_KEYS = [
    "identifier",
    "level",
    "channel",
    "matches",
    "images",
    "records",
    "candidates",
    "quad",
    "date",
    "count",
]


@given(st.dictionaries(st.sampled_from([*_KEYS, "status", "totalcount", "hints", "metadata"]), _JSON))
def test_no_answer_makes_the_reader_fail_with_anything_but_bad_answer(body: dict[str, Any]) -> None:
    item = AddItem(picture=PICTURE, identifier="tiger")
    for read in (
        lambda: answers.read_found(body, image="p", channel=None),
        lambda: answers.read_listed(body, channel="c"),
        lambda: answers.read_statistics(body, channel=None),
        lambda: answers.read_added(body, item),
    ):
        with contextlib.suppress(BadAnswer):
            read()


def _all_errors() -> list[type[ArcliError]]:
    found, waiting = [], [ArcliError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind is not RemoteError and kind.__module__ == ArcliError.__module__:  # others add no code
            found.append(kind)
    return found
