"""Reports, and loads that continue after whatever stopped them, as if never interrupted."""

import json
from pathlib import Path

import pytest

from arcli.bulk.add_plan import Defaults, plan_manifest
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.manifest import open_manifest
from arcli.bulk.report import ADDITIONS, ReportFile, start_path
from arcli.errors import Conflict, FileExists, Locked, Unreachable
from arcli.models import AddItem, OnExists
from tests.bulk.loads import Draw, Killed, kill_at, many, plan_of, reported, run
from tests.fakes.gallery import HINT, FakeGallery


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report.jsonl"


def test_a_report_has_a_line_an_item_and_nothing_else(
    gallery: FakeGallery, folder: Path, draw: Draw, report: Path
) -> None:
    draw("abc.jpg", level=1), draw("def.jpg").write_bytes(b"no picture")
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
        ReportFile.open(report, ADDITIONS, resume=False)
    with pytest.raises(Conflict):
        ReportFile.open(report, ADDITIONS, resume=True)
    assert report.read_text() == "precious"


def test_two_loads_do_not_share_a_report(report: Path) -> None:
    with ReportFile.open(report, ADDITIONS, resume=True), pytest.raises(Locked):
        ReportFile.open(report, ADDITIONS, resume=True)


@pytest.mark.parametrize("hashes", [True, False])
@pytest.mark.parametrize("stored", range(10))
def test_a_killed_load_ends_as_if_never_interrupted(
    folder: Path, draw: Draw, report: Path, tmp_path: Path, stored: int, hashes: bool
) -> None:
    """Items that the gallery had stored and no line reports are `added`, with level and hints."""
    many(draw, 9)
    draw("p004.jpg").write_bytes(b"no picture")
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
    assert sorted(gallery.targets["c"]) == sorted(whole.targets["c"])


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
    """Without the record of the start, existing targets with the same content count as added."""
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
    draw("text.jpg").write_bytes(b"no picture")
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
