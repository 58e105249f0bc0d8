"""A channel moves to another preset: nothing is lost, photos are answered meanwhile, and it can continue."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from arcli.app import main
from arcli.engine import LocalGallery, upgrading
from arcli.engine.upgrading import UpgradeOptions
from arcli.errors import Locked, PictureNotKept
from arcli.features import Features
from arcli.files import file_lock
from arcli.models import (
    AddOptions,
    ChannelSettings,
    FeaturePreset,
    OnExists,
    Picture,
    TargetChanges,
    Upgraded,
)
from arcli.store.catalog import Catalog
from arcli.store.channel import ChannelStore

from .conftest import item, photo_of

STANDARD, COMPACT = FeaturePreset.STANDARD, FeaturePreset.COMPACT
POSTERS = (1, 2, 3)


def filled(gallery: LocalGallery, *, keep_pictures: bool = True) -> None:
    gallery.create_channel(name="posters", settings=ChannelSettings(keep_pictures=keep_pictures))
    assert all(
        result.error is None for result in gallery.add_many(channel="posters", items=map(item, POSTERS))
    )


def upgrade(gallery: LocalGallery, preset: FeaturePreset) -> dict[str, str]:
    return {done.identifier: done.status.value for done in gallery.upgrade(channel="posters", preset=preset)}


def stored(data_dir: Path) -> dict[str, bytes]:
    """Return the features of each target; checksums are compared on the way."""
    with Catalog.open(data_dir, create=False) as catalog:
        folder = catalog.channel("posters").folder
    with ChannelStore.open(folder, readonly=True) as store, store.read() as snapshot:
        rows = snapshot.rows(snapshot.live_rows(1, snapshot.last_row()))
        found = snapshot.features(rows)
        return {row.identifier: found[row_id] for row_id, row in rows.items()}


def answers(gallery: LocalGallery) -> list[str]:
    photo = Picture(name="wall", data=photo_of(*POSTERS))
    found = gallery.find(picture=photo, channels=["posters"])
    return [match.identifier for match in found.matches]


def test_features_take_half_the_bytes_and_come_back_as_they_were(
    gallery: LocalGallery, data_dir: Path
) -> None:
    filled(gallery)
    before, known = stored(data_dir), answers(gallery)
    assert known
    assert set(upgrade(gallery, COMPACT).values()) == {"converted"}
    small = stored(data_dir)
    assert all(len(small[name]) < 0.51 * len(before[name]) for name in before)
    assert (gallery.channel(name="posters").preset, answers(gallery)) == ("2", known)
    assert set(upgrade(gallery, COMPACT).values()) == {"unchanged"}
    assert set(upgrade(gallery, STANDARD).values()) == {"extracted"}
    assert stored(data_dir) == before, "from the kept picture come the features that the picture gave"
    assert (gallery.channel(name="posters").preset, answers(gallery)) == ("1", known)
    assert all(finding.ok for finding in gallery.verify())


def test_what_is_added_later_has_the_preset_and_is_what_an_upgrade_makes(
    gallery: LocalGallery, data_dir: Path
) -> None:
    filled(gallery)
    upgrade(gallery, COMPACT)
    moved = Features.from_bytes(stored(data_dir)["poster2"])
    gallery.remove(channel="posters", identifier="poster2")
    gallery.add(channel="posters", item=item(2))
    added = Features.from_bytes(stored(data_dir)["poster2"])
    assert (added.codes == moved.codes).all()
    assert abs(added.keypoints[:, :2] - moved.keypoints[:, :2]).max() <= 1 / 8, "rounded twice"


def test_targets_without_a_kept_picture_are_named_and_found_as_before(
    gallery: LocalGallery, data_dir: Path
) -> None:
    filled(gallery, keep_pictures=False)
    known = answers(gallery)
    assert set(upgrade(gallery, COMPACT).values()) == {"converted"}, "no picture is needed"
    small = stored(data_dir)
    left = list(gallery.upgrade(channel="posters", preset=STANDARD))
    assert [(one.identifier, one.status.value) for one in left] == [(f"poster{n}", "kept") for n in POSTERS]
    assert all(isinstance(one.error, PictureNotKept) and one.identifier in one.error.message for one in left)
    assert (stored(data_dir), answers(gallery)) == (small, known)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrading, "UPGRADE", UpgradeOptions(batch=1))


@pytest.mark.usefixtures("one_by_one")
def test_an_upgrade_that_was_interrupted_continues(gallery: LocalGallery, data_dir: Path) -> None:
    filled(gallery)
    run = gallery.upgrade(channel="posters", preset=COMPACT)
    assert len([*islice(run, 1)]) == 1
    run.close()  # type: ignore[attr-defined]  # a generator
    presets = [Features.from_bytes(data).preset for data in stored(data_dir).values()]
    assert presets == [2, 1, 1]
    assert answers(gallery), "a channel of both is searched"
    assert [*upgrade(gallery, COMPACT).values()] == ["unchanged", "converted", "converted"]


@pytest.mark.usefixtures("one_by_one")
def test_what_others_change_meanwhile_stays_changed(gallery: LocalGallery, data_dir: Path) -> None:
    filled(gallery)
    done: list[Upgraded] = []
    for one in gallery.upgrade(channel="posters", preset=COMPACT):
        if not done:
            gallery.remove(channel="posters", identifier="poster2")
            gallery.update(
                channel="posters", identifier="poster3", changes=TargetChanges(metadata='{"a": 1}')
            )
            gallery.add(channel="posters", item=item(4))
        done.append(one)
    assert {one.identifier for one in done} >= {"poster1", "poster3"}
    assert set(stored(data_dir)) == {"poster1", "poster3", "poster4"}
    assert gallery.get(channel="posters", identifier="poster3").metadata == '{"a": 1}'
    assert {Features.from_bytes(data).preset for data in stored(data_dir).values()} == {2}
    assert all(finding.ok for finding in gallery.verify())


def test_two_do_not_move_one_channel_at_once(gallery: LocalGallery, data_dir: Path) -> None:
    filled(gallery)
    with Catalog.open(data_dir, create=False) as catalog:
        folder = catalog.channel("posters").folder
    with file_lock(folder / "upgrade.lock", timeout=0), pytest.raises(Locked):
        list(gallery.upgrade(channel="posters", preset=COMPACT))
    assert gallery.channel(name="posters").preset == "1"


def test_a_copy_and_a_replaced_picture_have_the_preset(gallery: LocalGallery, data_dir: Path) -> None:
    filled(gallery)
    upgrade(gallery, COMPACT)
    assert gallery.copy_channel(name="posters", new="others").preset == "2"
    gallery.add(channel="posters", item=item(5, "poster1"), options=AddOptions(on_exists=OnExists.REPLACE))
    assert {Features.from_bytes(data).preset for data in stored(data_dir).values()} == {2}


def test_at_the_shell_a_target_that_stays_is_an_error_of_its_own(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[int, Any]:
        status = main(["--data-dir", str(data_dir), *words, "--json"])
        return status, json.loads(capsys.readouterr().out)

    status, made = run("channel", "create", "posters", "--preset", "compact", "--no-keep-pictures")
    assert (status, made["data"]["preset"]) == (0, "2")
    with LocalGallery(data_dir) as gallery:
        gallery.add(channel="posters", item=item(1))
    status, moved = run("channel", "upgrade", "posters", "--preset", "standard")
    assert (status, moved["status"]) == (3, "partial")
    assert moved["data"]["targets"] == [{"identifier": "poster1", "status": "kept"}]
    assert moved["data"]["counts"] == {"converted": 0, "extracted": 0, "unchanged": 0, "kept": 1}
    assert [error["code"] for error in moved["errors"]] == ["picture_not_kept"]
    assert run("channel", "upgrade", "posters", "--preset", "compact")[1]["data"]["counts"]["unchanged"] == 1
    assert run("channel", "upgrade", "nowhere")[0] == 4
