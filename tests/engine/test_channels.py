"""What the embedded engine does with its channels: settings, removals, and how many it keeps open."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2

from arcli.engine import LocalGallery
from arcli.models import ChannelSettings, Picture, RemoveStatus, SettingsChanges
from arcli.remote.pictures import rated
from arcli.store.catalog import Catalog
from arcli.store.channel import ChannelStore
from arcli.store.rows import NewTarget
from tests.engine.conftest import encoded, poster, poster_pixels


def filled(data_dir: Path, count: int) -> ChannelStore:
    """A channel of bare targets, as many as wanted without extracting anything."""
    with Catalog.open(data_dir, create=True) as catalog:
        record = catalog.create_channel("default", ChannelSettings(), preset=1)
    store = ChannelStore.open(record.folder)
    with store.write() as transaction:
        for number in range(count):
            transaction.insert(NewTarget(identifier=f"t{number:04d}", features=b""))
    return store


def test_two_hundred_removals_are_one_transaction(data_dir: Path, gallery: LocalGallery) -> None:
    with filled(data_dir, 201) as store:
        with store.read() as snapshot:
            before = snapshot.changes()
        names = [f"t{number:04d}" for number in range(200)]
        results = [*gallery.remove_many(channel="default", identifiers=names)]
        assert [result.status for result in results] == [RemoveStatus.REMOVED] * 200
        with store.read() as snapshot:
            assert (snapshot.count(), snapshot.changes()) == (1, before + 1)


def test_what_is_not_read_on_is_not_removed(data_dir: Path, gallery: LocalGallery) -> None:
    with filled(data_dir, 600) as store:
        results = gallery.remove_many(channel="default", identifiers=(f"t{n:04d}" for n in range(600)))
        assert next(iter(results)).identifier == "t0000"
        with store.read() as snapshot:
            assert 0 < snapshot.count() < 600


def test_removing_what_is_not_there_writes_nothing(data_dir: Path, gallery: LocalGallery) -> None:
    with filled(data_dir, 1) as store:
        with store.read() as snapshot:
            before = snapshot.changes()
        (result,) = gallery.remove_many(channel="default", identifiers=["nobody"])
        assert result.status is RemoveStatus.ABSENT
        with store.read() as snapshot:
            assert snapshot.changes() == before


def test_settings_are_read_without_the_channels_store(data_dir: Path, gallery: LocalGallery) -> None:
    gallery.create_channel(name="plain")
    gallery.create_channel(name="hidden", settings=ChannelSettings(private=True))
    for store in data_dir.glob("channels/*/store.sqlite"):
        store.unlink()
    with LocalGallery(data_dir) as other:
        assert [(name, one.private) for name, one in other.settings().items()] == [
            ("hidden", True),
            ("plain", False),
        ]
        assert other.settings_of(name="hidden").private


def test_settings_changed_at_once_by_two_are_both_kept(gallery: LocalGallery) -> None:
    gallery.create_channel(name="posters")

    def change(changes: list[SettingsChanges]) -> None:
        for one in changes:
            gallery.set_channel(name="posters", changes=one)

    quotas: list[SettingsChanges] = [{"quota": number} for number in range(1, 31)]
    thresholds: list[SettingsChanges] = [{"threshold": number / 100} for number in range(1, 31)]
    threads = [threading.Thread(target=change, args=(changes,)) for changes in (quotas, thresholds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settings = gallery.settings_of(name="posters")
    assert (settings.quota, settings.threshold) == (30, 0.3)


def test_a_client_rates_as_the_engine_does(gallery: LocalGallery) -> None:
    """Also a picture that is large enough to be decoded at a part of its size."""
    large = cv2.resize(poster_pixels(3, 640), (2400, 3200), interpolation=cv2.INTER_CUBIC)
    pictures = [
        Picture(name="large.jpg", data=encoded(large, ".jpg")),
        Picture(name="small.png", data=poster(4)),
    ]
    for picture, checked in zip(pictures, gallery.check(pictures=pictures, channel=None), strict=True):
        client = rated(picture)
        assert checked.level is not None
        assert (client.level, client.hints) == (checked.level, checked.hints)
