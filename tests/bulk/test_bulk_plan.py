"""Which pictures the arguments mean, and collisions that are found before anything is sent."""

from collections.abc import Callable
from pathlib import Path

import pytest

from arcli.bulk.add_plan import Defaults, Plan, plan_manifest, plan_words
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.manifest import open_manifest
from arcli.errors import Conflict, InvalidIdentifier, PictureNotFound, UsageError

Draw = Callable[..., Path]


def words(*named: str | Path, rule: IdFrom = IdFrom.STEM) -> Plan:
    return plan_words([str(word) for word in named], rule, Defaults())


def names(plan: Plan) -> list[str]:
    return [entry.identifier for entry in plan.entries()]


def test_a_folder_is_walked_in_order_and_what_is_no_picture_is_counted(folder: Path, draw: Draw) -> None:
    for name in ("b/two.PNG", "a.jpg", "b/one.jpeg", ".hidden.jpg", ".git/x.jpg", "notes.txt"):
        draw(name)
    plan = words(folder)
    assert names(plan) == ["a__", "one", "two"]
    assert [entry.image for entry in plan.entries()][1] == f"{folder}/b/one.jpeg"
    assert plan.notes == ("skipped in folders: 2 hidden, 1 not pictures by their names",)


def test_a_linked_folder_cannot_catch_the_walk(folder: Path, draw: Draw) -> None:
    draw("sub/abc.jpg")
    (folder / "sub" / "loop").symlink_to(folder)
    assert names(words(folder)) == ["abc"]


def test_globs_are_expanded_where_the_shell_did_not(folder: Path, draw: Draw) -> None:
    draw("abc.jpg"), draw("sub/def.jpg"), draw("sub/notes.txt")
    assert names(words(f"{folder}/**/*")) == ["abc", "def"]
    with pytest.raises(PictureNotFound, match="nothing matches"):
        words(f"{folder}/*.webp")


def test_a_named_file_is_taken_whatever_its_name_is(folder: Path, draw: Draw) -> None:
    assert names(words(draw("[1].txt"), folder / "missing.jpg")) == ["_1_", "missing"]


def test_a_path_named_twice_counts_once(folder: Path, draw: Draw) -> None:
    assert words(folder, draw("abc.jpg"), f"{folder}/./abc.jpg").total == 1


def test_identifiers_that_collide_stop_everything_and_both_are_named(folder: Path, draw: Draw) -> None:
    draw("a/cover.jpg"), draw("b/cover.jpg"), draw("c.jpg")
    with pytest.raises(Conflict, match=r"cover from .*a/cover.jpg and .*b/cover.jpg"):
        words(folder)
    assert names(words(folder, rule=IdFrom.PATH)) == ["a_cover.jpg", "b_cover.jpg", "c.jpg"]


def test_an_identifier_is_for_one_picture(folder: Path, draw: Draw) -> None:
    one, two = str(draw("one.jpg")), str(draw("two.jpg"))
    assert names(plan_words([one], IdFrom.STEM, Defaults(), "poster")) == ["poster"]
    with pytest.raises(UsageError):
        plan_words([one, two], IdFrom.STEM, Defaults(), "poster")
    with pytest.raises(InvalidIdentifier):
        plan_words([one], IdFrom.STEM, Defaults(), "no good")


def test_a_manifest_names_pictures_relative_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(f"image,identifier,metadata\nsub\\a.jpg,,\n{tmp_path}/b.jpg,,[2]\n../c.jpg,abc,\n")
    plan = plan_manifest(open_manifest(path), IdFrom.STEM, Defaults(metadata="[1]", matchratio=0.3))
    first, second, third = plan.entries()
    assert (first.path, first.identifier, first.metadata) == (tmp_path / "sub/a.jpg", "a__", "[1]")
    assert (second.path, second.metadata, second.matchratio) == (tmp_path / "b.jpg", "[2]", 0.3)
    assert (third.image, third.where) == (f"{tmp_path}/../c.jpg", f"{path}, line 4")


def test_a_row_whose_identifier_is_taken_names_the_earlier_line(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"image": "a.jpg", "identifier": "abc"}\n{"image": "abc.jpg"}\n{"image": "def.jpg"}\n')
    plan = plan_manifest(open_manifest(path), IdFrom.STEM, Defaults())
    first, second, third = plan.entries()
    assert (first.error, third.error) == (None, None)
    assert "line 1" in str(second.error)
    assert plan.identifiers == {"abc", "def"}
