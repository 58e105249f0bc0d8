"""`update --manifest` changes many targets, one per row."""

import json
from pathlib import Path

import pytest

from tests.bulk.conftest import Arcli
from tests.engine.conftest import photo_of, poster


@pytest.fixture
def listed(arcli: Arcli, posters: Path) -> Path:
    """Four targets, p0_ to p3_."""
    assert arcli("add", posters, "--metadata", "[0]").status == 0
    return posters


def test_each_row_changes_its_target_and_an_empty_cell_nothing(arcli: Arcli, listed: Path) -> None:
    (listed / "p9_.png").write_bytes(poster(9))
    Path("changes.csv").write_bytes(
        "identifier;metadata;matchratio;active;image;rename\r\n"
        "p0_;[1];0,4;;;\r\np1_;;;no;;\r\np2_;;;;posters/p9_.png;\r\np3_;;;;;new_3\r\n".encode("utf-16")
    )
    ran = arcli("update", "--manifest", "changes.csv", "--json")
    assert (ran.status, ran.data["counts"]) == (0, {"updated": 4, "failed": 0})
    targets = {t["identifier"]: t for t in arcli("ls", "--json").data["targets"]}
    assert sorted(targets) == ["new_3", "p0_", "p1_", "p2_"]
    assert (targets["p0_"]["metadata"], targets["p0_"]["matchratio"]) == ("[1]", 0.4)
    assert (targets["p1_"]["metadata"], targets["p1_"]["active"]) == ("[0]", False)
    Path("photo.jpg").write_bytes(photo_of(9))
    assert arcli("find", "photo.jpg", "-f", "ids").out.split() == ["p2_"]
    again = arcli("update", "--manifest", "changes.csv", "--json")
    assert (again.status, again.data["counts"]["failed"]) == (3, 1), "p3_ has its new name"


def test_options_hold_for_all_rows_and_rows_go_before_them(arcli: Arcli, listed: Path) -> None:
    rows = [{"identifier": "p0_"}, {"identifier": "p1_", "active": True, "metadata": {"a": 1}}]
    Path("c.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert arcli("update", "--manifest", "c.jsonl", "--inactive").status == 0
    targets = {t["identifier"]: t for t in arcli("ls", "--json").data["targets"]}
    assert [targets[name]["active"] for name in ("p0_", "p1_", "p2_")] == [False, True, True]
    assert targets["p1_"]["metadata"] == '{"a":1}'


def test_a_bad_row_fails_alone_with_its_line(arcli: Arcli, listed: Path) -> None:
    Path("c.csv").write_text(
        "id,metadata,rename\nnowhere,[1],\np0_,{broken,\np1_,,\n,[1],\np2_,[2],not valid\np3_,[3],\n"
    )
    ran = arcli("update", "--manifest", "c.csv", "--json")
    errors = json.loads(ran.out)["errors"]
    assert ran.status == 3
    assert [error["code"] for error in errors] == [
        "target_not_found",
        "invalid_metadata",
        "invalid_manifest",
        "invalid_manifest",
        "invalid_identifier",
    ]
    assert [error["message"].partition(":")[0] for error in errors] == [
        f"c.csv, line {n}" for n in range(2, 7)
    ]
    assert [t["metadata"] for t in arcli("ls", "--json").data["targets"]] == ["[0]", "[0]", "[0]", "[3]"]


@pytest.mark.parametrize(
    "words", [["--manifest", "c.csv", "p0_"], ["--manifest", "c.csv", "--rename", "abc"], [], ["--inactive"]]
)
def test_what_does_not_fit_is_a_usage_error(arcli: Arcli, listed: Path, words: list[str]) -> None:
    Path("c.csv").write_text("identifier,metadata\np0_,[1]\n")
    assert arcli("update", *words).status == 2
    assert arcli("get", "p0_", "--json").data["metadata"] == "[0]"


def test_lists_without_targets_are_empty_input(arcli: Arcli, listed: Path) -> None:
    Path("c.csv").write_text("identifier,metadata\n")
    for words in (["--manifest", "c.csv"], ["-", "--inactive"]):
        ran = arcli("update", *words, "--json")
        assert (ran.status, json.loads(ran.out)["errors"][0]["code"]) == (2, "empty_input")
    Path("c.csv").write_text("image,metadata\nx.jpg,[1]\n")
    assert "no column is named identifier" in arcli("update", "--manifest", "c.csv").err
