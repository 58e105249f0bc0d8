"""The catalog: channels by any name, safe folders, and a rebuilt catalog after a loss."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcli.errors import (
    ChannelExists,
    ChannelNotFound,
    DataDamaged,
    InvalidChannelName,
    StorageNotWritable,
)
from arcli.models import ChannelSettings, Finding, IndexKind, ListKind, Scope, valid_channel_name
from arcli.store.accounts import Accounts
from arcli.store.catalog import CATALOG_FILE, Catalog
from arcli.store.channel import ChannelStore
from arcli.store.repair.rebuild import rebuild_catalog, verify_catalog
from arcli.store.rows import NewTarget

EVERYTHING_SET = ChannelSettings(
    kind=ListKind.BLACK,
    threshold=0.25,
    index=IndexKind.FLAT,
    quota=7,
    keep_pictures=False,
    private=True,
    owner="ann",
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A gallery of two channels with one target each."""
    with Catalog.open(tmp_path / "data", create=True) as catalog:
        for name, chosen in (("cards", EVERYTHING_SET), ("Straße é", ChannelSettings())):
            record = catalog.create_channel(name, chosen, 1)
            with ChannelStore.open(record.folder) as store, store.write() as txn:
                txn.insert(NewTarget(identifier="one", features=b"F"))
    return tmp_path / "data"


def damages(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.ok]


def test_reading_a_gallery_that_does_not_exist_makes_no_files(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "nothing", create=False) as catalog:
        assert catalog.channels() == []
        with pytest.raises(ChannelNotFound):
            catalog.channel("default")
        with pytest.raises(ChannelNotFound):
            catalog.remove_channel("default")
    assert damages([*verify_catalog(tmp_path / "nothing")]) == []
    assert [*tmp_path.iterdir()] == []


def test_a_new_data_folder_is_its_owners_alone(data: Path) -> None:
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "channels").stat().st_mode & 0o777 == 0o700


def test_settings_are_kept_in_the_catalog_and_in_the_store(data: Path) -> None:
    with Catalog.open(data, create=False) as catalog:
        assert catalog.channel("cards").settings == EVERYTHING_SET
        changed = catalog.set_channel("cards", {"threshold": 0.75})
        assert changed == catalog.channel("cards")
        with ChannelStore.open(changed.folder) as store, store.read() as snapshot:
            assert snapshot.info().settings == replace(EVERYTHING_SET, threshold=0.75)
        with pytest.raises(ChannelNotFound):
            catalog.set_channel("other", {})
        with pytest.raises(ChannelExists):
            catalog.create_channel("cards", ChannelSettings(), 1)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "a\nb", "x" * 65, " a", "\udc80"])
def test_names_that_are_none_are_refused(data: Path, name: str) -> None:
    with Catalog.open(data, create=False) as catalog:
        for use in (catalog.channel, catalog.remove_channel):
            with pytest.raises(InvalidChannelName):
                use(name)
        with pytest.raises(InvalidChannelName):
            catalog.create_channel(name, ChannelSettings(), 1)


def is_channel_name(text: str) -> bool:
    try:
        valid_channel_name(text)
    except InvalidChannelName:
        return False
    return True


LETTERS = st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="/\\")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(LETTERS, min_size=1, max_size=60).filter(is_channel_name), min_size=1, max_size=4))
def test_any_valid_name_gets_a_folder_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    wanted = sorted({valid_channel_name(name) for name in names})
    with Catalog.open(tmp_path_factory.mktemp("data"), create=True) as catalog:
        folders = [catalog.create_channel(name, ChannelSettings(), 1).folder.name for name in wanted]
        assert [channel.name for channel in catalog.channels()] == wanted
        assert all(re.fullmatch(r"[a-z0-9-]{1,41}", folder) for folder in folders)
        assert len(set(folders)) == len(wanted)


def test_names_that_differ_in_case_alone_are_two_channels(data: Path) -> None:
    with Catalog.open(data, create=False) as catalog:
        catalog.create_channel("CARDS", ChannelSettings(), 1)
        assert {channel.name for channel in catalog.channels()} >= {"cards", "CARDS"}


@pytest.mark.parametrize("loss", ["gone", "rubbish", "cut"])
def test_a_lost_catalog_is_rebuilt_from_the_channels(data: Path, loss: str) -> None:
    with Catalog.open(data, create=False) as catalog:
        before = catalog.channels()
    file = data / CATALOG_FILE
    match loss:
        case "gone":
            file.unlink()
        case "rubbish":
            file.write_bytes(b"x" * 9000)
        case _:
            file.write_bytes(file.read_bytes()[:10_000])
    with pytest.raises(DataDamaged), Catalog.open(data, create=True) as catalog:
        catalog.create_channel("new", ChannelSettings(), 1)
    assert damages([*verify_catalog(data)])
    lost = damages([*rebuild_catalog(data)])
    assert bool(lost) == (loss != "gone"), "what is lost is said, with a status that shows it"
    assert damages([*verify_catalog(data)]) == []
    with Catalog.open(data, create=False) as catalog:
        assert catalog.channels() == before


def test_rebuilding_a_sound_catalog_changes_nothing(data: Path) -> None:
    assert damages([*verify_catalog(data)]) == []
    assert [*rebuild_catalog(data)] == []


def test_rebuilding_keeps_the_grants_on_a_channel(data: Path) -> None:
    with Catalog.open(data, create=False) as catalog:
        with catalog.database.write() as connection:
            connection.execute("INSERT INTO accounts (username, created) VALUES ('ann', '')")
            connection.execute(
                "INSERT INTO grants (username, channel, scope) VALUES ('ann', 'cards', 'find')"
            )
            connection.execute("UPDATE channels SET preset = 2 WHERE name = 'cards'")
        assert [finding.message for finding in rebuild_catalog(data)] == ["entered in the catalog"]
        with catalog.database.read() as connection:
            assert connection.execute("SELECT username FROM grants").fetchall() == [("ann",)]
        assert catalog.channel("cards").preset == 1


def test_a_channel_whose_folder_is_gone_leaves_the_catalog(data: Path) -> None:
    with Catalog.open(data, create=False) as catalog:
        shutil.rmtree(catalog.channel("cards").folder)
        assert len(damages([*verify_catalog(data)])) == 1
        assert [finding.subject for finding in rebuild_catalog(data)] == ["cards"]
        assert len(catalog.channels()) == 1
    assert damages([*verify_catalog(data)]) == []


def test_a_copy_of_a_channel_does_not_take_its_name(data: Path) -> None:
    with Catalog.open(data, create=False) as catalog:
        record = catalog.channel("cards")
    shutil.copytree(record.folder, record.folder.with_name("a-copy"))
    [finding] = damages([*rebuild_catalog(data)])
    assert "second channel named 'cards'" in finding.message
    with Catalog.open(data, create=False) as catalog:
        assert catalog.channel("cards") == record


def test_a_channel_that_was_half_removed_is_swept(data: Path) -> None:
    with Catalog.open(data, create=False) as catalog:
        record = catalog.channel("cards")
        record.folder.rename(catalog.channels_dir / "removed-0011223344556677")
        [*rebuild_catalog(data)]
        assert [path.name for path in catalog.channels_dir.iterdir()] == [catalog.channels()[0].folder.name]


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises((DataDamaged, StorageNotWritable)):
        Catalog.open(tmp_path / "data", create=True)
    with Catalog.open(tmp_path / "data", create=False) as catalog:
        assert catalog.channels() == []


def test_who_reads_a_channel_that_is_removed_is_told_so(data: Path) -> None:
    with (
        Catalog.open(data, create=False) as catalog,
        ChannelStore.open(catalog.channel("cards").folder) as store,
        store.read() as snapshot,
    ):
        catalog.remove_channel("cards")
        with pytest.raises(ChannelNotFound, match="was removed"):
            snapshot.info()


def test_a_row_of_another_kind_than_was_ever_stored_is_damage(tmp_path: Path) -> None:
    """As pages that were exchanged leave it; no bug of arcli's."""
    with Catalog.open(tmp_path, create=True) as catalog:
        catalog.create_channel("a", ChannelSettings(), 1)
    with Accounts(tmp_path) as accounts:
        accounts.add_account(username="shop")
        accounts.grant(username="shop", channel="a", scope=Scope.FIND)
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(replace(sql, 'NOT NULL', ''), 'STRICT,', '')"
        )
        connection.commit()
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        connection.execute("UPDATE channels SET created = NULL")
        connection.execute("UPDATE grants SET scope = 'everything'")
        connection.commit()
    with Catalog.open(tmp_path, create=False) as catalog, pytest.raises(DataDamaged, match="'a'"):
        catalog.channels()
    with Accounts(tmp_path) as accounts, pytest.raises(DataDamaged, match="'shop'"):
        accounts.accounts()
