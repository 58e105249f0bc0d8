"""Channels moved from one data folder into another: equal in all that is kept, resumed, never over others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcli.engine import LocalGallery
from arcli.engine.channels import Channels
from arcli.engine.migrating import MIGRATION, Migration
from arcli.errors import ChannelExists, Conflict, DataDamaged
from arcli.models import ChannelSettings, ListKind, Migrated, TargetChanges
from tests.engine.moved import SIZE, contents, filled, target

KEPT = ChannelSettings(kind=ListKind.BLACK, threshold=0.4, quota=SIZE, private=True, owner="shop")


class Stopped(Exception):
    """Stands for a process that ends."""


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Channels]:
    with LocalGallery(tmp_path / "one") as gallery:
        gallery.create_channel(name="posters", settings=KEPT)
        filled(gallery._channels, "posters")
        yield gallery._channels


def run(source: Channels, tmp_path: Path, *, resume: bool = False, delete: bool = False) -> Migrated:
    """Migrate into the folder `two`; the source stays open."""
    target = Channels(tmp_path / "two")
    try:
        (found,) = Migration(source, target).run(["posters"], resume=resume, delete=delete)
        return found
    finally:
        target.close()


def there(tmp_path: Path) -> object:
    return contents(Channels(tmp_path / "two"), "posters")


def test_a_channel_is_moved_with_all_that_is_in_it(source: Channels, tmp_path: Path) -> None:
    moved = run(source, tmp_path)
    assert (moved.error, moved.targets, moved.written, moved.counts) == (None, SIZE, SIZE, 3)
    assert there(tmp_path) == contents(source, "posters")
    again = run(source, tmp_path, resume=True)
    assert (again.error, again.written, again.counts, again.targets) == (None, 0, 0, SIZE)


def test_a_migration_that_stopped_in_the_middle_goes_on(source: Channels, tmp_path: Path) -> None:
    target = Channels(tmp_path / "two")
    seen = iter(range(MIGRATION.batch + 1))

    def advance() -> None:
        if next(seen, None) is None:
            raise Stopped

    with pytest.raises(Stopped):
        list(Migration(source, target, advance=advance).run(["posters"]))
    target.close()
    assert isinstance(run(source, tmp_path).error, ChannelExists)
    moved = run(source, tmp_path, resume=True)
    assert moved.error is None
    assert 0 < moved.written < SIZE
    assert there(tmp_path) == contents(source, "posters")


def test_what_changed_since_is_brought_over_and_what_is_newer_there_is_kept(
    source: Channels, tmp_path: Path
) -> None:
    run(source, tmp_path)
    posters = source.get("posters")
    with posters.store.write() as writer:
        writer.remove("target.1")
        writer.update("target.2", TargetChanges(metadata="new"))
        writer.insert(target(SIZE))
    posters.counts.add({(dt.date(2026, 1, 2), "target.2"): 5})
    with LocalGallery(tmp_path / "two") as gallery:
        gallery.update(channel="posters", identifier="target.3", changes=TargetChanges(metadata='"there"'))
    moved = run(source, tmp_path, resume=True)
    assert isinstance(moved.error, Conflict)
    assert all(name in moved.error.message for name in ("target.1", "target.3"))
    with LocalGallery(tmp_path / "two") as gallery:
        kept = {name: gallery.get(channel="posters", identifier=name) for name in ("target.2", "target.3")}
    assert {name: one.metadata for name, one in kept.items()} == {
        "target.2": "new",
        "target.3": '"there"',
    }
    assert (moved.counts, moved.removed) == (1, 0)
    assert run(source, tmp_path, resume=True, delete=True).removed == 1


def test_another_channel_of_that_name_is_left_alone(source: Channels, tmp_path: Path) -> None:
    with LocalGallery(tmp_path / "two") as gallery:
        gallery._channels.catalog(create=True).create_channel(
            "posters", KEPT, 1, created="2020-01-01T00:00:00Z"
        )
    moved = run(source, tmp_path, resume=True)
    assert isinstance(moved.error, Conflict)
    with LocalGallery(tmp_path / "two") as gallery:
        assert gallery.channel(name="posters").targets == 0


def test_a_target_that_cannot_be_read_is_named_and_the_others_are_moved(
    source: Channels, tmp_path: Path
) -> None:
    posters = source.get("posters")
    with posters.store.write() as writer:
        writer.connection.execute("UPDATE features SET data = x'00' WHERE row_id = 3")
    moved = run(source, tmp_path)
    assert isinstance(moved.error, DataDamaged)
    assert "1 target" in moved.error.message
    assert moved.targets == SIZE - 1


def test_a_channel_that_is_changed_meanwhile_is_gone_through_again(source: Channels, tmp_path: Path) -> None:
    target_channels = Channels(tmp_path / "two")
    late = iter([target(SIZE + 1)])

    def advance() -> None:
        for new in late:
            with source.get("posters").store.write() as writer:
                writer.remove("target.0")
                writer.insert(new)

    (moved,) = Migration(source, target_channels, advance=advance).run(["posters"], delete=True)
    target_channels.close()
    assert (moved.error, moved.targets) == (None, SIZE)
    assert there(tmp_path) == contents(source, "posters")
