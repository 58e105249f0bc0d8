"""Lists, folders and names as file servers, desktops and other systems write them."""

import json
import unicodedata
from pathlib import Path

import pytest

from tests.bulk.conftest import Arcli, Ran
from tests.cli.processes import at_terminal
from tests.engine.conftest import photo_of, poster

UTF8 = b"\xef\xbb\xbf"
NFC, NFD = (unicodedata.normalize(form, "Café") for form in ("NFC", "NFD"))


def code(ran: Ran) -> str:
    (error,) = json.loads(ran.out)["errors"]
    assert isinstance(error["code"], str)
    return error["code"]


@pytest.mark.parametrize("name", ["@eaDir", "#recycle", "__MACOSX", "@Recycle", "$RECYCLE.BIN", ".@__thumb"])
def test_folders_of_the_system_are_passed_over_and_counted(arcli: Arcli, posters: Path, name: str) -> None:
    inside = posters / "deep" / name / "p0_.png"  # thumbnails lie in folders that are named like pictures
    inside.mkdir(parents=True)
    (inside / "SYNOPHOTO_THUMB_XL.jpg").write_bytes(poster(9))
    (posters / name).mkdir()
    (posters / name / "p0_.png").write_bytes(poster(9))
    (posters / "Thumbs.db").write_bytes(b"\0")
    (posters / "desktop.ini").write_text("[x]")
    ran = arcli("add", posters, "--json")
    assert (ran.status, sorted(ran.statuses)) == (0, ["p0_", "p1_", "p2_", "p3_"])
    counted = "2 hidden, 2 of the system" if name.startswith(".") else "4 of the system"
    assert counted in ran.err
    assert arcli("find", posters, "--json").status == 0
    named = arcli("add", posters / name, "-c", "named", "--json")
    assert named.status == 0, "a folder that is named is entered whatever its name is"


def test_exclude_passes_over_names_and_paths(arcli: Arcli, posters: Path) -> None:
    for name in ("drafts/d0_.png", "sub/drafts/d1_.png", "sub/p0_old.png"):
        (posters / name).parent.mkdir(parents=True, exist_ok=True)
        (posters / name).write_bytes(poster(9))
    ran = arcli("add", posters, "--exclude", "drafts/", "--exclude", "*_old.*", "--json")
    assert sorted(ran.statuses) == ["p0_", "p1_", "p2_", "p3_"]
    assert "3 excluded" in ran.err
    ran = arcli("add", posters, "--exclude", "drafts/*", "-c", "x", "--json")
    assert sorted(ran.statuses) == ["d1_", "p0_", "p0_old", "p1_", "p2_", "p3_"]
    checked = arcli("check", posters, "--exclude", "p[0-2]*", "--exclude", "drafts", "--json")
    assert [Path(item["image"]).name for item in checked.data["items"]] == ["p3_.png"]
    Path("m.csv").write_text("image\nposters/p0_.png\n")
    for verb in (["add", "--manifest", "m.csv"], ["check", "--manifest", "m.csv"], ["sync", "m.csv"]):
        assert arcli(*verb, "--exclude", "x").status == 2, "a manifest names its pictures itself"


@pytest.mark.parametrize(("on_disk", "written"), [(NFC, NFD), (NFD, NFC)])
def test_a_name_is_found_in_another_unicode_form(arcli: Arcli, on_disk: str, written: str) -> None:
    (Path(on_disk)).mkdir()
    (Path(on_disk) / f"{on_disk}.png").write_bytes(poster(1))
    path = f"{written}/{on_disk}.png"
    Path("m.csv").write_text(f"image,identifier\n{written}/{written}.png,one\n{path},two\n")
    assert arcli("add", "--manifest", "m.csv", "--json").statuses == {"one": "added", "two": "added"}
    assert arcli("check", "--manifest", "m.csv").status == 0
    assert arcli("sync", "m.csv", "--delete").status == 0
    assert arcli("add", written, "-c", "folder").status == 0
    assert arcli("add", "-", "-c", "list", stdin=f"{path}\n".encode()).status == 0
    Path("photos.csv").write_text(f"photo,identifier\n{path},one;two\n")
    assert arcli("eval", "photos.csv", "--json").data["failed"] == 0
    found = arcli("find", f"{written}/{written}.png", "--json")
    assert (found.status, found.data["results"][0]["image"]) == (0, f"{written}/{written}.png")


@pytest.mark.parametrize(
    "listed",
    [
        UTF8 + b"posters/p0_.png\r\nposters/p1_.png\r\n",
        "posters/p0_.png\r\nposters/p1_.png\r\n".encode("utf-16"),
        b"\xfe\xff" + "posters/p0_.png\nposters/p1_.png".encode("utf-16-be"),
    ],
)
def test_a_byte_order_mark_in_a_list_is_none_of_its_text(arcli: Arcli, posters: Path, listed: bytes) -> None:
    for verb in ("add", "check", "find"):
        assert arcli(verb, "-", stdin=listed).status == 0, verb
    names = UTF8 + b"p0_\r\np1_\r\n"
    assert arcli("rm", "-", "--yes", "--json", stdin=names).data["counts"]["removed"] == 2


def test_a_byte_order_mark_before_metadata_is_none_of_its_text(arcli: Arcli, posters: Path) -> None:
    Path("meta.json").write_bytes(UTF8 + b'{"a": 1}')
    assert arcli("add", posters / "p0_.png", "--metadata", "@meta.json").status == 0
    assert arcli("get", "p0_", "--json").data["metadata"] == '{"a": 1}'


@pytest.mark.parametrize("verb", [["find"], ["add"], ["check"]])
@pytest.mark.parametrize("listed", [b"", b"\n\r\n\n", UTF8, UTF8 + b"\r\n"])
def test_an_empty_list_is_no_answer(arcli: Arcli, posters: Path, verb: list[str], listed: bytes) -> None:
    arcli("add", posters)
    ran = arcli(*verb, "-", "--json", stdin=listed)
    assert (ran.status, code(ran)) == (2, "empty_input")


@pytest.mark.parametrize("verb", [["find"], ["add"], ["check"], ["sync"], ["sync", "--delete"]])
def test_an_empty_folder_is_no_answer(arcli: Arcli, posters: Path, verb: list[str]) -> None:
    arcli("add", posters)
    Path("empty", ".git").mkdir(parents=True)
    Path("empty", "notes.txt").touch()
    ran = arcli(*verb, "empty", "--json")
    assert (ran.status, code(ran)) == (2, "empty_input")
    assert "no pictures in empty" in ran.err
    assert "1 hidden, 1 not pictures" in ran.err
    assert arcli("ls", "--json").data["totalcount"] == 4
    if verb[0] != "sync":
        assert arcli(*verb, posters / "p0_.png", "empty").status in (0, 3), "the others are gone through"


@pytest.mark.parametrize("verb", [["add", "--manifest"], ["check", "--manifest"], ["sync"]])
@pytest.mark.parametrize("rows", ["image,identifier\n", "image;id\n\n\n", ""])
def test_an_empty_manifest_is_no_answer(arcli: Arcli, posters: Path, verb: list[str], rows: str) -> None:
    arcli("add", posters)
    Path("m.csv").write_text(rows)
    ran = arcli(*verb, "m.csv", "--json")
    assert (ran.status, code(ran)) == (2, "empty_input")


def test_only_for_rm_an_empty_list_is_nothing_to_do(arcli: Arcli, posters: Path) -> None:
    arcli("add", posters)
    ran = arcli("rm", "-", "--yes", "--json", stdin=b"")
    assert (ran.status, ran.data["counts"]) == (0, {"removed": 0, "absent": 0, "failed": 0})


def test_a_photo_on_stdin_is_still_a_photo(arcli: Arcli, posters: Path) -> None:
    arcli("add", posters)
    assert arcli("find", "-", "--json", stdin=photo_of(1)).status == 0


def test_check_takes_a_manifest_and_its_identifiers(arcli: Arcli, posters: Path) -> None:
    Path("m.csv").write_text("image,identifier\nposters/p0_.png,first\nposters/p1_.png,second\n")
    assert arcli("add", "--manifest", "m.csv").status == 0
    again = arcli("check", "--manifest", "m.csv", "--no-duplicates", "--json")
    assert (again.status, [item["duplicates"] for item in again.data["items"]]) == (0, [[], []])
    Path("n.csv").write_text(
        "image,identifier\nposters/p0_.png,other\nposters/nowhere.png,x_1\nposters/p2_.png,no\n"
    )
    ran = arcli("check", "--manifest", "n.csv", "--no-duplicates", "--json")
    errors = [error["code"] for error in json.loads(ran.out)["errors"]]
    assert (ran.status, errors) == (3, ["duplicate_picture", "picture_not_found", "invalid_identifier"])
    assert [item["level"] is None for item in ran.data["items"]] == [False, True, True]
    complete = arcli("check", "--manifest", "n.csv", "--no-duplicates", "--complete", "--json")
    assert "duplicate_picture" not in complete.out
    assert arcli("check", "--manifest", "m.csv", posters).status == 2
    assert arcli("check").status == 2


def test_a_picture_is_no_duplicate_of_its_own_target(arcli: Arcli, posters: Path) -> None:
    arcli("add", posters)
    ran = arcli("check", posters, "--no-duplicates", "--json")
    assert (ran.status, [item["duplicates"] for item in ran.data["items"]]) == (0, [[]] * 4)
    (posters / "copy.png").write_bytes(poster(0))
    ran = arcli("check", posters / "copy.png", "--no-duplicates", "--json")
    assert (ran.status, ran.data["items"][0]["duplicates"][0]["identifier"]) == (7, "p0_")


@pytest.mark.parametrize("verb", ["add", "find", "check"])
def test_a_list_may_be_typed_at_a_terminal(posters: Path, tmp_path: Path, verb: str) -> None:
    words = [verb, "-", "--json"]
    status, screen = at_terminal(
        tmp_path, *words, answers={"Ctrl-D at the end": f"{posters}/p0_.png\n{posters}/p1_.png\n\x04"}
    )
    assert status == (4 if verb == "find" else 0), screen
    if verb == "add":
        assert "p1_" in screen


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("get - --json", r'"identifier": "p1_"'),
        ("update - --inactive", "2 of 2 targets changed"),
        ("rm - --yes", "2 targets removed"),
    ],
)
def test_identifiers_may_be_typed_at_a_terminal(posters: Path, tmp_path: Path, words: str, said: str) -> None:
    assert at_terminal(tmp_path, "add", posters, answers={})[0] == 0
    typed = {"Ctrl-D at the end": "p0_\np1_\n\x04"}
    status, screen = at_terminal(tmp_path, *words.split(), answers=typed, NO_COLOR="1")
    assert status == 0, screen
    assert said in screen
