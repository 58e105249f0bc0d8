"""Parts of a plan (`add --shard`): disjoint, complete, the same on every machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcli.bulk.add_plan import Defaults, Plan, PlanEntry, Shard, plan_manifest, plan_words
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.manifest import open_manifest
from arcli.errors import UsageError
from tests.bulk.conftest import Arcli


@given(st.sets(st.text(max_size=50), max_size=40), st.integers(1, 12))
def test_each_identifier_is_in_one_part(names: set[str], count: int) -> None:
    for name in names:
        assert sum(Shard(number, count).has(name) for number in range(1, count + 1)) == 1


def test_parts_are_the_same_on_every_machine() -> None:
    assert [name for name in ("ab1", "ab2", "ab3", "ab4", "ab5", "ab6") if Shard(1, 2).has(name)] == [
        "ab1",
        "ab2",
        "ab3",
    ]


def parts(plan: Plan, count: int) -> list[list[PlanEntry]]:
    found = []
    for number in range(1, count + 1):
        part = Shard(number, count).of(plan)
        entries = list(part.entries())
        assert part.total == len(entries)
        assert part.identifiers == {entry.identifier for entry in entries if entry.error is None}
        assert part.faults == sum(entry.error is not None for entry in entries)
        found.append(entries)
    return found


def test_the_parts_of_a_folder_are_disjoint_and_complete(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"picture{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    plan = plan_words([str(tmp_path)], IdFrom.STEM, Defaults())
    found = parts(plan, 3)
    assert sorted(entry.identifier for part in found for entry in part) == sorted(plan.identifiers)
    assert all(10 <= len(part) <= 30 for part in found)


def test_the_parts_of_a_manifest_have_each_row_once_bad_ones_too(tmp_path: Path) -> None:
    rows = [f"picture{number}.png,target.{number % 25}" for number in range(30)]
    manifest = tmp_path / "list.csv"
    manifest.write_text("\n".join(["image,identifier", *rows, ",nothing", "x.png,ä"]), encoding="utf-8")
    plan = plan_manifest(open_manifest(manifest, None), IdFrom.STEM, Defaults())
    whole = list(plan.entries())
    found = parts(plan, 4)
    assert sorted(entry.where or "" for part in found for entry in part) == sorted(
        entry.where or "" for entry in whole
    )
    assert sum(entry.error is not None for part in found for entry in part) == plan.faults
    for part in found:
        assert [entry.where for entry in part] == [
            entry.where for entry in whole if entry.where in {one.where for one in part}
        ], "in the order of the manifest"


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0", "1", "a/b", "1/2/3", "-1/2", "", "1/1000000"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Shard.parse(text)


def test_two_parts_at_once_load_everything(arcli: Arcli, posters: Path, tmp_path: Path) -> None:
    words = ["--data-dir", str(tmp_path / "shared"), "add", str(posters), "--json", "--shard"]
    running = [
        subprocess.Popen([sys.executable, "-m", "arcli", *words, part], stdout=subprocess.PIPE)
        for part in ("1/2", "2/2")
    ]
    answers = [json.loads(process.communicate()[0])["data"]["items"] for process in running]
    added = [item["identifier"] for items in answers for item in items]
    assert all(item["status"] == "added" for items in answers for item in items)
    whole = {path.stem for path in posters.iterdir()}
    assert sorted(added) == sorted(whole)
    listed = arcli("--data-dir", tmp_path / "shared", "ls", "--json").data["targets"]
    assert {target["identifier"] for target in listed} == whole
