"""`find` as its users see it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arcli.models import FindOptions, FindResult, Picture
from tests.cli.conftest import Run
from tests.fakes.gallery import FakeGallery
from tests.fakes.pictures import BLANK

JPEG = b"\xff\xd8\xff\xe0 as good as a picture"


@pytest.fixture
def photos(tmp_path: Path, filled: FakeGallery, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one: alpha and beta_1 match, other does not, blank cannot be looked up."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name, data in {"alpha": b"alpha", "sub/beta": b"beta_1", "other": b"other", "blank": BLANK}.items():
        (folder / f"{name}.jpg").write_bytes(data)
    (folder / "notes.txt").write_text("no picture")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["alpha.jpg"], 0),
        (["other.jpg"], 1),
        (["alpha.jpg", "other.jpg"], 0),
        (["blank.jpg"], 7),
        (["nowhere.jpg"], 7),
        (["alpha.jpg", "blank.jpg"], 3),
        (["."], 3),
        (["sub"], 0),
    ],
)
def test_exit_status(run: Run, photos: Path, words: list[str], status: int) -> None:
    assert run("find", *words).status == status


def test_nothing_matched_is_an_answer(run: Run, photos: Path) -> None:
    ran = run("find", "other.jpg", "--json")
    assert ran.json["status"] == "ok"
    assert ran.json["errors"] == []
    assert ran.data["results"][0]["matched"] is False
    assert "0 of 1 photo matched" in run("find", "other.jpg").err


def test_one_entry_a_photo_in_order_and_a_failed_one_has_its_error(run: Run, photos: Path) -> None:
    ran = run("find", "other.jpg", "blank.jpg", "alpha.jpg", "--json")
    results = ran.data["results"]
    assert [(r["image"], r["matched"]) for r in results] == [
        ("other.jpg", False),
        ("blank.jpg", False),
        ("alpha.jpg", True),
    ]
    assert ran.json["status"] == "partial"
    assert [(e["code"], e["item"]) for e in ran.json["errors"]] == [("too_few_features", "blank.jpg")]


def test_a_photo_named_twice_is_answered_twice(run: Run, photos: Path) -> None:
    words = ["alpha.jpg", "other.jpg", "./alpha.jpg", "alpha.jpg"]
    assert [result["image"] for result in run("find", *words, "--json").data["results"]] == words


def test_jsonl_is_one_photo_a_line_and_carries_errors(run: Run, photos: Path) -> None:
    lines = run("find", "blank.jpg", "alpha.jpg", "-f", "jsonl").lines
    assert lines[0]["error"]["code"] == "too_few_features"
    assert lines[1]["matches"][0]["identifier"] == "alpha"
    assert "error" not in lines[1]


def test_csv_has_a_line_a_match(run: Run, photos: Path) -> None:
    rows = list(
        csv.DictReader(io.StringIO(run("find", "alpha.jpg", "other.jpg", "-f", "csv").out, newline=""))
    )
    assert [(row["image"], row["identifier"], row["matched"]) for row in rows] == [
        ("alpha.jpg", "alpha", "true"),
        ("other.jpg", "", "false"),
    ]
    assert rows[0]["quad"] == "[[1.0,2.0],[101.0,2.0],[101.0,82.0],[1.0,82.0]]"


def test_ids_are_what_was_found(run: Run, photos: Path) -> None:
    assert run("find", ".", "-f", "ids").out.split() == ["alpha", "beta_1"]


def test_a_picture_on_stdin(run: Run, photos: Path, filled: FakeGallery) -> None:
    filled.kept["default"]["alpha"] = JPEG
    ran = run("find", "-", "--json", stdin=JPEG)
    assert ran.status == 0
    assert ran.data["results"][0]["image"] == "-"


@pytest.mark.parametrize(
    ("flags", "stdin"),
    [
        ([], b"alpha.jpg\nsub/beta.jpg\n"),
        ([], b"alpha.jpg\r\n\r\nsub/beta.jpg"),
        (["-0"], b"alpha.jpg\0sub/beta.jpg\0"),
        (["-0"], b"alpha.jpg\0sub/beta.jpg"),
    ],
)
def test_paths_on_stdin(run: Run, photos: Path, flags: list[str], stdin: bytes) -> None:
    assert run("find", "-", *flags, "-f", "ids", stdin=stdin).out.split() == ["alpha", "beta_1"]


def test_more_paths_on_stdin_than_one_read_takes(run: Run, photos: Path) -> None:
    stdin = b"".join(b"%s/alpha.jpg\n" % (b"./" * n) for n in range(1, 301))
    ran = run("find", "-", "-f", "ids", stdin=stdin + b"sub/beta.jpg")
    assert ran.out.split() == ["alpha"] * 300 + ["beta_1"]


def test_a_path_with_a_line_break(run: Run, photos: Path) -> None:
    (photos / "new\nline.jpg").write_bytes(b"alpha")
    ran = run("find", "-", "-0", stdin=b"new\nline.jpg\0")
    assert ran.status == 0
    assert "new\\nline.jpg" in ran.out


def test_options_reach_the_gallery(run: Run, photos: Path, filled: FakeGallery, monkeypatch: Any) -> None:
    seen: list[tuple[FindOptions, Any]] = []

    def find_many(*, pictures: Any, channels: Any, options: FindOptions) -> Iterator[FindResult]:
        seen.append((options, channels))
        for picture in pictures:
            yield FindResult(image=picture.name)

    monkeypatch.setattr(filled, "find_many", find_many)
    words = "--limit all --candidates 3 --threshold 0.4 --effort thorough --no-count --jobs 2 --all-channels"
    assert run("find", "alpha.jpg", *words.split()).status == 1
    options, channels = seen[0]
    assert (options.limit, options.candidates, options.threshold) == (None, 3, 0.4)
    assert (options.effort, options.count, options.jobs, channels) == ("thorough", False, 2, None)


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5", "²"])
def test_a_limit_that_is_none(run: Run, photos: Path, limit: str) -> None:
    assert run("find", "alpha.jpg", "--limit", limit).status == 2


def test_what_is_no_list_of_paths_is_refused_at_once(run: Run, photos: Path) -> None:
    for flags, stdin in ([], b"\0" * 200_000), ([], b"a" * 200_000), (["-0"], b"a" * 200_000):
        ran = run("find", "-", *flags, stdin=stdin)
        assert (ran.status, len(ran.err) < 500) == (2, True)
        assert "not a list of lines" in ran.err


def test_a_threshold_that_is_no_number(run: Run, photos: Path) -> None:
    assert run("find", "alpha.jpg", "--threshold", "nan").status == 2


def test_no_name_at_all_is_one_named_picture(run: Run, photos: Path) -> None:
    assert run("find", "").status == 7


def test_a_folder_without_pictures_or_rights_is_told(run: Run, photos: Path) -> None:
    Path("none").mkdir()
    ran = run("find", "none", "sub")
    assert "no pictures in none" in ran.err
    assert "sub" not in ran.err
    assert "no pictures in none" in run("check", "none").err


def test_a_score_below_one_is_shown_below_one(run: Run, photos: Path, filled: FakeGallery) -> None:
    from arcli.bulk.lookups import lookup_object
    from arcli.models import Match

    shown = [
        lookup_object(FindResult(image="x", matches=(Match(identifier="abc", channel="c", score=score),)))
        for score in (0.99999, 1.0, 0.61234)
    ]
    assert [record["matches"][0]["score"] for record in shown] == [0.9999, 1.0, 0.6123]


def test_no_count_leaves_the_statistics(run: Run, photos: Path, filled: FakeGallery) -> None:
    run("find", "alpha.jpg", "--no-count")
    assert filled.counts == {}
    run("find", "alpha.jpg")
    assert [(*found, count) for (_, *found), count in filled.counts.items()] == [("default", "alpha", 1)]


def test_candidates_say_why(run: Run, photos: Path) -> None:
    out = run("find", "alpha.jpg", "--candidates", "1").out
    assert "? beta_1" in out
    assert "4 inliers" in out


def test_what_stops_it_keeps_what_was_shown(
    run: Run, photos: Path, filled: FakeGallery, monkeypatch: Any
) -> None:
    def find_many(*, pictures: Any, channels: Any, options: FindOptions) -> Iterator[FindResult]:
        yield filled.find(picture=Picture.from_path("alpha.jpg"), channels=channels)
        raise KeyboardInterrupt

    monkeypatch.setattr(filled, "find_many", find_many)
    ran = run("find", "alpha.jpg", "other.jpg", "--json")
    assert ran.status == 130
    assert ran.json["status"] == "error"
    assert ran.json["errors"][0]["code"] == "interrupted"
    assert [r["image"] for r in ran.data["results"]] == ["alpha.jpg"]
    last = run("find", "alpha.jpg", "other.jpg", "-f", "jsonl").lines[-1]
    assert (last["arcli"], last["errors"][0]["code"]) == (1, "interrupted")
    assert "alpha" in run("find", "alpha.jpg", "other.jpg").out


def test_a_bug_is_told_shortly_and_shows_no_message(
    run: Run, photos: Path, filled: FakeGallery, monkeypatch: Any
) -> None:
    def find_many(**_: Any) -> Iterator[FindResult]:
        raise RuntimeError("s3cret")
        yield

    monkeypatch.setattr(filled, "find_many", find_many)
    ran = run("find", "alpha.jpg", "--json")
    assert ran.status == 70
    assert ran.json["errors"][0]["code"] == "internal"
    assert "RuntimeError at test_find.py" in ran.err
    assert "hint: this is a bug in arcli: please report it" in ran.err
    assert "Traceback" not in ran.err
    assert "s3cret" not in ran.out + ran.err
    assert "Traceback" in run("find", "alpha.jpg", "--verbose").err


def test_draw_into_a_folder_gives_each_photo_a_name(run: Run, photos: Path, monkeypatch: Any) -> None:
    _draw_nothing(monkeypatch)
    (photos / "sub" / "alpha.png").write_bytes(b"alpha")
    assert run("find", "alpha.jpg", "sub/alpha.png", "blank.jpg", "--draw", "drawn/here").status == 3
    assert sorted(path.name for path in Path("drawn/here").iterdir()) == ["alpha-2.jpg", "alpha.jpg"]


def test_draw_never_overwrites_a_photo(run: Run, photos: Path, monkeypatch: Any) -> None:
    _draw_nothing(monkeypatch)
    for force in ([], ["--force"]):
        assert run("find", "alpha.jpg", "--draw", "alpha.jpg", *force).status == 6
        assert run("find", "alpha.jpg", "--draw", ".", *force).status == 6
    assert Path("alpha.jpg").read_bytes() == b"alpha"


def test_draw_overwrites_only_by_force_as_get_does(run: Run, photos: Path, monkeypatch: Any) -> None:
    _draw_nothing(monkeypatch)
    Path("old.jpg").write_bytes(b"old")
    refused = run("find", "alpha.jpg", "--draw", "old.jpg")
    assert (refused.status, Path("old.jpg").read_bytes()) == (6, b"old")
    assert "--force" in refused.err
    assert run("find", "alpha.jpg", "--draw", "old.jpg", "--force").status == 0
    assert Path("old.jpg").read_bytes() == b"drawn"
    assert run("find", "alpha.jpg", "--draw", "drawn").status == 0
    assert run("find", "alpha.jpg", "--draw", "drawn").status == 6
    assert run("find", "alpha.jpg", "--draw", "drawn", "--force").status == 0


@pytest.mark.parametrize("place", ["notes.txt", "new.jpg", "-"])
def test_draw_of_several_photos_needs_a_folder(run: Run, photos: Path, place: str) -> None:
    assert run("find", "alpha.jpg", "other.jpg", "--draw", place).status == 2
    assert not Path("new.jpg").exists()


def test_draw_to_stdout_gives_the_picture_and_nothing_else(run: Run, photos: Path, monkeypatch: Any) -> None:
    _draw_nothing(monkeypatch)
    ran = run("find", "alpha.jpg", "--draw", "-")
    assert (ran.status, ran.out) == (0, "drawn")
    assert "alpha" in ran.err


@pytest.mark.parametrize("name", ["drawn.gif", "nowhere/drawn.jpg"])
def test_where_nothing_can_be_drawn_is_told_before_any_lookup(
    run: Run, photos: Path, filled: FakeGallery, name: str
) -> None:
    assert run("find", "alpha.jpg", "--draw", name).status == 2
    assert filled.counts == {}


def _draw_nothing(monkeypatch: Any) -> None:
    """The files here are not real pictures, so do not decode or draw."""
    import arcli.vision.decoding.decode
    import arcli.vision.drawing.draw

    monkeypatch.setattr(arcli.vision.decoding.decode, "decode", lambda data, **_: data)
    monkeypatch.setattr(arcli.vision.drawing.draw, "draw", lambda decoded, outlines, **_: b"drawn")


def test_verbose_says_where_the_time_went(run: Run, photos: Path) -> None:
    told = run("find", "alpha.jpg", "other.jpg", "--verbose").err
    assert "lookup 12 (decode 2, other 10), the mean of 2" in told
    assert "milliseconds" not in run("find", "alpha.jpg").err
