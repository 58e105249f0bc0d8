"""What interrupted removals and creations leave behind, and channels whose store is a wreck."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from arcli.errors import ChannelExists, ChannelNotFound
from arcli.models import ChannelSettings
from arcli.store import catalog as catalog_module
from arcli.store.catalog import Catalog
from arcli.store.channel import ChannelStore
from arcli.store.renaming import copy_channel
from arcli.store.repair.backup import restore_backup, write_backup
from arcli.store.repair.rebuild import rebuild_catalog, verify_catalog
from arcli.store.rows import NewTarget

PLAIN = ChannelSettings()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Catalog.open(tmp_path / "data", create=True) as catalog:
        for name in ("cards", "posters"):
            record = catalog.create_channel(name, PLAIN, preset=1)
            with ChannelStore.open(record.folder) as store, store.write() as transaction:
                transaction.insert(NewTarget(identifier="one", features=b""))
    return tmp_path / "data"


def folder(data: Path, name: str) -> Path:
    with Catalog.open(data, create=False) as catalog:
        return catalog.channel(name).folder


def folders(data: Path) -> list[str]:
    return sorted(path.name.rpartition("-")[0] for path in (data / "channels").iterdir())


def cut_short(*args: object, **options: object) -> None:
    raise KeyboardInterrupt


def test_the_catalog_comes_first_when_a_channel_is_removed(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Catalog.open(data, create=False) as catalog:
        with monkeypatch.context() as patched:
            patched.setattr(catalog_module, "sweep", cut_short)
            with pytest.raises(KeyboardInterrupt):
                catalog.remove_channel("cards")
        assert [record.name for record in catalog.channels()] == ["posters"]
        assert folders(data) == ["cards", "posters"], "what is left is not yet swept"
        assert [finding.message for finding in verify_catalog(data) if not finding.ok] == []
        catalog.create_channel("cards", PLAIN, preset=1)
        assert folders(data) == ["cards", "posters"], "of the old folder nothing is left"
        with ChannelStore.open(folder(data, "cards")) as store, store.read() as snapshot:
            assert snapshot.count() == 0


def test_repair_does_not_bring_a_removed_channel_back(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Catalog.open(data, create=False) as catalog, monkeypatch.context() as patched:
        patched.setattr(catalog_module, "sweep", cut_short)
        with pytest.raises(KeyboardInterrupt):
            catalog.remove_channel("cards")
    assert [*rebuild_catalog(data)] == []
    assert folders(data) == ["posters"]


def test_what_a_killed_creation_left_is_swept(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Catalog.open(data, create=False) as catalog:
        for step in ("ChannelStore.create", "enter"):  # a folder alone; a whole store that nobody knows
            with monkeypatch.context() as patched:
                patched.setattr(f"arcli.store.catalog.{step}", cut_short)
                with pytest.raises(KeyboardInterrupt):
                    catalog.create_channel("new", PLAIN, preset=1)
            assert [finding for finding in verify_catalog(data) if not finding.ok] == [], "nothing is damaged"
        (data / "channels" / "half-1" / "x").parent.mkdir()
        (data / "channels" / "half-1" / ".store.sqlite.1234.aside").touch()
        assert folders(data) == ["cards", "half", "new", "posters"], "each creation sweeps what is older"
        catalog.create_channel("new", PLAIN, preset=1)
    assert folders(data) == ["cards", "new", "posters"]


@pytest.mark.parametrize("kind", ["copy", "restore"])
def test_what_a_killed_copy_or_restoring_left_is_named_and_swept(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Killed when the store is whole: nobody was told of the channel, so `--repair` does not enter it."""
    make: dict[str, Callable[[Catalog], object]] = {
        "copy": lambda catalog: copy_channel(catalog, "cards", "new"),
        "restore": lambda catalog: restore_backup(catalog, tmp_path / "cards.arcli", len, name="new"),
    }
    with Catalog.open(data, create=False) as catalog, ChannelStore.open(folder(data, "cards")) as store:
        write_backup(store, tmp_path / "cards.arcli", len)
        with monkeypatch.context() as patched:
            patched.setattr("arcli.store.leftovers.shutil.rmtree", lambda *_, **__: None)
            for module in ("renaming", "repair.backup"):
                patched.setattr(f"arcli.store.{module}.enter", cut_short)
            with pytest.raises(KeyboardInterrupt):
                make[kind](catalog)
        assert folders(data) == ["cards", "new", "posters"]
        [left] = [finding for finding in verify_catalog(data) if "interrupted" in finding.message]
        assert left.ok
        assert [finding for finding in rebuild_catalog(data) if not finding.ok] == []
        assert folders(data) == ["cards", "posters"]
        copy_channel(catalog, "cards", "new")
        assert not [*folder(data, "new").glob("unfinished")], "the catalog knows it"


def test_a_channel_that_was_entered_keeps_its_folder_whatever_fails_then(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path, **_: object) -> None:
        raise OSError(5, "Input/output error", str(path))

    with Catalog.open(data, create=False) as catalog:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", fails)
            copy_channel(catalog, "cards", "new")
        with ChannelStore.open(catalog.channel("new").folder) as store, store.read() as snapshot:
            assert snapshot.count() == 1
        catalog.create_channel("later", ChannelSettings(), 1)
    assert folders(data) == ["cards", "later", "new", "posters"]


def test_without_its_catalog_what_was_being_made_is_kept(data: Path) -> None:
    (folder(data, "cards") / "unfinished").touch()
    (data / "catalog.sqlite").write_bytes(b"garbage " * 4096)
    assert "cards" in {finding.subject for finding in rebuild_catalog(data)}
    with Catalog.open(data, create=False) as catalog:
        assert [record.name for record in catalog.channels()] == ["cards", "posters"]


def test_a_store_that_the_catalog_lost_is_no_leftover(data: Path) -> None:
    with Catalog.open(data, create=False) as catalog, catalog.database.write() as connection:
        connection.execute("DELETE FROM channels WHERE name = 'cards'")
    with Catalog.open(data, create=False) as catalog:
        catalog.create_channel("more", PLAIN, preset=1)
    assert folders(data) == ["cards", "more", "posters"]
    assert [finding.subject for finding in rebuild_catalog(data)] == ["cards"]


def gone(store: Path) -> None:
    store.unlink()


def empty(store: Path) -> None:
    store.write_bytes(b"")


def garbage(store: Path) -> None:
    store.write_bytes(b"garbage " * 4096)


def folder_gone(store: Path) -> None:
    shutil.rmtree(store.parent)


def a_pipe(store: Path) -> None:
    """Whoever opens it waits for somebody to write into it."""
    store.unlink()
    os.mkfifo(store)


WRECKS = [gone, empty, garbage, folder_gone, a_pipe]


@pytest.mark.parametrize("wreck", WRECKS)
def test_a_wreck_can_be_removed_and_made_again(data: Path, wreck: Callable[[Path], None]) -> None:
    wreck(folder(data, "cards") / "store.sqlite")
    with Catalog.open(data, create=False) as catalog:
        with pytest.raises(ChannelExists):
            catalog.create_channel("cards", PLAIN, preset=1)
        catalog.remove_channel("cards")
        with pytest.raises(ChannelNotFound):
            catalog.channel("cards")
        catalog.create_channel("cards", PLAIN, preset=1)
    assert folders(data) == ["cards", "posters"]


@pytest.mark.parametrize("wreck", WRECKS)
def test_repair_puts_a_wreck_aside(data: Path, wreck: Callable[[Path], None]) -> None:
    wreck(folder(data, "cards") / "store.sqlite")
    findings = [*rebuild_catalog(data)]
    assert [(f.subject, f.ok, f.repaired) for f in findings] == [("cards", False, True)]
    assert all(finding.ok for finding in verify_catalog(data))
    kept = [] if wreck is folder_gone else ["damaged-cards"]
    assert folders(data) == sorted([*kept, "posters"])


def test_an_owner_who_makes_a_channel_again_has_its_quota(data: Path) -> None:
    owned = ChannelSettings(owner="ann")
    with Catalog.open(data, create=False) as catalog:
        catalog.create_channel("shop", ChannelSettings(owner="ann", quota=7), preset=1)
        catalog.remove_channel("shop")
        assert catalog.create_channel("shop", owned, preset=1).settings.quota == 7
        catalog.set_channel("shop", {"quota": None})
        catalog.remove_channel("shop")
        assert catalog.create_channel("shop", owned, preset=1).settings.quota is None
        catalog.set_channel("shop", {"quota": 3})
        catalog.remove_channel("shop")
        bob = ChannelSettings(owner="bob")
        assert catalog.create_channel("shop", bob, preset=1).settings.quota is None, "it was Ann's"
