"""Pictures made of repeating parts: none is mistaken for another of its kind (`repeated.py` draws them)."""

from collections.abc import Iterator, Sequence

import pytest

from arcli.engine import LocalGallery
from arcli.models import AddItem, AddOptions, FindOptions, FindResult, Picture

from .conftest import encoded
from .repeated import KINDS, photo, variant

IN_GALLERY, STRANGERS = 6, 3  # variants of each kind
SHARED_PARTS = ("dial", "barcode")  # numerals at the same hours, the three marks of a square code


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGallery]:
    items = [
        AddItem(picture=picture(kind, number), identifier=f"{kind}.{number:03}")
        for kind in KINDS
        for number in range(IN_GALLERY)
    ]
    with LocalGallery(tmp_path_factory.mktemp("repeated") / "data") as opened:
        results = opened.add_many(channel="default", items=items, options=AddOptions(jobs=1))
        assert sum(result.error is None for result in results) > 0.9 * len(items)
        yield opened


def picture(kind: str, number: int) -> Picture:
    return Picture(name=f"{kind} {number}", data=encoded(variant(kind, number)))


def found(gallery: LocalGallery, kinds: Sequence[str], numbers: range, threshold: float) -> list[FindResult]:
    photos = [
        Picture(name=f"{kind}.{number:03}", data=encoded(photo(variant(kind, number), number)))
        for kind in kinds
        for number in numbers
    ]
    options = FindOptions(threshold=threshold, count=False)
    return list(gallery.find_many(pictures=photos, channels=None, options=options))


def test_none_is_taken_for_another_of_its_kind(gallery: LocalGallery) -> None:
    """Grids, checkerboards, text, halftone, maps and sheet music."""
    kinds = [kind for kind in KINDS if kind not in SHARED_PARTS]
    results = found(gallery, kinds, range(100, 100 + STRANGERS), threshold=0.5)
    assert [result.image for result in results if result.matches] == []


def test_what_shares_parts_is_not_taken_for_another_at_a_high_threshold(gallery: LocalGallery) -> None:
    strangers = found(gallery, SHARED_PARTS, range(100, 100 + STRANGERS), threshold=0.99)
    assert [result.image for result in strangers if result.matches] == []
    own = found(gallery, ["barcode"], range(3), threshold=0.99)
    assert [[match.identifier for match in result.matches] for result in own] == [
        [result.image] for result in own
    ]


def test_they_are_found_themselves(gallery: LocalGallery) -> None:
    """Text and sheet music; grids and checkerboards are not: each place in them looks like the next."""
    results = found(gallery, ["text", "music"], range(3), threshold=0.5)
    right = [result.image for result in results if [m.identifier for m in result.matches] == [result.image]]
    assert len(right) >= 4
