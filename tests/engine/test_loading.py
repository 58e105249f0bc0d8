"""Adding: what is reported is stored, refusals say why, nothing is extracted twice."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

import arcli.engine.enroll
from arcli.engine import LocalGallery
from arcli.errors import DuplicatePicture, LevelTooLow, TargetExists
from arcli.models import AddItem, AddOptions, AddStatus, FindOptions, OnExists, Picture, TargetChanges

from .conftest import encoded, item, photo_of, poster, poster_pixels

REPLACE = AddOptions(on_exists=OnExists.REPLACE)


def found(gallery: LocalGallery, *seeds: int, limit: int | None = None) -> list[str]:
    photo = Picture(name="photo", data=photo_of(*seeds))
    result = gallery.find(picture=photo, channels=["default"], options=FindOptions(limit=limit))
    return sorted(match.identifier for match in result.matches)


def test_an_unchanged_picture_is_not_extracted_again(
    gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.add(channel="default", item=item(1))

    def never(*args: object) -> None:
        raise AssertionError("extracted again")

    monkeypatch.setattr(arcli.engine.enroll, "_extract", never)
    same = gallery.add(channel="default", item=item(1), options=REPLACE)
    assert same.status is AddStatus.SKIPPED
    renamed = gallery.add(channel="default", item=item(1, metadata='{"a":1}'), options=REPLACE)
    assert renamed.status is AddStatus.REPLACED
    assert gallery.get(channel="default", identifier="poster1").metadata == '{"a":1}'


def test_a_replaced_picture_is_found_by_its_new_content_only(gallery: LocalGallery) -> None:
    gallery.add(channel="default", item=item(1, "the_target", metadata="[1]", matchratio=0.4))
    result = gallery.add(channel="default", item=item(2, "the_target"), options=REPLACE)
    assert result.status is AddStatus.REPLACED
    assert found(gallery, 1) == []
    assert found(gallery, 2) == ["the_target"]
    target = gallery.get(channel="default", identifier="the_target")
    assert (target.metadata, target.matchratio) == ("[1]", 0.4)


def test_update_with_a_picture_and_a_new_name_is_one_change(gallery: LocalGallery) -> None:
    for seed in (1, 2):
        gallery.add(channel="default", item=item(seed))
    picture = Picture(name="new.png", data=poster(3))
    taken = TargetChanges(picture=picture, rename="poster2")
    with pytest.raises(TargetExists):
        gallery.update(channel="default", identifier="poster1", changes=taken)
    assert found(gallery, 1) == ["poster1"]
    gallery.update(
        channel="default", identifier="poster1", changes=TargetChanges(picture=picture, rename="renamed")
    )
    assert found(gallery, 3) == ["renamed"]
    assert found(gallery, 1) == []


def test_an_inactive_target_is_not_found_until_it_is_active_again(gallery: LocalGallery) -> None:
    gallery.add(channel="default", item=item(1))
    for active, expected in ((False, []), (True, ["poster1"])):
        gallery.update(channel="default", identifier="poster1", changes=TargetChanges(active=active))
        assert found(gallery, 1) == expected


def test_an_identifier_twice_in_one_batch_is_added_once(gallery: LocalGallery) -> None:
    first, second = gallery.add_many(channel="default", items=[item(1, "same"), item(2, "same")])
    assert first.status is AddStatus.ADDED
    assert isinstance(second.error, TargetExists)
    assert found(gallery, 1) == ["same"]


def test_a_copy_in_another_encoding_is_a_duplicate(gallery: LocalGallery) -> None:
    gallery.add(channel="default", item=item(1))
    copy = encoded(poster_pixels(1), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 60)
    again = AddItem(picture=Picture(name="copy.jpg", data=copy), identifier="copy")
    options = AddOptions(no_duplicates=True)
    with pytest.raises(DuplicatePicture, match="poster1"):
        gallery.add(channel="default", item=again, options=options)
    assert gallery.add(channel="default", item=item(2), options=options).status is AddStatus.ADDED


def test_a_dry_run_finds_duplicates_within_the_batch_and_writes_nothing(
    gallery: LocalGallery, data_dir: Path
) -> None:
    options = AddOptions(no_duplicates=True, dry_run=True)
    items = [item(1), item(2), item(1, "again")]
    results = list(gallery.add_many(channel="default", items=items, options=options))
    assert [result.status for result in results] == [
        AddStatus.WOULD_ADD,
        AddStatus.WOULD_ADD,
        AddStatus.WOULD_FAIL,
    ]
    assert isinstance(results[2].error, DuplicatePicture)
    assert not data_dir.exists()


def test_a_minimum_level_refuses_poorer_pictures(gallery: LocalGallery) -> None:
    level = gallery.add(channel="default", item=item(1)).level
    assert level is not None
    with pytest.raises(LevelTooLow):
        gallery.add(channel="default", item=item(1, "poorer"), options=AddOptions(min_level=level + 1))


def test_one_bad_picture_does_not_stop_the_others(gallery: LocalGallery) -> None:
    bad = AddItem(picture=Picture(name="bad.jpg", data=b"no picture"), identifier="bad")
    items = [*(item(seed) for seed in range(12)), bad, *(item(seed) for seed in range(12, 20))]
    results = list(gallery.add_many(channel="default", items=items, options=AddOptions(jobs=2)))
    assert [result.identifier for result in results] == [each.identifier for each in items]
    assert [result.identifier for result in results if result.error] == ["bad"]
    assert gallery.list(channel="default").totalcount == 20


def test_several_targets_of_one_photo_are_all_found(gallery: LocalGallery) -> None:
    list(gallery.add_many(channel="default", items=[item(seed) for seed in range(6)]))
    assert found(gallery, 1, 4) == ["poster1", "poster4"]
    assert len(found(gallery, 1, 4, limit=1)) == 1


def add_some(data_dir: Path, first: int) -> None:
    with LocalGallery(data_dir) as gallery:
        for seed in range(first, first + 5):
            gallery.add(channel="default", item=item(seed))


def test_processes_that_add_at_once_lose_nothing(data_dir: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=add_some, args=(data_dir, first)) for first in (0, 5, 10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with LocalGallery(data_dir) as gallery:
        assert gallery.list(channel="default").totalcount == 15


ADDER = """
import sys
from pathlib import Path
from arcli.engine import LocalGallery
from arcli.models import AddItem, Picture
if __name__ == "__main__":
    items = (AddItem(picture=Picture.from_path(p), identifier=Path(p).stem) for p in sys.argv[2:])
    with LocalGallery(Path(sys.argv[1])) as gallery:
        for result in gallery.add_many(channel="default", items=items):
            print(result.identifier, flush=True)
"""


def test_what_was_reported_survives_kill_9(tmp_path: Path, data_dir: Path) -> None:
    pictures = [tmp_path / f"poster{seed:03d}.png" for seed in range(150)]
    for seed, path in enumerate(pictures):
        path.write_bytes(poster(seed))
    script = tmp_path / "adder.py"
    script.write_text(ADDER)
    command = [sys.executable, str(script), str(data_dir), *map(str, pictures)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as adder:
        assert adder.stdout is not None
        reported = [adder.stdout.readline().strip()]
        adder.send_signal(signal.SIGKILL)
        reported += adder.stdout.read().split()
    with LocalGallery(data_dir) as gallery:
        stored = {target.identifier for target in gallery.list(channel="default").targets}
        assert set(reported) <= stored
        assert len(stored) < len(pictures), "the adder was killed too late to show anything"
        assert all(finding.ok for finding in gallery.verify())
        resumed = gallery.add_many(
            channel="default",
            items=(AddItem(picture=Picture.from_path(path), identifier=path.stem) for path in pictures),
            options=AddOptions(on_exists=OnExists.SKIP),
        )
        assert {result.status for result in resumed} <= {AddStatus.ADDED, AddStatus.SKIPPED}
        assert gallery.list(channel="default").totalcount == len(pictures)
