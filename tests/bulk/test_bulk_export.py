"""What `export` writes, `add --manifest` reads back: metadata byte for byte, matchratio as stored."""

import json
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import pytest

from arcli.bulk.add_plan import Defaults, plan_manifest
from arcli.bulk.export import export
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.manifest import open_manifest
from arcli.bulk.plan_run import load
from arcli.errors import ChannelNotFound, FileExists
from arcli.models import AddItem, AddOptions, MatchRatio, Picture, Target, TargetChanges
from tests.fakes.gallery import FakeGallery

METADATA = [None, ' {"b":  1.50, "b": 2,\n "é": "\\u00e9 海 \u2028"} ', '"text"', "[]", "null"]
RATIOS: list[MatchRatio | None] = [None, 0.5, "0.50", 7, "1e-3"]


def fill(gallery: FakeGallery) -> None:
    for number, (metadata, ratio) in enumerate(zip(METADATA, RATIOS, strict=True)):
        item = AddItem(
            picture=Picture(name=f"{number}", data=f"picture 4 {number}".encode()),
            identifier=["Abc", "abc", "...", "CON", "x@y.z"][number],
            metadata=metadata,
            matchratio=ratio,
        )
        gallery.add(channel="c", item=item)
    gallery.update(channel="c", identifier="abc", changes=TargetChanges(active=False))


def content(target: Target) -> Target:
    return replace(target, channel="", created=None, updated=None)


def test_a_channel_comes_back_as_it_was(gallery: FakeGallery, tmp_path: Path) -> None:
    fill(gallery)
    assert [one.error for one in export(gallery, channel="c", folder=tmp_path / "out")] == [None] * 5
    manifest = open_manifest(tmp_path / "out" / "manifest.jsonl")
    plan = plan_manifest(manifest, IdFrom.STEM, Defaults())
    results = list(load(gallery, channel="new", plan=plan, options=AddOptions()))
    assert [result.error for result in results] == [None] * 5
    old, new = gallery.list(channel="c").targets, gallery.list(channel="new").targets
    assert list(map(content, new)) == list(map(content, old))


def test_names_that_differ_only_by_case_get_files_of_their_own(gallery: FakeGallery, tmp_path: Path) -> None:
    fill(gallery)
    list(export(gallery, channel="c", folder=tmp_path / "out"))
    names = [path.name.casefold() for path in (tmp_path / "out" / "pictures").iterdir()]
    assert len(set(names)) == 5


def test_a_folder_with_something_in_it_is_left_alone(gallery: FakeGallery, tmp_path: Path) -> None:
    fill(gallery)
    (tmp_path / "precious").touch()
    with pytest.raises(FileExists):
        list(export(gallery, channel="c", folder=tmp_path))
    with pytest.raises(ChannelNotFound):
        list(export(gallery, channel="unknown", folder=tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_without_pictures_the_words_are_written_and_each_target_is_told(tmp_path: Path) -> None:
    gallery = FakeGallery(keeps=False)
    fill(gallery)
    assert all(one.error for one in export(gallery, channel="c", folder=tmp_path / "out"))
    rows = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert {row["image"] for row in rows} == {None}
    assert [row.get("metadata") for row in rows if row["identifier"] == "abc"] == [METADATA[1]]


def test_an_export_that_was_cut_short_has_no_manifest(
    gallery: FakeGallery, tmp_path: Path, draw: Callable[..., Path]
) -> None:
    fill(gallery)
    going = export(gallery, channel="c", folder=tmp_path / "out")
    next(going)
    assert isinstance(going, Generator)
    going.close()
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pictures"]
