"""The sums over judged photos."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcli.bulk.table import open_table
from arcli.errors import InvalidManifest, TooFewFeatures, UnreadablePicture
from arcli.evaluation.judge import Judged, Outcome, judge
from arcli.evaluation.measure import Measurement, Report, upper_bound
from arcli.evaluation.photos import COLUMNS, LabelledPhoto, Registered, labelled_photos
from arcli.models import Candidate, FindResult, Match, Picture


def summarize(judged: Iterable[Judged]) -> Report:
    measured = Measurement()
    for each in judged:
        measured.add(each)
    return measured.report()


def photo(*expected: str) -> LabelledPhoto:
    return LabelledPhoto(picture=Picture(name="p.jpg", data=b""), expected=frozenset(expected))


def answer(*matches: str, candidates: tuple[Candidate, ...] = (), score: float = 0.9) -> FindResult:
    found = tuple(Match(identifier=each, channel="default", score=score) for each in matches)
    return FindResult(image="p.jpg", matches=found, candidates=candidates, elapsed_ms=10)


def refused(identifier: str, reason: str, score: float = 0.3) -> Candidate:
    return Candidate(identifier=identifier, channel="default", reason=reason, why="", score=score)


@pytest.mark.parametrize(
    ("expected", "result", "outcome"),
    [
        (("aaa",), answer("aaa"), Outcome.RIGHT),
        (("aaa", "bbb"), answer("bbb"), Outcome.RIGHT),
        (("aaa",), answer("bbb", "aaa"), Outcome.WRONG),
        (("aaa",), answer(), Outcome.MISSED),
        ((), answer("aaa"), Outcome.FALSE_ACCEPT),
        ((), answer(), Outcome.REJECTED),
        (("aaa",), FindResult(image="p", error=UnreadablePicture("cut")), Outcome.FAILED),
    ],
)
def test_outcomes(expected: tuple[str, ...], result: FindResult, outcome: Outcome) -> None:
    assert judge(photo(*expected), result).outcome is outcome


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (answer(), "not_in_shortlist"),
        (answer(candidates=(refused("aaa", "too_few_matches"),)), "too_few_matches"),
        (answer(candidates=(refused("aaa", "below_threshold"),)), "below_threshold"),
        (answer("bbb", candidates=(refused("aaa", "below_threshold"),)), "other_target_chosen"),
        (answer("bbb"), "not_in_shortlist"),
        (answer(candidates=(refused("aaa", "implausible_quad"),)), "implausible_quad"),
        (answer(candidates=(refused("aaa", "too_few_inliers"),)), "too_few_inliers"),
        (FindResult(image="p", error=UnreadablePicture("cut")), "photo_failed"),
    ],
)
def test_a_miss_says_why(result: FindResult, reason: str) -> None:
    (miss,) = judge(photo("aaa"), result, explained=True).misses
    assert (miss.identifier, miss.reason) == ("aaa", reason)


def test_a_miss_beside_a_right_answer_has_a_reason_of_its_own() -> None:
    candidates = (refused("aaa", "rival"), refused("ccc", "too_few_inliers"))
    judged = judge(photo("aaa", "bbb", "ccc"), answer("bbb", "xxx", candidates=candidates), explained=True)
    assert [miss.reason for miss in judged.misses] == ["other_target_chosen", "too_few_inliers"]
    assert judged.extra == ("xxx",)


def test_a_service_that_names_no_candidates_gives_no_reason() -> None:
    (miss,) = judge(photo("aaa"), answer()).misses
    assert miss.reason == "candidates_not_named"


def test_a_photo_that_cannot_be_read_proves_nothing_about_false_accepts() -> None:
    cut = FindResult(image="p", error=UnreadablePicture("cut"))
    poor = FindResult(image="p", error=TooFewFeatures("blank"))
    report = summarize([judge(photo(), cut), judge(photo(), poor), judge(photo(), answer("aaa"))])
    assert (report.queries, report.without_targets, report.failed) == (3, 2, 1)
    assert report.false_accept_rate == 1 / 2
    assert report.thresholds[0].false_accept_rate == 1 / 2


def test_a_look_alike_that_was_not_chosen_does_not_answer_in_the_sweep() -> None:
    """The one that was chosen may have the lower score: rivals are ordered by what differs between them."""
    result = answer("aaa", candidates=(refused("bbb", "rival", 0.9),), score=0.8)
    report = summarize([judge(photo("aaa"), result, explained=True)])
    by_threshold = {point.threshold: point for point in report.thresholds}
    assert by_threshold[0.5].recall == report.recall_at_1 == 1.0
    assert by_threshold[0.86].precision == 0.0


def judged() -> list[Judged]:
    return [
        judge(photo("aaa"), answer("aaa", score=0.8)),
        judge(photo("bbb", "ccc"), answer("bbb", score=0.6)),
        judge(photo("ddd"), answer(candidates=(refused("ddd", "below_threshold", 0.4),))),
        judge(photo(), answer(candidates=(refused("aaa", "below_threshold", 0.2),))),
        judge(photo(), answer("aaa", score=0.55)),
    ]


def test_rates_and_the_sweep_over_thresholds() -> None:
    report = summarize(judged())
    assert (report.right, report.missed, report.false_accepts) == (2, 1, 1)
    assert report.recall_at_1 == 2 / 3
    assert report.recall == 2 / 4
    assert report.false_accept_rate == 1 / 2
    by_threshold = {point.threshold: point for point in report.thresholds}
    assert by_threshold[0.3].recall == 1.0
    assert by_threshold[0.3].false_accept_rate == 0.5
    assert by_threshold[0.1].false_accept_rate == 1.0
    assert by_threshold[0.5].recall == 2 / 3
    assert by_threshold[0.7].precision == 1.0
    assert by_threshold[1.0].precision is None


def test_nothing_to_measure_gives_no_rates() -> None:
    report = summarize([])
    assert (report.recall_at_1, report.false_accept_rate, report.latency_ms) == (None, None, None)


@pytest.mark.parametrize(
    ("events", "trials", "bound"), [(0, 3000, 0.000998), (1, 300, 0.01572), (3, 100, 0.07571), (5, 5, 1.0)]
)
def test_the_upper_bound_is_that_of_the_tables(events: int, trials: int, bound: float) -> None:
    assert upper_bound(events, trials) == pytest.approx(bound, rel=0.01)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_upper_bound_is_above_the_rate(pair: tuple[int, int]) -> None:
    events, trials = pair
    assert events / trials <= upper_bound(events, trials) <= 1.0


def test_a_target_that_could_not_be_answered_is_missed_for_that_reason() -> None:
    registered = Registered(absent=frozenset({"aaa"}), inactive=frozenset({"bbb"}))
    judged = judge(photo("aaa", "bbb", "ccc"), answer(), explained=True, registered=registered)
    assert [miss.reason for miss in judged.misses] == ["no_such_target", "inactive", "not_in_shortlist"]


def read_photos(path: Path) -> list[LabelledPhoto]:
    rows = ((row.line, row.values, row.error) for row in open_table(path, COLUMNS).rows())
    return list(labelled_photos(rows, path, Path))


@pytest.mark.parametrize(
    "data",
    [
        '\ufeffphoto;identifier\r\na.jpg;one\r\nb.jpg;\r\nc.jpg;"one;two"\r\n'.encode(),
        b'sep=;\r\nphoto;identifier\r\na.jpg;one\r\nb.jpg;\r\nc.jpg;"one;two"\r\n',
        "photo\tidentifier\r\na.jpg\tone\r\nb.jpg\t\r\nc.jpg\tone; two\r\n".encode("utf-16"),
        b"Image|ID|price\na.jpg|one|1\nb.jpg||2\nc.jpg|two;one|3\n",
    ],
)
def test_a_listing_may_come_from_any_spreadsheet(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "photos.csv").write_bytes(data)
    assert [each.expected for each in read_photos(tmp_path / "photos.csv")] == [
        {"one"},
        set(),
        {"one", "two"},
    ]


def test_a_listing_may_be_json_lines(tmp_path: Path) -> None:
    lines = ['{"photo": "a.jpg", "identifier": ["one", 1001]}', '{"photo": "b.jpg", "identifier": null}']
    (tmp_path / "photos.jsonl").write_text("\n".join(lines))
    assert [each.expected for each in read_photos(tmp_path / "photos.jsonl")] == [{"one", "1001"}, set()]


def test_photos_are_read_with_paths_relative_to_the_file(tmp_path: Path) -> None:
    listing = tmp_path / "photos.csv"
    listing.write_bytes("\ufeffPhoto,Identifier\r\na.jpg,one;two\r\n\r\nsub/b.jpg,\r\n".encode())
    first, second = read_photos(listing)
    assert first.expected == {"one", "two"}
    assert second.expected == frozenset()
    assert second.picture.path == tmp_path / "sub/b.jpg"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a.jpg,one\n", "no column is named photo"),
        ("photo,identifier\na.jpg,not valid!\n", "line 2"),
        ("photo,identifier\na.jpg,one\n,two\n", "line 3"),
        ("photo;identifier\na.jpg;one;two\n", "line 2: 3 cells"),
    ],
)
def test_a_bad_listing_is_refused_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    listing = tmp_path / "photos.csv"
    listing.write_text(text)
    with pytest.raises(InvalidManifest, match=sentence):
        read_photos(listing)


def test_a_listing_whose_line_has_no_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photos.csv"
    path.write_bytes(b"photo,identifier\n" + b"x" * (2 << 20))
    with pytest.raises(InvalidManifest, match="a line of over"):
        read_photos(path)
