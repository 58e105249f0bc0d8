"""Thousands of photos looked up: a report of each, which an interrupted run continues."""

import json
from importlib import import_module
from itertools import islice
from pathlib import Path

import pytest

from tests.bulk.conftest import Arcli
from tests.engine.conftest import photo_of


@pytest.fixture
def photos(arcli: Arcli, posters: Path, tmp_path: Path) -> Path:
    """A folder of four photos of posters and one file that is not a picture, and a channel of the posters."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(4):
        (folder / f"photo_{seed}.jpg").write_bytes(photo_of(seed))
    (folder / "photo_2.jpg").write_text("no picture")
    assert arcli("add", posters).status == 0
    return folder


def untimed(text: str) -> list[dict[str, object]]:
    return [{**json.loads(line), "elapsed_ms": 0, "timings_ms": {}} for line in text.splitlines()]


def test_the_report_has_a_line_for_each_photo(arcli: Arcli, photos: Path) -> None:
    ran = arcli("find", photos, "--report", "r.jsonl", "--json")
    lines = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    errors = [line.pop("error") for line in lines if "error" in line]
    assert (ran.status, lines) == (3, ran.data["results"])
    assert errors == json.loads(ran.out)["errors"]
    again = arcli("find", photos, "--report", "r.jsonl", "--json")
    assert (again.status, json.loads(again.out)["errors"][0]["code"]) == (6, "file_exists")
    assert arcli("find", photos, "--resume").status == 2


@pytest.mark.parametrize("cut", [0, 1, 3, 5])
def test_a_run_that_was_cut_short_is_continued(
    arcli: Arcli, photos: Path, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arcli("find", photos, "--report", "whole.jsonl", "--no-count")
    whole = Path("whole.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    Path("r.jsonl").write_bytes(b"".join(lines[:cut]) + (lines[cut][:20] if cut < len(lines) else b""))
    asked: list[str] = []
    engine = import_module("arcli.engine.local").LocalGallery
    find_many = engine.find_many

    def noting(self: object, *, pictures: object, **how: object) -> object:
        noted = (asked.append(picture.name) or picture for picture in pictures)  # type: ignore[attr-defined]
        return find_many(self, pictures=noted, **how)

    monkeypatch.setattr(engine, "find_many", noting)
    ran = arcli("find", photos, "--report", "r.jsonl", "--resume", "--json", "--draw", "drawn")
    assert [Path(name).name for name in asked] == [json.loads(line)["image"][-11:] for line in lines[cut:]]
    assert untimed(Path("r.jsonl").read_text()) == untimed(whole.decode())
    assert (ran.status, len(ran.data["results"])) == (3, len(lines))
    drawn = {Path(json.loads(line)["image"]).name for line in lines[cut:]} - {"photo_2.jpg"}
    assert {path.name for path in Path("drawn").glob("*")} == drawn


def test_photos_looked_up_before_are_not_counted_again(arcli: Arcli, photos: Path) -> None:
    for _ in range(2):
        arcli("find", photos, "--report", "r.jsonl", "--resume")
    assert {record["count"] for record in arcli("stats", "--json").data["records"]} == {1}


def test_ctrl_c_says_how_to_go_on(arcli: Arcli, photos: Path) -> None:
    module = import_module("arcli.commands.find.find_command")
    whole = module.look_up

    def cut(*args: object, **how: object) -> object:
        yield from islice(whole(*args, **how), 2)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "look_up", cut)
        ran = arcli("find", photos, "--report", "r.jsonl")
        assert (ran.status, "interrupted: 2 photos looked up" in ran.err) == (130, True)
        assert "--resume continues" in ran.err
        assert "--report FILE" in arcli("find", photos).err
    assert arcli("find", photos, "--report", "r.jsonl", "--resume").status == 3
    assert len(Path("r.jsonl").read_text().splitlines()) == 4


def test_a_load_s_report_is_none_of_lookups(arcli: Arcli, photos: Path, posters: Path) -> None:
    arcli("add", posters, "-c", "x", "--report", "r.jsonl")
    before = Path("r.jsonl").read_bytes()
    assert arcli("find", photos, "--report", "r.jsonl", "--resume").status == 6
    assert Path("r.jsonl").read_bytes() == before
