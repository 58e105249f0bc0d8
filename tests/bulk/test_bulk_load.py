"""A load continues after failures, reports everything in order, and sends nothing that already exists."""

from pathlib import Path

import pytest

from arcli.bulk.add_plan import Defaults, plan_manifest, plan_words
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.manifest import open_manifest
from arcli.bulk.plan_run import load
from arcli.models import AddOptions, OnExists
from tests.bulk.loads import Draw, many, plan_of, run, statuses
from tests.fakes.gallery import FakeGallery


def test_one_bad_picture_costs_no_other(gallery: FakeGallery, folder: Path, draw: Draw) -> None:
    draw("abc.jpg"), draw("def.jpg").write_bytes(b"no picture"), draw("ghi.jpg")
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
    assert sorted(gallery.targets["c"]) == [f"p00{n}" for n in range(5)]


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
    draw("abc.jpg"), draw("def.jpg"), draw("xyz.jpg").write_bytes(b"no picture")
    run(gallery, plan_of(folder))
    before = dict(gallery.targets["c"])
    draw("def.jpg", "changed"), draw("new.jpg")
    assert run(gallery, plan_of(folder), OnExists.REPLACE, dry_run=True) == {
        "abc": "would-skip",
        "def": "would-replace",
        "new": "would-add",
        "xyz": "would-fail",
    }
    assert gallery.targets["c"] == before


def test_the_active_state_of_a_row_is_kept(gallery: FakeGallery, tmp_path: Path, draw: Draw) -> None:
    draw("abc.jpg")
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"image": "pictures/abc.jpg", "active": false}\n')
    plan = plan_manifest(open_manifest(manifest), IdFrom.STEM, Defaults())
    run(gallery, plan)
    assert not gallery.get(channel="c", identifier="abc").active
