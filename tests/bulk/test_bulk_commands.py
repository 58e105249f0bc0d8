"""The bulk commands as users type them, over the embedded engine."""

import json
import re
from pathlib import Path

import cv2
import pytest

from tests.bulk.conftest import Arcli, contents, poor
from tests.bulk.kills import stored
from tests.cli.processes import ROOT
from tests.cli.processes import arcli as in_a_process
from tests.engine.conftest import encoded, photo_of, poster, poster_pixels


def test_a_dry_run_tells_what_a_load_would_do_and_writes_nothing(arcli: Arcli, posters: Path) -> None:
    arcli("add", posters / "p0_.png", "--id", "taken")
    (posters / "blank.png").write_bytes(encoded(poster_pixels(0)[:1, :1]))
    (posters / "text.jpg").write_text("no picture")
    (posters / "taken.png").write_bytes(poster(9))
    (posters / "poor.png").write_bytes(poor())
    small = cv2.resize(poster_pixels(1), None, fx=0.7, fy=0.7)
    (posters / "twice.jpg").write_bytes(encoded(small, ".jpg"))
    before = contents(Path("data"))
    ran = arcli("add", posters, "--dry-run", "--no-duplicates", "--min-level", "3", "--json")
    assert ran.status == 3
    assert ran.statuses == {
        "blank": "would-fail",
        "poor": "would-fail",
        "p0_": "would-fail",
        "p1_": "would-add",
        "p2_": "would-add",
        "p3_": "would-add",
        "taken": "would-fail",
        "text": "would-fail",
        "twice": "would-fail",
    }
    codes = {Path(e["item"]).stem: e["code"] for e in json.loads(ran.out)["errors"]}
    assert codes == {
        "blank": "too_few_features",
        "p0_": "duplicate_picture",
        "poor": "level_too_low",
        "taken": "target_exists",
        "text": "unreadable_picture",
        "twice": "duplicate_picture",
    }
    assert "p1_.png" in ran.err
    assert contents(Path("data")) == before


def test_a_dry_run_tells_which_identifiers_are_not_valid(arcli: Arcli, posters: Path) -> None:
    Path("m.csv").write_text("image,identifier\nposters/p0_.png,good_1\nposters/p1_.png,not valid\n")
    ran = arcli("add", "--manifest", "m.csv", "--dry-run", "--json")
    assert (ran.status, list(ran.statuses.values())) == (3, ["would-add", "would-fail"])
    assert json.loads(ran.out)["errors"][0]["code"] == "invalid_identifier"
    assert not Path("data").exists()


def test_a_dry_run_into_a_channel_that_is_not_there_makes_none(arcli: Arcli, posters: Path) -> None:
    assert set(arcli("add", posters, "-n", "-c", "new", "--json").statuses.values()) == {"would-add"}
    assert arcli("channel", "ls", "--json").data["totalcount"] == 0


def test_a_dry_run_counts_the_quota(arcli: Arcli, posters: Path) -> None:
    arcli("channel", "create", "small", "--quota", "2")
    ran = arcli("add", posters, "-c", "small", "--dry-run", "--json")
    assert list(ran.statuses.values()) == ["would-add", "would-add", "would-fail", "would-fail"]
    assert list(arcli("add", posters, "-c", "small", "--json").statuses.values()) == [
        "added",
        "added",
        "failed",
        "failed",
    ]


def test_gates_end_with_status_3_and_the_list(arcli: Arcli, posters: Path) -> None:
    (posters / "twice.png").write_bytes(poster(0))
    (posters / "poor.png").write_bytes(poor())
    ran = arcli("add", posters, "--no-duplicates", "--min-level", "3", "--json")
    assert (ran.status, ran.data["counts"]["added"], ran.data["counts"]["failed"]) == (3, 4, 2)
    errors = {Path(error["item"]).name: error for error in json.loads(ran.out)["errors"]}
    codes = {name: error["code"] for name, error in errors.items()}
    assert codes == {"poor.png": "level_too_low", "twice.png": "duplicate_picture"}
    assert all(name in ran.err for name in codes)
    assert re.search(r"level \d is below 3: \w", errors["poor.png"]["message"]), "a level has its reasons"
    assert errors["poor.png"]["hint"], "and with advice"
    assert arcli("ls", "-f", "ids").out.split() == ["p0_", "p1_", "p2_", "p3_"]


def test_a_match_ratio_that_no_search_uses_is_told(arcli: Arcli, posters: Path) -> None:
    told = "outside 0 to 1"
    Path("m.csv").write_text("image,matchratio\nposters/p0_.png,70\nposters/p1_.png,-1\nposters/p2_.png,1\n")
    ran = arcli("add", "--manifest", "m.csv", "--json")
    assert (ran.status, ran.data["counts"]["added"]) == (0, 3)
    assert f"{told}, which arcli's own engine does not use: 2" in ran.err
    assert told not in arcli("add", "--manifest", "m.csv", "-c", "x", "--quiet").err
    assert "'70'" in arcli("add", posters / "p3_.png", "--match-ratio", "70").err
    assert arcli("add", posters / "p3_.png", "--match-ratio", "0.7", "-c", "x").err.count("ratio") == 0


BAD_ROWS = """image;identifier;metadata;matchratio
posters/p0_.png;good_1;"{""a"":
 1}";0,5

posters/p1_.png;not valid;;
posters/nowhere.png;gone;;
posters/p1_.png;good_1;;
posters/p1_.png;meta;{broken;
posters/p1_.png;ratio;;high
posters/p1_.png;"quote;;
;empty;;
posters/p1_.png;short_1;;;;more
posters/text.png;text;;
posters/p1_.png;good_2;;
"""


def test_a_manifest_with_every_kind_of_bad_row_loads_the_good_ones(arcli: Arcli, posters: Path) -> None:
    (posters / "text.png").write_text("no picture")
    Path("m.csv").write_bytes(BAD_ROWS.encode("utf-8-sig"))
    ran = arcli("add", "--manifest", "m.csv", "--json")
    assert ran.status == 3
    assert ran.data["counts"]["added"] == 2
    told = [e["message"] for e in json.loads(ran.out)["errors"]]
    lines = [5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert [message.partition(":")[0] for message in told] == [f"m.csv, line {line}" for line in lines]
    assert all(f"m.csv, line {line}:" in ran.err for line in lines)
    assert arcli("ls", "-f", "ids").out.split() == ["good_1", "good_2"]


def test_paths_come_from_stdin_with_lines_or_nul(arcli: Arcli, posters: Path) -> None:
    words = [f"{posters}/p0_.png", f"{posters}/p1_.png"]
    assert (
        arcli(
            "add",
            "-",
            stdin="\n".join(words).encode(),
        ).status
        == 0
    )
    assert arcli("add", "-", "-0", "-c", "x", stdin="\0".join(words).encode()).status == 0
    assert arcli("ls", "-c", "x", "-f", "ids").out.split() == ["p0_", "p1_"]


def test_colliding_identifiers_send_nothing(arcli: Arcli, posters: Path) -> None:
    (posters / "sub").mkdir()
    (posters / "sub" / "p0_.jpg").write_bytes(poster(0))
    ran = arcli("add", posters)
    assert ran.status == 6
    assert "p0_.png" in ran.err
    assert "sub/p0_.jpg" in ran.err
    assert arcli("ls").status == 4, "not even the channel was made"


def test_progress_comes_as_lines_of_json_when_asked(
    arcli: Arcli, posters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCLI_PROGRESS", "jsonl")
    ran = arcli("add", posters, "--json")
    last = json.loads([line for line in ran.err.splitlines() if line.startswith("{")][-1])
    assert (last["progress"], last["done"], last["total"], last["seconds_left"]) == ("adding", 4, 4, 0)
    assert last["per_second"] > 0
    assert arcli("find", posters, "--quiet").err == ""
    monkeypatch.setenv("ARCLI_PROGRESS", "yes")
    ran = arcli("add", posters, "--on-exists", "skip")
    assert (ran.status, "ARCLI_PROGRESS" in ran.err) == (2, True)


def test_report_and_resume(arcli: Arcli, posters: Path) -> None:
    (posters / "text.png").write_text("no picture")
    assert arcli("add", posters, "--report", "r.jsonl").status == 3
    whole = Path("r.jsonl").read_bytes()
    again = arcli("add", posters, "--report", "r.jsonl", "--json")
    assert (again.status, json.loads(again.out)["errors"][0]["code"]) == (6, "file_exists")
    Path("r.jsonl").write_bytes(whole[:-20])
    ran = arcli("add", posters, "--report", "r.jsonl", "--resume", "--json")
    assert (ran.status, ran.data["counts"]["added"], ran.data["counts"]["failed"]) == (3, 4, 1)
    assert Path("r.jsonl").read_bytes() == whole
    assert ran.data["items"] == [json.loads(line) for line in whole.splitlines()]


@pytest.mark.parametrize(
    "words", [["--resume"], ["--report", "nowhere/r.jsonl"], ["--manifest", "m.csv"], ["--id", "abc"]]
)
def test_options_that_do_not_fit_are_usage_errors(arcli: Arcli, posters: Path, words: list[str]) -> None:
    Path("m.csv").write_text("image\nposters/p0_.png\n")
    assert arcli("add", posters, *words).status == 2
    assert not Path("data").exists()


@pytest.mark.parametrize(
    "words",
    [
        "stats --output nowhere/x.csv",
        "stats --output nowhere/x.csv --append",
        "stats --plot-file nowhere/x.svg",
        "sync posters --plan nowhere/plan",
        "sync --plan nowhere",
        "export file/below",
    ],
)
def test_files_that_cannot_be_there_are_usage_errors(arcli: Arcli, posters: Path, words: str) -> None:
    arcli("channel", "create", "default")
    Path("file").touch()
    ran = arcli(*words.split())
    assert ran.status == 2, ran.err
    assert not Path("nowhere").exists()


def test_export_and_add_make_an_equal_channel(arcli: Arcli, posters: Path) -> None:
    big = cv2.resize(poster_pixels(7), None, fx=3, fy=3)
    (posters / "big.jpg").write_bytes(encoded(big, ".jpg"))
    rows = [
        {"image": "posters/p0_.png", "metadata": ' {"n": 1.50, "é": "海"} ', "matchratio": "0.70"},
        {"image": "posters/p1_.png", "matchratio": 0.25, "active": False},
        {"image": "posters/big.jpg", "identifier": "..."},
    ]
    Path("m.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert arcli("add", "--manifest", "m.jsonl", "-c", "old").status == 0
    assert arcli("export", "out", "-c", "old").status == 0
    assert arcli("add", "--manifest", "out/manifest.jsonl", "-c", "new").status == 0
    assert _targets(arcli, "new") == _targets(arcli, "old")
    with stored(Path("data"), "old") as old, stored(Path("data"), "new") as new:
        assert {name: row[0] for name, row in new.items()} == {name: row[0] for name, row in old.items()}
    Path("photo.jpg").write_bytes(photo_of(0, 7))
    found = [arcli("find", "photo.jpg", "-c", name, "--limit", "all", "--json") for name in ("old", "new")]
    first, second = (_without_channel(f.data["results"][0]["matches"]) for f in found)
    assert second == first
    assert first


def _without_channel(matches: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{**match, "channel": None} for match in matches]


def _targets(arcli: Arcli, channel: str) -> list[dict[str, object]]:
    targets = arcli("ls", "-c", channel, "--json").data["targets"]
    return [{k: v for k, v in t.items() if k not in ("channel", "created", "updated")} for t in targets]


def test_sync_follows_a_folder_and_a_plan_waits_for_a_review(arcli: Arcli, posters: Path) -> None:
    assert arcli("sync", posters).status == 0
    (posters / "p0_.png").unlink()
    (posters / "p1_.png").write_bytes(poster(11))
    (posters / "new.png").write_bytes(poster(12))
    expected = {"new": "add", "p1_": "replace", "p0_": "remove"}
    told = arcli("sync", posters, "--delete", "--dry-run", "--json")
    assert told.statuses == {name: f"would-{do}" for name, do in expected.items()}
    assert arcli("sync", posters, "--delete", "--plan", "plan.jsonl").status == 0
    assert arcli("sync", posters, "--delete", "--plan", "plan.jsonl").status == 6
    assert arcli("ls", "-f", "ids").out.split() == ["p0_", "p1_", "p2_", "p3_"]
    done = arcli("sync", "--plan", "plan.jsonl", "--json")
    assert done.statuses == {"new": "added", "p1_": "replaced", "p0_": "removed"}
    again = arcli("sync", posters, "--delete", "--json")
    assert (again.data["items"], again.data["counts"]["unchanged"]) == ([], 4)


def test_sync_from_another_profile(arcli: Arcli, posters: Path, tmp_path: Path) -> None:
    arcli("profile", "add", "old", "--kind", "local", "--data-dir", tmp_path / "elsewhere")
    arcli("--data-dir", tmp_path / "elsewhere", "add", posters, "-c", "s", "--metadata", '{"a": 1}')
    told = arcli("sync", "s", "--from-profile", "old", "-c", "t", "--plan", "plan.jsonl", "--json")
    assert set(told.statuses.values()) == {"would-add"}
    assert arcli("sync", "--plan", "plan.jsonl", "-c", "other").status == 6, "it is for channel t"
    assert arcli("sync", "--plan", "plan.jsonl", "--json").data["counts"]["added"] == 4
    (posters / "p3_.png").write_bytes(poster(13))
    arcli("--data-dir", tmp_path / "elsewhere", "add", posters, "-c", "s", "--on-exists", "replace")
    ran = arcli("sync", "s", "--from-profile", "old", "-c", "t", "--json")
    assert (ran.status, ran.statuses) == (0, {"p3_": "replaced"})
    assert any("match counts" in note for note in ran.data["notes"])
    assert {t["metadata"] for t in _targets(arcli, "t")} == {'{"a": 1}'}
    again = arcli("sync", "s", "--from-profile", "old", "-c", "t", "--delete", "--json")
    assert again.data["counts"]["unchanged"] == 4


def test_sync_does_not_empty_a_channel_by_mistake(arcli: Arcli, posters: Path) -> None:
    arcli("sync", posters)
    Path("empty").mkdir()
    for source in ("empty", "nowhere"):
        assert arcli("sync", source, "--delete").status in (2, 7)
    assert arcli("ls", "--json").data["totalcount"] == 4


def test_a_folder_from_a_phone_needs_the_extra_and_says_so(arcli: Arcli, tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="HEIC needs the extra heic")
    (tmp_path / "phone").mkdir()
    rgb = cv2.cvtColor(poster_pixels(5), cv2.COLOR_BGR2RGB)
    picture = heif.from_bytes("RGB", (rgb.shape[1], rgb.shape[0]), rgb.tobytes())
    picture.save(tmp_path / "phone" / "IMG_0001.HEIC")
    assert arcli("add", "phone", "--json").statuses == {"IMG_0001": "added"}
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "pillow_heif.py").write_text("raise ImportError")
    path = f"{tmp_path / 'without'}:{ROOT}"  # also for the processes that decode
    ran = in_a_process(tmp_path, "add", "phone", "-c", "without", "--json", PYTHONPATH=path)
    statuses = [item["status"] for item in json.loads(ran.stdout)["data"]["items"]]
    assert (ran.returncode, statuses) == (3, ["failed"])
    assert "'.[heic]'" in ran.stderr
