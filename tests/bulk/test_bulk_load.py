"""A load goes on past failures, reports everything in order, and continues after whatever stopped it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from arcli.bulk.identifiers import IdFrom
from arcli.bulk.load import load
from arcli.bulk.manifest import open_manifest
from arcli.bulk.plan import Defaults, Plan, plan_manifest, plan_words
from arcli.bulk.report import ReportFile, start_path
from arcli.errors import Conflict, FileExists, Locked, Unreachable
from arcli.models import AddItem, AddOptions, AddResult, OnExists
from tests.bulk.fake_gallery import HINT, FakeGallery

Draw = Callable[..., Path]


class Killed(BaseException):
    """What a kill looks like from inside: nothing runs after it."""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report.jsonl"


def plan_of(folder: Path) -> Plan:
    return plan_words([str(folder)], IdFrom.STEM, Defaults())


def statuses(results: Iterator[AddResult]) -> dict[str, str]:
    return {result.identifier: result.status.value for result in results}


def run(
    gallery: FakeGallery, plan: Plan, on_exists: OnExists = OnExists.FAIL, **more: object
) -> dict[str, str]:
    options = AddOptions(on_exists=on_exists, **more)  # type: ignore[arg-type]
    return statuses(load(gallery, channel="c", plan=plan, options=options))


def reported(
    gallery: FakeGallery, plan: Plan, path: Path, *, resume: bool = True, **more: object
) -> list[AddResult]:
    with ReportFile.open(path, resume=resume) as report:
        options = AddOptions(**more)  # type: ignore[arg-type]
        return list(load(gallery, channel="c", plan=plan, options=options, report=report))


def many(draw: Draw, count: int = 20) -> None:
    for number in range(count):
        draw(f"p{number:03}.jpg", level=1 + number % 5)


def test_one_bad_picture_costs_no_other(gallery: FakeGallery, folder: Path, draw: Draw) -> None:
    draw("abc.jpg"), draw("def.jpg").write_bytes(b"text"), draw("ghi.jpg")
    assert run(gallery, plan_of(folder)) == {"abc": "added", "def": "failed", "ghi": "added"}


def test_results_come_in_order_and_rows_that_cannot_be_sent_keep_their_place(
    gallery: FakeGallery, tmp_path: Path, folder: Path, draw: Draw
) -> None:
    many(draw, 6)
    rows = ["p000", "p001", "b a d", "p002", "", "p003", "p004", "p003"]
    manifest = tmp_path / "m.csv"
    lines = [f"pictures/{name or 'missing'}.jpg,{name}\n" for name in rows]
    manifest.write_text("image,identifier\n" + "".join(lines))
    plan = plan_manifest(open_manifest(manifest), IdFrom.STEM, Defaults())
    results = list(load(gallery, channel="c", plan=plan, options=AddOptions()))
    assert [r.identifier for r in results] == [*rows[:4], "missing", *rows[5:]]
    errors = {r.identifier + str(n): str(r.error) for n, r in enumerate(results, start=2) if r.error}
    assert list(errors) == ["b a d4", "missing6", "p0039"]
    for key, message in errors.items():
        assert f"m.csv, line {key[-1]}" in message, "each bad row is told with its line"
    assert sorted(gallery.channels["c"]) == [f"p00{n}" for n in range(5)]


@pytest.mark.parametrize("on_exists", list(OnExists))
def test_what_exists(gallery: FakeGallery, folder: Path, draw: Draw, on_exists: OnExists) -> None:
    draw("same.jpg"), draw("other.jpg"), draw("words.jpg")
    run(gallery, plan_of(folder))
    draw("other.jpg", "changed"), draw("new.jpg")
    gallery.sent.clear()
    plan = plan_of(folder)
    expected = {
        OnExists.FAIL: {"new": "added", "other": "failed", "same": "failed", "words": "failed"},
        OnExists.SKIP: {"new": "added", "other": "skipped", "same": "skipped", "words": "skipped"},
        OnExists.REPLACE: {"new": "added", "other": "replaced", "same": "skipped", "words": "skipped"},
    }[on_exists]
    assert run(gallery, plan, on_exists) == expected
    if on_exists is OnExists.REPLACE:
        assert gallery.sent == ["new", "other"], "unchanged pictures are not sent again"


def test_new_words_for_an_unchanged_picture_need_no_picture(
    gallery: FakeGallery, folder: Path, draw: Draw
) -> None:
    draw("abc.jpg")
    run(gallery, plan_of(folder))
    gallery.sent.clear()
    plan = plan_words([str(folder)], IdFrom.STEM, Defaults(metadata="[1]", matchratio=0.5))
    assert run(gallery, plan, OnExists.REPLACE) == {"abc": "replaced"}
    target = gallery.get(channel="c", identifier="abc")
    assert (target.metadata, target.matchratio, gallery.sent) == ("[1]", 0.5, [])
    assert run(gallery, plan, OnExists.REPLACE) == {"abc": "skipped"}


def test_long_runs_of_unchanged_pictures_are_told_as_they_come(
    gallery: FakeGallery, folder: Path, draw: Draw
) -> None:
    many(draw, 300)
    run(gallery, plan_of(folder))
    draw("p000.jpg", "changed"), draw("p299.jpg", "changed")
    options = AddOptions(on_exists=OnExists.REPLACE)
    results = load(gallery, channel="c", plan=plan_of(folder), options=options)
    assert [next(results).identifier for _ in range(100)] == [f"p{n:03}" for n in range(100)]
    assert gallery.sent[300:] == ["p000"], "the last is not touched before the first hundred are told"
    assert statuses(results)["p299"] == "replaced"


def test_a_dry_run_writes_nothing(gallery: FakeGallery, folder: Path, draw: Draw) -> None:
    draw("abc.jpg"), draw("def.jpg"), draw("xyz.jpg").write_bytes(b"text")
    run(gallery, plan_of(folder))
    before = dict(gallery.channels["c"])
    draw("def.jpg", "changed"), draw("new.jpg")
    assert run(gallery, plan_of(folder), OnExists.REPLACE, dry_run=True) == {
        "abc": "would-skip",
        "def": "would-replace",
        "new": "would-add",
        "xyz": "would-fail",
    }
    assert gallery.channels["c"] == before


def test_the_active_state_of_a_row_is_kept(gallery: FakeGallery, tmp_path: Path, draw: Draw) -> None:
    draw("abc.jpg")
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"image": "pictures/abc.jpg", "active": false}\n')
    plan = plan_manifest(open_manifest(manifest), IdFrom.STEM, Defaults())
    run(gallery, plan)
    assert not gallery.get(channel="c", identifier="abc").active


def test_a_report_has_a_line_an_item_and_nothing_else(
    gallery: FakeGallery, folder: Path, draw: Draw, report: Path
) -> None:
    draw("abc.jpg", level=1), draw("def.jpg").write_bytes(b"text")
    reported(gallery, plan_of(folder), report, resume=False)
    first, second = map(json.loads, report.read_text().splitlines())
    assert first == {
        "image": f"{folder}/abc.jpg",
        "identifier": "abc",
        "status": "added",
        "level": 1,
        "hints": [{"code": HINT.code, "message": HINT.message, "advice": HINT.advice}],
    }
    assert (second["status"], second["error"]["code"]) == ("failed", "unreadable_picture")
    assert not start_path(report).exists()


def test_an_existing_report_is_not_overwritten(
    gallery: FakeGallery, folder: Path, draw: Draw, report: Path
) -> None:
    draw("abc.jpg")
    report.write_text("precious")
    with pytest.raises(FileExists):
        ReportFile.open(report, resume=False)
    with pytest.raises(Conflict):
        ReportFile.open(report, resume=True)
    assert report.read_text() == "precious"


def test_two_loads_do_not_share_a_report(report: Path) -> None:
    with ReportFile.open(report, resume=True), pytest.raises(Locked):
        ReportFile.open(report, resume=True)


def kill_at(gallery: FakeGallery, store: int) -> None:
    """Kill when the item after `store` more is about to be stored."""
    left = store

    def fault(_item: AddItem) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    gallery.fault = fault


@pytest.mark.parametrize("hashes", [True, False])
@pytest.mark.parametrize("stored", range(10))
def test_a_killed_load_ends_as_if_never_interrupted(
    folder: Path, draw: Draw, report: Path, tmp_path: Path, stored: int, hashes: bool
) -> None:
    """Items that the gallery had stored and no line tells of are `added`, with level and hints."""
    many(draw, 9)
    draw("p004.jpg").write_bytes(b"text")
    whole = FakeGallery(hashes=hashes)
    reported(whole, plan_of(folder), tmp_path / "whole.jsonl", resume=False)

    gallery = FakeGallery(hashes=hashes)
    kill_at(gallery, stored)
    try:
        reported(gallery, plan_of(folder), report, resume=False)
    except Killed:
        gallery.fault = lambda item: None
        results = reported(gallery, plan_of(folder), report)
        assert len(results) == 9
    assert report.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert sorted(gallery.channels["c"]) == sorted(whole.channels["c"])


def test_a_target_that_was_killed_before_it_was_made_inactive(
    tmp_path: Path, draw: Draw, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = FakeGallery(hashes=False)
    draw("abc.jpg")
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(
        '{"image": "pictures/abc.jpg", "metadata": [1], "matchratio": 0.3, "active": false}\n'
    )
    plan = plan_manifest(open_manifest(manifest), IdFrom.STEM, Defaults())

    def killed(**changes: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(gallery, "update", killed)
        with pytest.raises(Killed):
            reported(gallery, plan, report)
    (result,) = reported(gallery, plan, report)
    target = gallery.get(channel="c", identifier="abc")
    assert (result.status.value, target.active, target.matchratio) == ("added", False, 0.3)
    assert gallery.sent == ["abc"]


@pytest.mark.parametrize("on_exists", list(OnExists))
@pytest.mark.parametrize("stored", range(0, 9, 2))
def test_what_was_there_before_is_told_apart_from_what_a_killed_load_stored(
    folder: Path, draw: Draw, report: Path, tmp_path: Path, on_exists: OnExists, stored: int
) -> None:
    def begin() -> FakeGallery:
        gallery = FakeGallery(ahead=3)
        draw("p001.jpg"), draw("p003.jpg", "old")
        run(gallery, plan_of(folder))
        return gallery

    whole, gallery = begin(), begin()
    many(draw, 9)
    draw("p001.jpg")  # unchanged
    reported(whole, plan_of(folder), tmp_path / "whole.jsonl", on_exists=on_exists)
    kill_at(gallery, stored)
    try:
        reported(gallery, plan_of(folder), report, on_exists=on_exists)
    except Killed:
        gallery.fault = lambda item: None
        reported(gallery, plan_of(folder), report, on_exists=on_exists)
    assert report.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("cut", [1, 40, 200, 500, 10_000])
def test_a_torn_report_is_mended(
    gallery: FakeGallery, draw: Draw, folder: Path, report: Path, cut: int
) -> None:
    """Also without the note of the start: then what is there with the same content counts as added."""
    many(draw, 9)
    reported(gallery, plan_of(folder), report)
    whole = report.read_bytes()
    report.write_bytes(whole[: max(len(whole) - cut, 1)])
    reported(gallery, plan_of(folder), report)
    assert report.read_bytes() == whole
    assert len(gallery.sent) == 9, "nothing is sent twice"


def test_zeros_after_a_power_loss_are_cut_off(
    gallery: FakeGallery, draw: Draw, folder: Path, report: Path
) -> None:
    many(draw, 3)
    reported(gallery, plan_of(folder), report)
    whole = report.read_bytes()
    report.write_bytes(whole[:-30] + bytes(30))
    reported(gallery, plan_of(folder), report)
    assert report.read_bytes() == whole


def test_a_lost_connection_stops_the_load_and_it_continues(
    gallery: FakeGallery, draw: Draw, folder: Path, report: Path
) -> None:
    many(draw, 9)

    def lost(item: AddItem) -> None:
        if item.identifier == "p005":
            raise Unreachable("no answer")

    gallery.fault = lost
    with pytest.raises(Unreachable) as lost_at:
        reported(gallery, plan_of(folder), report)
    assert "--resume" in (lost_at.value.hint or "")
    gallery.fault = lambda item: None
    assert {r.status.value for r in reported(gallery, plan_of(folder), report)} == {"added"}
    assert len(report.read_text().splitlines()) == 9


def test_a_finished_load_continued_does_nothing_and_tells_the_same(
    gallery: FakeGallery, draw: Draw, folder: Path, report: Path
) -> None:
    many(draw, 3)
    draw("text.jpg").write_bytes(b"text")
    first = reported(gallery, plan_of(folder), report)
    again = reported(gallery, plan_of(folder), report)
    assert [(r.identifier, r.status, r.level, r.hints) for r in again] == [
        (r.identifier, r.status, r.level, r.hints) for r in first
    ]
    assert type(again[-1].error) is type(first[-1].error)
    assert gallery.calls == ["add_many"]


def test_a_dry_run_s_report_is_not_continued_by_a_load(
    gallery: FakeGallery, draw: Draw, folder: Path, report: Path
) -> None:
    many(draw, 2)
    reported(gallery, plan_of(folder), report, dry_run=True)
    with pytest.raises(Conflict, match="dry run"):
        reported(gallery, plan_of(folder), report)


def test_a_name_that_is_no_text_is_reported(gallery: FakeGallery, folder: Path, report: Path) -> None:
    (folder / b"caf\xe9.jpg".decode("utf-8", "surrogateescape")).write_bytes(b"picture 4")
    (first,) = reported(gallery, plan_of(folder), report)
    (again,) = reported(gallery, plan_of(folder), report)
    assert first.image == again.image
    assert gallery.calls == ["add_many"]
