"""A gallery under test and how it may differ from the others: each difference is declared with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from arcli.errors import NotSupported
from arcli.gallery import Gallery
from arcli.models import AddItem, Picture

SAMPLES = Path(__file__).parents[2] / "samples"
CHANNELS = ("default", "posters")


class Difference(StrEnum):
    """What a gallery cannot do, or does differently.

    If a difference is declared, the tests expect exactly that.
    """

    CHANNEL_MUST_EXIST = "add to an unknown channel is refused instead of making the channel"
    REMOVE_ALWAYS_TRUE = "remove cannot tell whether the target was there"
    NO_FIND_OPTIONS = "limit, candidates, threshold, effort and no-count raise NotSupported"
    NO_GEOMETRY = "a match has neither score nor inliers nor quad"
    NO_PICTURE = "picture raises NotSupported"
    NO_STATE = "renaming, clearing and setting inactive raise NotSupported"
    NO_LEVEL_IN_LISTS = "a listing has no levels, and selecting by level raises NotSupported"
    OWN_LEVELS = "levels are measured otherwise than by arcli"
    NO_TIMES = "targets have neither created nor updated"
    NO_DUPLICATES = "check finds no duplicates"
    NO_WEAK_PHOTOS = "a photo from afar and out of focus is not found, and no photo has the best score"
    NO_CHANNEL_ADMIN = "making, renaming and copying channels raise NotSupported"
    NO_MISSES = "counting photos that matched nothing raises NotSupported"


@dataclass(frozen=True)
class Harness:
    """How to open a fresh gallery in a folder: `CHANNELS` are there, and empty."""

    open: Callable[[Path], AbstractContextManager[Gallery]]
    differences: Mapping[Difference, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """What a test gets: the gallery, and its declared differences."""

    gallery: Gallery
    differences: Mapping[Difference, str]

    def differs(self, difference: Difference) -> bool:
        return difference in self.differences

    @contextmanager
    def unless(self, difference: Difference) -> Iterator[None]:
        """The block succeeds, or raises NotSupported if that is declared."""
        if self.differs(difference):
            with pytest.raises(NotSupported):
                yield
        else:
            yield


def sample(name: str, identifier: str | None = None, **fields: Any) -> AddItem:
    """Return the item that registers `samples/gallery/<name>`; the identifier is the file's stem."""
    path = SAMPLES / "gallery" / name
    return AddItem(picture=Picture.from_path(path), identifier=identifier or path.stem, **fields)


def photo(name: str) -> Picture:
    return Picture.from_path(SAMPLES / "photos" / name)
