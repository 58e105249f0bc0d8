"""A removed target comes back as the same row, and is found, whatever became of the index in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from arcli import files
from arcli.engine import LocalGallery
from arcli.files import FaultPoint
from arcli.models import IndexKind, Picture, TargetChanges
from arcli.store import segments
from arcli.store.channel import ChannelStore
from arcli.store.rows import TargetRow

from .conftest import item, photo_of

NAME, COUNT, ONE = "default", 3, 1
WHO = f"poster{ONE}"


@pytest.fixture(params=[IndexKind.HNSW, IndexKind.IVF])
def kind(request: pytest.FixtureRequest) -> IndexKind:
    if request.param is IndexKind.IVF:
        pytest.importorskip("faiss", reason="the extra `large` is not installed")
    return IndexKind(request.param)


def row(data_dir: Path) -> TargetRow | None:
    (folder,) = (data_dir / "channels").glob("*/")
    with ChannelStore.open(folder) as store, store.read() as snapshot:
        return snapshot.target(WHO)


def waiting(data_dir: Path) -> tuple[list[int], int]:
    """Return the rows that are searched beside the segments that cover them, and how many are remembered."""
    (folder,) = (data_dir / "channels").glob("*/")
    with ChannelStore.open(folder) as store, store.read() as snapshot:
        return segments.strays(snapshot, segments.live(snapshot)), len(snapshot.restored())


def filled(gallery: LocalGallery, kind: IndexKind) -> None:
    gallery.create_channel(name=NAME)
    gallery.set_channel(name=NAME, changes={"index": kind})
    items = [item(seed) for seed in range(COUNT)]
    assert all(result.error is None for result in gallery.add_many(channel=NAME, items=items))


def found(gallery: LocalGallery) -> list[str]:
    """Return what a photo of the target finds."""
    results = gallery.find(picture=Picture(name="photo", data=photo_of(ONE)), channels=[NAME])
    return [match.identifier for match in results.matches]


def compact(gallery: LocalGallery) -> None:
    gallery.compact(channel=NAME)


def nothing(gallery: LocalGallery) -> None:
    pass


def more(gallery: LocalGallery) -> None:
    gallery.add(channel=NAME, item=item(COUNT))
    gallery.compact(channel=NAME)


@pytest.mark.parametrize(
    ("before", "between", "after"),
    [
        pytest.param(nothing, nothing, compact, id="no segment"),
        pytest.param(compact, nothing, more, id="the segment holds it"),
        pytest.param(compact, compact, more, id="the segment was rewritten"),
        pytest.param(nothing, compact, compact, id="a segment was written"),
    ],
)
def test_it_is_the_same_row_and_is_found(
    gallery: LocalGallery,
    data_dir: Path,
    kind: IndexKind,
    before: Callable[[LocalGallery], None],
    between: Callable[[LocalGallery], None],
    after: Callable[[LocalGallery], None],
) -> None:
    filled(gallery, kind)
    gallery.update(channel=NAME, identifier=WHO, changes=TargetChanges(metadata="{}", matchratio=0.3))
    before(gallery)
    was = row(data_dir)
    kept = gallery.take_out(channel=NAME, identifier=WHO)
    assert found(gallery) == []
    between(gallery)
    assert found(gallery) == []
    gallery.put_back(channel=NAME, kept=kept)
    assert row(data_dir) == was
    assert found(gallery) == [WHO]
    after(gallery)
    assert found(gallery) == [WHO]
    assert waiting(data_dir) == ([], 0), "the segment that was written then holds it"
    gallery.take_out(channel=NAME, identifier=WHO)
    assert found(gallery) == []


@contextmanager
def once_read(act: Callable[[], object]) -> Iterator[None]:
    """Act when an index that is being built has read the store and is not published yet."""
    done: list[None] = []

    def watcher(point: FaultPoint) -> None:
        if point is FaultPoint.RENAMED and not done:
            done.append(None)
            act()

    files.watch(watcher)
    try:
        yield
    finally:
        files._watchers.remove(watcher)


def test_what_comes_back_while_an_index_is_built_is_in_no_gap(gallery: LocalGallery, data_dir: Path) -> None:
    """The segment covers its row id, but was read from the store before the target came back."""
    filled(gallery, IndexKind.HNSW)
    kept = gallery.take_out(channel=NAME, identifier=WHO)
    with once_read(lambda: gallery.put_back(channel=NAME, kept=kept)):
        compact(gallery)
    (stray,), _ = waiting(data_dir)
    assert found(gallery) == [WHO]
    compact(gallery)
    assert waiting(data_dir) == ([], 0)
    assert found(gallery) == [WHO]
    now = row(data_dir)
    assert now is not None
    assert now.row_id == stray


def test_what_goes_and_comes_back_while_an_index_is_built_is_searched_once(
    gallery: LocalGallery, data_dir: Path
) -> None:
    """The new segment may or may not hold it: the store's own copy is searched, until the next one."""
    filled(gallery, IndexKind.HNSW)
    compact(gallery)
    gallery.add(channel=NAME, item=item(COUNT))

    def there_and_back() -> None:
        gallery.put_back(channel=NAME, kept=gallery.take_out(channel=NAME, identifier=WHO))

    with once_read(there_and_back):
        compact(gallery)
    assert found(gallery) == [WHO]
    assert len(waiting(data_dir)[0]) == 1
    compact(gallery)
    assert waiting(data_dir) == ([], 0)
    assert found(gallery) == [WHO]


def test_a_copy_of_the_channel_keeps_what_came_back(gallery: LocalGallery) -> None:
    filled(gallery, IndexKind.HNSW)
    compact(gallery)
    kept = gallery.take_out(channel=NAME, identifier=WHO)
    compact(gallery)
    gallery.put_back(channel=NAME, kept=kept)
    gallery.copy_channel(name=NAME, new="copy")
    results = gallery.find(picture=Picture(name="photo", data=photo_of(ONE)), channels=["copy"])
    assert [match.identifier for match in results.matches] == [WHO]
