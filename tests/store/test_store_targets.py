"""A channel's store: what goes in comes out, row ids are never reused, nothing is half written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcli.errors import ChannelNotFound, QuotaExceeded, StorageNotWritable, TargetExists, TargetNotFound
from arcli.models import ChannelSettings, ListQuery, MatchRatio, TargetChanges
from arcli.store.catalog import Catalog
from arcli.store.channel import ChannelStore
from arcli.store.rows import NewTarget


def new_store(folder: Path, quota: int | None = None) -> ChannelStore:
    folder.mkdir(parents=True, exist_ok=True)
    ChannelStore.create(
        folder, name="cards", settings=ChannelSettings(quota=quota), preset=1, created="2026-01-01T00:00:00Z"
    )
    return ChannelStore.open(folder)


def add(store: ChannelStore, *identifiers: str) -> list[int]:
    with store.write() as txn:
        return [txn.insert(NewTarget(identifier=i, features=i.encode())) for i in identifiers]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ChannelStore]:
    with new_store(tmp_path / "c") as opened:
        yield opened


def test_a_target_comes_back_as_it_went_in(store: ChannelStore) -> None:
    new = NewTarget(
        identifier="a.b@c",
        features=b"F",
        metadata='{"n": 1}',
        matchratio="0.50",
        level=4,
        picture_hash="ab" * 32,
        picture=b"P",
        thumbnail=b"T",
    )
    with store.write() as txn:
        row_id = txn.insert(new)
    with store.read() as snapshot:
        row = snapshot.target("a.b@c")
        assert row is not None
        assert (row.row_id, row.channel, row.metadata, row.matchratio) == (
            row_id,
            "cards",
            '{"n": 1}',
            "0.50",
        )
        assert (row.level, row.active, row.picture_hash) == (4, True, "ab" * 32)
        assert row.as_target().identifier == "a.b@c"
        assert snapshot.features([row_id, 99]) == {row_id: b"F"}
        assert (snapshot.picture(row_id), snapshot.thumbnails([row_id])) == (b"P", {row_id: b"T"})
        assert snapshot.rows([row_id, 7]) == {row_id: row}


def test_an_identifier_is_taken_once(store: ChannelStore) -> None:
    add(store, "one")
    with pytest.raises(TargetExists):
        add(store, "two", "one")
    with store.read() as snapshot:
        assert snapshot.count() == 1, "a transaction that raises leaves nothing"
        assert snapshot.target("two") is None


def test_row_ids_are_never_reused(store: ChannelStore) -> None:
    first, second = add(store, "one", "two")
    with store.write() as txn:
        assert txn.remove("two") == second
        assert txn.remove("two") is None
    [third] = add(store, "two")
    with store.write() as txn:
        fourth = txn.replace(NewTarget(identifier="one", features=b"new"))
    assert first < second < third < fourth
    with store.read() as snapshot:
        assert list(snapshot.removed_rows()) == [first, second]
        assert snapshot.live_rows(1, 100) == [third, fourth]
        assert list(snapshot.features_after(second)) == [(third, b"two"), (fourth, b"new")]
        assert list(snapshot.features_after(0, 1)) == [(third, b"two")]
        assert (snapshot.count(), snapshot.last_row()) == (2, fourth)
        assert snapshot.features([first, second]) == {}, "features leave with their row"


def test_dead_rows_are_the_removed_and_the_inactive(store: ChannelStore) -> None:
    first, second, third = add(store, "one", "two", "six")
    with store.read() as snapshot:
        before = snapshot.dead_changes()
    with store.write() as txn:
        txn.remove("one")
        txn.update("two", TargetChanges(active=False))
    with store.read() as snapshot:
        assert sorted(snapshot.dead_rows()) == [first, second]
        assert snapshot.dead_changes() != before
    with store.write() as txn:
        txn.update("two", TargetChanges(active=True))
    with store.read() as snapshot:
        assert list(snapshot.dead_rows()) == [first]
        assert snapshot.live_rows(1, 9) == [second, third]
        assert (snapshot.living(1, 9), snapshot.living(third, third)) == (2, 1)


def test_update_changes_what_is_given_and_leaves_the_rest(store: ChannelStore) -> None:
    add(store, "one", "two")
    with store.write() as txn:
        txn.update("one", TargetChanges(metadata='"m"', matchratio=0.5))
        row = txn.update("one", TargetChanges(rename="uno"))
    assert (row.identifier, row.metadata, row.matchratio, row.active) == ("uno", '"m"', 0.5, True)
    with pytest.raises(TargetExists), store.write() as txn:
        txn.update("uno", TargetChanges(rename="two"))
    with pytest.raises(TargetNotFound), store.write() as txn:
        txn.update("one", TargetChanges(metadata="1"))
    with pytest.raises(TargetNotFound), store.write() as txn:
        txn.replace(NewTarget(identifier="one", features=b""))


def test_the_quota_holds(tmp_path: Path) -> None:
    with new_store(tmp_path / "c", quota=2) as store:
        add(store, "one", "two")
        with pytest.raises(QuotaExceeded):
            add(store, "six")
        with store.write() as txn:
            txn.replace(NewTarget(identifier="one", features=b"x"))


def test_listing_pages_and_filters_by_code_point(store: ChannelStore) -> None:
    add(store, "b_1", "B_1", "a_1", "a_2", "_zz")
    with store.write() as txn:
        txn.update("a_1", TargetChanges(metadata='{"kind": "box", "n": 1, "x": NaN}'))
        txn.update("a_2", TargetChanges(metadata='{"kind": "box", "n": 1.0, "y": null}', active=False))
        txn.update("b_1", TargetChanges(metadata="[1]"))

    def names(**query: object) -> list[str]:
        with store.read() as snapshot:
            return [row.identifier for row in snapshot.list(ListQuery(**query))[1]]  # type: ignore[arg-type]

    assert names() == ["B_1", "_zz", "a_1", "a_2", "b_1"]
    assert names(position=1, limit=2) == ["_zz", "a_1"]
    assert names(prefix="a_") == ["a_1", "a_2"]
    assert names(prefix="\udcff") == []
    assert names(active=False) == ["a_2"]
    assert names(level=3) == []
    assert names(where=(("kind", "box"),)) == ["a_1", "a_2"]
    assert names(where=(("kind", "box"), ("n", "1"))) == ["a_1"]
    assert names(where=(("y", "null"),)) == ["a_2"]
    assert names(where=(("\udcff", "\udcff"),)) == []
    with store.read() as snapshot:
        assert snapshot.list(ListQuery(limit=1))[0] == 5


def test_a_snapshot_does_not_move(store: ChannelStore) -> None:
    add(store, "one")
    with store.read() as snapshot:
        changes = snapshot.changes()
        add(store, "two")
        assert (snapshot.count(), snapshot.changes()) == (1, changes)
        with store.read() as later:
            assert later.count() == 2
            assert later.changes() != changes


def test_a_readonly_store_refuses_to_write(tmp_path: Path) -> None:
    new_store(tmp_path / "c").close()
    with ChannelStore.open(tmp_path / "c", readonly=True) as store, pytest.raises(StorageNotWritable):
        add(store, "one")


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ChannelNotFound):
        ChannelStore.open(tmp_path / "nothing")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    metadata=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    ).map(lambda value: json.dumps(value, ensure_ascii=False)),
    matchratio=st.integers() | st.floats(allow_nan=False) | st.text(),
    identifier=st.from_regex(r"[A-Za-z0-9@_.]{3,50}", fullmatch=True),
)
def test_metadata_and_matchratio_round_trip(
    tmp_path_factory: pytest.TempPathFactory, metadata: str, matchratio: MatchRatio, identifier: str
) -> None:
    with new_store(tmp_path_factory.mktemp("store")) as store:
        with store.write() as txn:
            txn.insert(
                NewTarget(identifier=identifier, features=b"", metadata=metadata, matchratio=matchratio)
            )
        with store.read() as snapshot:
            row = snapshot.target(identifier)
            assert row is not None
            assert (row.identifier, row.metadata, row.matchratio) == (identifier, metadata, matchratio)
            assert type(row.matchratio) is type(matchratio)
            assert snapshot.list(ListQuery(where=(("a", "b"),)))[0] in (0, 1)


def test_a_copied_store_draws_a_new_epoch_when_it_is_written(tmp_path: Path) -> None:
    import shutil

    with new_store(tmp_path / "c") as store:
        add(store, "one")
        with store.read() as snapshot:
            info = snapshot.info()
    assert not info.moved
    shutil.copytree(tmp_path / "c", tmp_path / "copy")
    with ChannelStore.open(tmp_path / "copy") as copy:
        with copy.read() as snapshot:
            assert snapshot.info().moved
            assert snapshot.info().epoch == info.epoch
        add(copy, "two")
        with copy.read() as snapshot:
            assert not snapshot.info().moved
            assert snapshot.info().epoch != info.epoch
            assert snapshot.info().store_id == info.store_id


def test_catalog_knows_its_channels(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "data", create=True) as catalog:
        catalog.create_channel("b", ChannelSettings(), 1)
        record = catalog.create_channel("a", ChannelSettings(quota=3), 1)
        assert [c.name for c in catalog.channels()] == ["a", "b"]
        assert catalog.channel("a") == record
