"""`sync --delete` as users type it: what it removes, what it asks before, and when it removes nothing."""

import json
import os
from pathlib import Path

import pytest

from arcli.bulk.sync.removals import MaxDelete
from arcli.errors import UsageError
from tests.bulk.conftest import Arcli, Ran
from tests.cli.processes import at_terminal
from tests.engine.conftest import poster


@pytest.fixture
def twelve(tmp_path: Path, arcli: Arcli) -> Path:
    """A folder of twelve pictures, two of them in `sub`, that the channel has."""
    folder = tmp_path / "twelve"
    (folder / "sub").mkdir(parents=True)
    for seed in range(12):
        (folder / ("sub" if seed < 2 else ".") / f"t{seed:02}.png").write_bytes(poster(seed))
    assert arcli("sync", folder).status == 0
    return folder


def count(arcli: Arcli) -> int:
    total = arcli("ls", "--json").data["totalcount"]
    assert isinstance(total, int)
    return total


def codes(ran: Ran) -> list[str]:
    return [error["code"] for error in json.loads(ran.out)["errors"]]


@pytest.mark.parametrize(
    ("given", "removals", "targets", "allowed"),
    [
        (None, 0, 0, True),
        (None, 1, 1, False),
        (None, 3, 3, False),
        (None, 3, 4, True),
        (None, 4, 12, False),
        (None, 4, 40, True),
        (None, 5, 49, False),
        (None, 90, 99, False),
        ("0", 1, 100, False),
        ("4", 4, 4, True),
        ("10%", 9, 99, True),
        ("10%", 10, 99, False),
        ("100 %", 5, 5, True),
    ],
)
def test_how_many_may_go(given: str | None, removals: int, targets: int, allowed: bool) -> None:
    assert MaxDelete.of(given).allows(removals, targets) is allowed


@pytest.mark.parametrize("given", ["", "many", "-1", "101%", "1.5", "%", "5%%"])
def test_a_limit_that_is_none_is_a_usage_error(given: str) -> None:
    with pytest.raises(UsageError, match="--max-delete"):
        MaxDelete.of(given)


def test_few_go_without_a_question(arcli: Arcli, twelve: Path) -> None:
    for seed in (9, 10, 11):
        (twelve / f"t{seed:02}.png").unlink()
    assert arcli("sync", twelve, "--delete", "--json").data["counts"]["removed"] == 3
    assert count(arcli) == 9


def test_a_wrong_subfolder_removes_nothing(arcli: Arcli, twelve: Path) -> None:
    ran = arcli("sync", twelve / "sub", "--delete", "--json")
    assert (ran.status, codes(ran)) == (2, ["too_many_removals"])
    assert "10 of 12 targets" in ran.err
    assert "--max-delete 10" in ran.err
    said = arcli("sync", twelve / "sub", "--delete", "--dry-run", "--json")
    assert (said.status, said.data["counts"]["would-remove"]) == (0, 10)
    assert "--max-delete 10" in said.data["notes"][0]
    assert count(arcli) == 12
    assert arcli("sync", twelve / "sub", "--delete", "--max-delete", "9").status == 2
    assert arcli("sync", twelve / "sub", "--delete", "--max-delete", "10").status == 0
    assert count(arcli) == 2


def test_nothing_is_changed_before_the_question(arcli: Arcli, twelve: Path) -> None:
    (twelve / "sub" / "new.png").write_bytes(poster(40))
    assert arcli("sync", twelve / "sub", "--delete").status == 2
    assert arcli("get", "new").status == 4


def test_a_manifest_whose_rows_all_fail_removes_nothing(arcli: Arcli, twelve: Path) -> None:
    for rows in ("twelve/nowhere.png,t00", "twelve/t05.png,not valid", ",t05", 'twelve/t05.png,"'):
        Path("m.csv").write_text(f"image,identifier\n{rows}\n")
        ran = arcli("sync", "m.csv", "--delete", "--max-delete", "100%", "--json")
        assert ran.status == 3, rows
        assert codes(ran)[-1] == "removal_held"
        assert ran.data["counts"]["held"] >= 11
        assert "nothing was removed" in ran.err
        assert count(arcli) == 12


def test_a_picture_that_cannot_be_read_removes_nothing(arcli: Arcli, twelve: Path) -> None:
    (twelve / "t11.png").unlink()
    (twelve / "t10.png").write_text("not a picture any more")
    ran = arcli("sync", twelve, "--delete", "--json")
    assert (ran.status, ran.statuses["t11"]) == (3, "held")
    assert codes(ran) == ["unreadable_picture", "removal_held"]
    assert count(arcli) == 12


@pytest.mark.parametrize("leads", ["elsewhere", "nowhere"])
def test_a_subfolder_that_has_become_a_link_removes_nothing(
    arcli: Arcli, twelve: Path, tmp_path: Path, leads: str
) -> None:
    (twelve / "sub").rename(tmp_path / "elsewhere")
    (twelve / "sub").symlink_to(tmp_path / leads)
    ran = arcli("sync", twelve, "--delete", "--json")
    assert (ran.status, codes(ran)) == (3, ["removal_held"])
    assert "sub is a link to a folder and was not entered" in ran.err
    assert count(arcli) == 12
    assert arcli("sync", twelve, "--json").status == 0, "only removals are held"
    assert arcli("sync", twelve, "--delete", "--exclude", "sub").status == 0
    assert count(arcli) == 10


def test_a_folder_that_may_not_be_read_removes_nothing(
    arcli: Arcli, twelve: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything
    ran = arcli("sync", twelve, "--delete", "--json")
    assert (ran.status, codes(ran)) == (3, ["picture_not_found", "removal_held"])
    assert count(arcli) == 12


def test_what_is_passed_over_by_rule_holds_nothing(arcli: Arcli, twelve: Path) -> None:
    for name in (".git", "@eaDir", "#recycle", "__MACOSX"):
        (twelve / name).mkdir()
        (twelve / name / "t00.png").write_bytes(poster(30))
    (twelve / "Thumbs.db").write_bytes(b"\0")
    (twelve / "t11.png").unlink()
    ran = arcli("sync", twelve, "--delete", "--json")
    assert (ran.status, ran.data["counts"]["removed"]) == (0, 1)
    assert "1 hidden, 4 of the system" in ran.err


def test_a_reviewed_plan_is_held_to_the_same(arcli: Arcli, twelve: Path) -> None:
    assert arcli("sync", twelve / "sub", "--delete", "--plan", "plan").status == 0
    ran = arcli("sync", "--plan", "plan", "--json")
    assert (ran.status, codes(ran), count(arcli)) == (2, ["too_many_removals"], 12)
    assert arcli("sync", "--plan", "plan", "--max-delete", "5%").status == 2
    assert arcli("sync", "--plan", "plan", "--max-delete", "90%").status == 0
    assert count(arcli) == 2


def test_a_plan_of_a_source_that_was_not_read_removes_nothing(
    arcli: Arcli, twelve: Path, tmp_path: Path
) -> None:
    (twelve / "sub").rename(tmp_path / "elsewhere")
    (twelve / "sub").symlink_to(tmp_path / "elsewhere")
    written = arcli("sync", twelve, "--delete", "--plan", "plan", "--json")
    assert (written.status, written.data["counts"]["would-hold"]) == (3, 2)
    ran = arcli("sync", "--plan", "plan", "--json")
    assert (ran.status, codes(ran), count(arcli)) == (3, ["removal_held"], 12)


def test_a_plan_of_which_something_fails_removes_nothing(arcli: Arcli, twelve: Path) -> None:
    (twelve / "t11.png").unlink()
    (twelve / "new.png").write_bytes(poster(40))
    assert arcli("sync", twelve, "--delete", "--plan", "plan").status == 0
    (twelve / "new.png").write_bytes(poster(41))
    ran = arcli("sync", "--plan", "plan", "--json")
    assert (ran.status, ran.statuses) == (3, {"new": "failed", "t11": "held"})
    assert count(arcli) == 12


def test_from_another_profile_it_is_held_too(arcli: Arcli, twelve: Path, tmp_path: Path) -> None:
    arcli("profile", "add", "other", "--kind", "local", "--data-dir", tmp_path / "elsewhere")
    arcli("--data-dir", tmp_path / "elsewhere", "add", twelve / "sub", "-c", "s")
    ran = arcli("sync", "s", "--from-profile", "other", "-c", "default", "--delete", "--json")
    assert (ran.status, codes(ran), count(arcli)) == (2, ["too_many_removals"], 12)


@pytest.mark.parametrize(("answer", "status", "left"), [("y", 0, 2), ("n", 130, 12)])
def test_at_a_terminal_it_asks(
    arcli: Arcli, twelve: Path, tmp_path: Path, answer: str, status: int, left: int
) -> None:
    ended, screen = at_terminal(
        tmp_path, "sync", twelve / "sub", "--delete", answers={"[y/N]": f"{answer}\n"}
    )
    assert "10 of 12 targets" in " ".join(screen.split())
    assert (ended, count(arcli)) == (status, left)
