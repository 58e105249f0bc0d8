"""How the embedded engine manages its channels: settings, removals, and how many it keeps open."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import Mock

import cv2
import pytest

from arcli.engine import LocalGallery
from arcli.engine.channels import ChannelLimits, Channels, OpenChannel
from arcli.errors import ChannelNotFound, DataDamaged, DiskFull, StorageNotWritable
from arcli.models import (
    ChannelSettings,
    FindOptions,
    Picture,
    RemoveStatus,
    SettingsChanges,
    StatisticsQuery,
)
from arcli.remote.pictures import rated
from arcli.store.catalog import Catalog
from arcli.store.channel import ChannelStore
from arcli.store.counts import Counts
from arcli.store.repair.check import verify_database
from arcli.store.rows import NewTarget
from tests.engine.conftest import encoded, item, photo_of, poster, poster_pixels


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


def broken(data_dir: Path, name: str, wreck: str) -> None:
    (store,) = data_dir.glob(f"channels/{name}-*/store.sqlite")
    if wreck == "gone":
        store.unlink()
    else:
        store.write_bytes(b"" if wreck == "empty" else b"garbage " * 4096)


@pytest.mark.parametrize("wreck", ["gone", "empty", "garbage"])
def test_one_broken_channel_stops_nothing_but_itself(
    data_dir: Path, wreck: str, caplog: pytest.LogCaptureFixture
) -> None:
    with LocalGallery(data_dir) as gallery:
        gallery.add(channel="sound", item=item(1))
        gallery.create_channel(name="wreck")
    broken(data_dir, "wreck", wreck)
    with LocalGallery(data_dir) as gallery:
        described = {info.name: info for info in gallery.channels()}
        assert [*described] == ["sound", "wreck"]
        assert (described["sound"].targets, described["sound"].error) == (1, None)
        assert isinstance(described["wreck"].error, DataDamaged | ChannelNotFound)
        picture = Picture(name="photo", data=photo_of(1))
        for options, channels in ((FindOptions(), None), (FindOptions(sound_only=True), ["sound", "wreck"])):
            found = gallery.find(picture=picture, channels=channels, options=options)
            assert [match.identifier for match in found.matches] == ["poster1"]
        assert [r.message for r in caplog.records if "'wreck' is left out" in r.getMessage()], (
            "named, and once"
        )
        assert len([r for r in caplog.records if "'wreck' is left out" in r.getMessage()]) == 1
        today = dt.datetime.now(dt.UTC).date()
        assert list(gallery.statistics(query=StatisticsQuery(start=today, end=today)))
        with pytest.raises((DataDamaged, ChannelNotFound)):
            gallery.find(picture=picture, channels=["wreck"])
        gallery.remove_channel(name="wreck")
        assert [info.name for info in gallery.channels()] == ["sound"]


def test_more_channels_than_files_may_be_open(data_dir: Path) -> None:
    """In a process that may open 100 files: 60 channels, each read, all searched at once, counted."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100));"
        "from pathlib import Path; from arcli.engine import LocalGallery;"
        "from arcli.models import Picture; from tests.engine.conftest import item, photo_of;"
        "gallery = LocalGallery(Path(sys.argv[1]));"
        "names = [f'c{n:02d}' for n in range(60)];"
        "[gallery.add(channel=name, item=item(1, name)) for name in names];"
        "assert [gallery.get(channel=name, identifier=name).identifier for name in names] == names;"
        "found = gallery.find(picture=Picture(name='p', data=photo_of(1)), channels=None);"
        "gallery.close(); print(found.matches[0].identifier)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(data_dir)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout[:1]) == (0, "c"), done.stderr


def test_opening_a_channel_waits_for_no_other(
    data_dir: Path, gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One channel closes its builder for long: others are opened meanwhile."""
    for name in ("slow", "quick"):
        gallery.create_channel(name=name)
    closing, done = threading.Event(), threading.Event()
    close = OpenChannel.close

    def wait(channel: OpenChannel) -> None:
        if channel.name == "slow":
            closing.set()
            assert done.wait(30)
        close(channel)

    monkeypatch.setattr(OpenChannel, "close", wait)
    with LocalGallery(data_dir) as other:
        other.channel(name="slow")
        thread = threading.Thread(target=other._channels.forget, args=("slow",))
        thread.start()
        assert closing.wait(30)
        assert other.channel(name="quick").targets == 0
        done.set()
        thread.join()


def test_compacting_gives_space_back(gallery: LocalGallery) -> None:
    gallery.create_channel(name="default")
    store = gallery._channels.get("default").store
    with store.write() as transaction:
        for number in range(300):
            transaction.insert(NewTarget(identifier=f"t{number:03d}", features=b"", picture=bytes(30_000)))
    store.database.checkpoint()
    before = gallery.channel(name="default").store_bytes
    names = [f"t{number:03d}" for number in range(299)]
    assert len([*gallery.remove_many(channel="default", identifiers=names)]) == 299
    after = gallery.compact(channel="default").store_bytes
    assert after < before / 20
    assert gallery.get(channel="default", identifier="t299").identifier == "t299"
    assert all(finding.ok for finding in verify_database(store.database, full=True))


def test_counts_that_a_full_disk_refused_are_kept(
    gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gallery.create_channel(name="default")
    counts = gallery._channels.get("default").counts
    counts.record(["one"])
    for error in (DiskFull("full"), StorageNotWritable("denied"), DataDamaged("torn")):
        with monkeypatch.context() as patched:
            patched.setattr(Counts, "add", Mock(side_effect=error))
            gallery.flush_counts()
            gallery.flush_counts()
        assert len([r for r in caplog.records if error.message in r.getMessage()]) == 1, "not each second"
    gallery.flush_counts()
    today = dt.datetime.now(dt.UTC).date()
    assert [(count.identifier, count.count) for count in counts.read(today, today)] == [("*", 1), ("one", 1)]
    assert counts.knows("one")
    assert isinstance(counts, Counts)
    with counts.database.read() as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN SELECT 1 FROM counts WHERE identifier = 'one' LIMIT 1")
        assert "counts_of" in plan.fetchone()[3]


def test_only_the_channels_used_last_keep_their_index_open(data_dir: Path) -> None:
    with LocalGallery(data_dir) as gallery:
        for name in ("a", "b", "c"):
            gallery.add(channel=name, item=item(1))
    channels = Channels(data_dir, limits=ChannelLimits(kept_indexes=2))
    opened = [channels.get(name) for name in ("a", "b")]
    kept = [channel.shortlister() for channel in opened]
    channels.get("a")
    third = channels.get("c")
    third.shortlister()
    assert opened[0].shortlister() is kept[0], "a was used after b"
    assert opened[1].shortlister() is not kept[1], "b has let go of its index, and opens it again"
    channels.close()


def test_opened_indexes_stay_within_their_memory_and_every_channel_is_still_searched(data_dir: Path) -> None:
    names = ("a", "b", "c", "d")
    with LocalGallery(data_dir) as gallery:
        for name in names:
            gallery.add(channel=name, item=item(1))
            gallery.find(picture=Picture(name="photo", data=photo_of(1)), channels=[name])
        one = gallery.index_memory // len(names)
    assert one > 0, "an index in use takes memory"
    with LocalGallery(data_dir, index_memory=2 * one) as gallery:
        for name in names * 2:
            found = gallery.find(picture=Picture(name="photo", data=photo_of(1)), channels=[name])
            assert [match.channel for match in found.matches] == [name]
            assert gallery.index_memory <= 3 * one, "two, and the one in use"
    with LocalGallery(data_dir, index_memory=1) as gallery:
        found = gallery.find(picture=Picture(name="photo", data=photo_of(1)), channels=None)
        assert found.matched, "whatever the limit, what is asked for is searched"
        gallery.find(picture=Picture(name="photo", data=photo_of(1)), channels=["a"])
        assert gallery.index_memory <= one


def test_a_channel_that_breaks_while_it_is_open_stops_nothing_but_itself(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture = Picture(name="photo", data=photo_of(1))
    with LocalGallery(data_dir) as gallery:
        for name in ("sound", "wreck"):
            gallery.add(channel=name, item=item(1))
    with LocalGallery(data_dir) as gallery:
        assert gallery.find(picture=picture, channels=None).matched
        broken(data_dir, "wreck", "garbage")
        for options, channels in ((FindOptions(), None), (FindOptions(sound_only=True), ["sound", "wreck"])):
            (many,) = gallery.find_many(pictures=[picture], channels=channels, options=options)
            for found in (gallery.find(picture=picture, channels=channels, options=options), many):
                assert [match.channel for match in found.matches] == ["sound"]
        assert len([r for r in caplog.records if "'wreck' is left out" in r.getMessage()]) == 1
        for named in (["sound", "wreck"], ["wreck"]):
            with pytest.raises(DataDamaged):
                gallery.find(picture=picture, channels=named)
        with pytest.raises(DataDamaged):
            gallery.find(picture=picture, channels=["wreck"], options=FindOptions(sound_only=True))


def test_broken_counts_of_one_channel_hide_no_others(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    today = dt.datetime.now(dt.UTC).date()
    with LocalGallery(data_dir) as gallery:
        for number, name in enumerate(("sound", "wreck"), 1):
            gallery.add(channel=name, item=item(number))
            assert gallery.find(picture=Picture(name="x", data=photo_of(number)), channels=[name]).matched
    (counts,) = data_dir.glob("channels/wreck-*/counts.sqlite")
    counts.write_bytes(b"garbage " * 4096)
    with LocalGallery(data_dir) as gallery:
        (record,) = gallery.statistics(query=StatisticsQuery(start=today, end=today))
        assert (record.channel, record.count) == ("sound", 1)
        assert "'wreck' is left out" in caplog.text
        with pytest.raises(DataDamaged):
            gallery.statistics(query=StatisticsQuery(start=today, end=today, channel="wreck"))
