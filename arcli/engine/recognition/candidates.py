"""What is searched and what is found: a channel as the recipe sees it, its targets, candidates."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.models import Quad
from arcli.vision.codes.search import Code, find_codes, may_hold_code
from arcli.vision.drawing.thumbnail import thumbnail_pixels
from arcli.vision.geometry import pixel_size, scaling
from arcli.vision.matching.verify import Verification
from arcli.vision.scoring.appearance import Appearance

T = TypeVar("T")
Points = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]
RowVotes = tuple[int, float]
"""The row id of a target and the sum of the votes it got: an entry of a shortlist."""
Loaded = tuple[Features, float, bytes | None]
"""What is stored of a target: its features, the lowest score that counts as found, its thumbnail (JPEG)."""
Codes = tuple[Code, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOptions:
    """targets (100 to 10,000): of which something is remembered. Searching a picture for codes takes 15 to 60
    ms, the index for relatives 2 ms, in a million targets 8, in a cluster 20 and more.
    """

    targets: int = 500


class Known(Generic[T]):
    """What was found out about targets of a channel, of those that were asked for last. Threads may share
    it."""

    def __init__(self, options: KnownOptions = KnownOptions()) -> None:
        self._options, self._guard = options, threading.Lock()
        self._found: OrderedDict[Hashable, T] = OrderedDict()

    def of(self, target: Hashable, search: Callable[[], T]) -> T:
        """Return what is known of `target`; `search` is called if nothing is."""
        with self._guard:
            if target in self._found:
                self._found.move_to_end(target)
                return self._found[target]
        found = search()  # without the lock: it takes tens of ms
        with self._guard:
            self._found[target] = found
            while len(self._found) > self._options.targets:
                self._found.popitem(last=False)
        return found


class SearchedChannel(Protocol):
    """One channel as one read transaction sees it."""

    @property
    def name(self) -> str: ...

    def shortlist(self, query: Features, limit: int) -> Sequence[RowVotes]:
        """Return the targets with the most votes, best first."""
        ...

    def relatives(self, voters: Features, most: int) -> Sequence[RowVotes]:
        """Return the targets with the most votes of keypoints of a target, of which each votes for up to
        `most`. The answer may be kept until the channel changes.
        """
        ...

    def load(self, row_ids: Sequence[int], asked: float | None) -> dict[int, Loaded]:
        """Return those of `row_ids` that exist and whose features can be decoded.

        The lowest score that counts is the target's matchratio, else `asked`, else the channel's threshold.
        """
        ...

    def picture(self, row_id: int) -> bytes | None:
        """Return a target's picture, None if the channel keeps none."""
        ...

    def codes(self, row_id: int, search: Callable[[], Codes]) -> Codes:
        """Return what `search` finds: the QR and bar codes of a target. They may be kept for later."""
        ...


@dataclass(frozen=True, eq=False)
class GalleryTarget:
    """A target that was loaded to be verified. votes: from the photo, 0 if it was not in the shortlist."""

    channel: SearchedChannel
    row_id: int
    votes: float
    features: Features
    threshold: float
    stored_thumbnail: bytes | None

    @property
    def key(self) -> tuple[str, int]:
        """What identifies it among the targets of all channels."""
        return self.channel.name, self.row_id

    @cached_property
    def thumbnail(self) -> Pixels | None:
        """Its stored thumbnail, (h, w, 3) BGR; None if there is none, or it is damaged."""
        return thumbnail_pixels(self.stored_thumbnail) if self.stored_thumbnail else None

    @cached_property
    def codes(self) -> Codes:
        """The QR and bar codes in it, in pixels of its features' size."""
        return self.channel.codes(self.row_id, self._search_codes)

    @cached_property
    def kept(self) -> Pixels | None:
        """The picture that the channel keeps, (H, W, 3) BGR; None if it keeps none, or it is damaged."""
        stored = self.channel.picture(self.row_id)
        return thumbnail_pixels(stored) if stored else None

    def _search_codes(self) -> Codes:
        if self.thumbnail is None or not may_hold_code(self.thumbnail):
            return ()
        pixels = self.thumbnail if self.kept is None else self.kept
        to_features = scaling(pixel_size(pixels), self.features.image_size)
        return tuple(code.moved(to_features) for code in find_codes(pixels))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VerifiedCandidate:
    """A target after verification against a photo.

    quad: in pixels of the displayed photo. appearance: its place in the photo compared with its thumbnail;
    None if they were not compared. reason: why it is not accepted; None: it is. borderline: a rectified
    view could decide, but none was taken. ambiguous: the photo may show a look-alike instead.
    """

    target: GalleryTarget
    verification: Verification
    appearance: Appearance | None
    score: float
    reason: str | None
    quad: Quad | None
    borderline: bool = False
    ambiguous: bool = False

    @property
    def votes(self) -> float:
        return self.target.votes

    @property
    def inliers(self) -> int:
        """How many keypoints at distinct places agree on its position."""
        return self.verification.num_inliers

    @property
    def likeness(self) -> float | None:
        """Mean correlation with the target's thumbnail, -1 to 1; None if it was not compared."""
        return self.appearance.correlation if self.appearance else None

    @property
    def place(self) -> Points | None:
        """Its quad, (4, 2) in pixels of the view that was searched."""
        return self.verification.quad

    @property
    def evidence(self) -> npt.NDArray[np.intp]:
        """The keypoints of the query that are its inliers, as indices."""
        return self.verification.matches.query[self.verification.inliers]
