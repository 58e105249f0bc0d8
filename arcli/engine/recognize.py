"""The recipe that says which targets a photo shows.

features → index.search → votes → shortlist → load features → verify → score → accept (per target) →
more targets in the same photo. Climbs a cascade of query resolutions until something is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from typing import Protocol

import numpy as np
import numpy.typing as npt

from arcli.errors import TooFewFeatures
from arcli.features import Features
from arcli.models import FindOptions, Quad
from arcli.vision.decode import Decoded
from arcli.vision.extract import extract
from arcli.vision.geometry import inside, scale_points
from arcli.vision.options import CASCADE, ExtractOptions
from arcli.vision.score import score
from arcli.vision.verify import verify


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizeOptions:
    """What can be tuned in the recipe, with where it was measured."""

    shortlist: int = 30  # 20..60; recognition.md, step 3
    shortlist_many: int = 60  # several targets in a photo: recognition.md, step 7
    per_extra_channel: int = 10  # the shortlist grows by this for each channel beyond the first
    min_keypoints: int = 8  # a photo with fewer cannot reach the inliers that acceptance takes
    certain_inliers: int = 30  # chance ends at about 12 (recognition.md, step 5)
    rival_votes: float = 0.5  # a candidate with this share of the best's votes may be its sister


class Vote(Protocol):
    """One entry of a shortlist."""

    @property
    def row_id(self) -> int: ...
    @property
    def votes(self) -> float: ...


class Shelf(Protocol):
    """One channel as one read transaction sees it."""

    @property
    def channel(self) -> str: ...

    def shortlist(self, query: Features, limit: int) -> Sequence[Vote]:
        """Return the targets with the most votes, best first."""
        ...

    def features(self, row_ids: Sequence[int]) -> dict[int, Features]: ...

    def threshold(self, row_id: int, asked: float | None) -> float:
        """Return the lowest score that counts: the target's matchratio, else `asked`, else the channel's."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A candidate after verification. `quad` in pixels of the displayed photo; `reason` None: accepted."""

    shelf: Shelf
    row_id: int
    votes: float
    score: float
    inliers: int
    quad: Quad | None
    threshold: float
    reason: str | None


def recognize(
    photo: Decoded,
    shelves: Sequence[Shelf],
    options: FindOptions,
    tuning: RecognizeOptions = RecognizeOptions(),
) -> list[Sighting]:
    """Return every candidate that was verified, accepted ones first in the order they were accepted.

    Raises TooFewFeatures when the photo has next to no keypoints at any resolution.
    """
    richest = 0
    sightings: list[Sighting] = []
    for stage in stages(options):
        search = _Search(photo, shelves, stage, options, tuning)
        richest = max(richest, search.num_keypoints)
        sightings = search.run() or sightings
        if any(sighting.reason is None for sighting in sightings):
            break
    if richest < tuning.min_keypoints:
        raise TooFewFeatures(
            f"the photo has too few features ({richest} keypoints)",
            hint="a sharper, brighter or closer photo has more",
        )
    return sightings


def stages(options: FindOptions) -> Sequence[ExtractOptions]:
    """Return the query resolutions to try in turn; several targets take the richest at once."""
    cascade = CASCADE[options.effort]
    return cascade if options.limit == 1 else cascade[-1:]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A shortlisted target with its features."""

    shelf: Shelf
    row_id: int
    votes: float
    features: Features
    threshold: float


class _Search:
    """One stage of the cascade: one extraction, one shortlist, rounds of verification."""

    def __init__(
        self,
        photo: Decoded,
        shelves: Sequence[Shelf],
        stage: ExtractOptions,
        options: FindOptions,
        tuning: RecognizeOptions,
    ) -> None:
        self._photo, self._shelves = photo, shelves
        self._options, self._tuning = options, tuning
        self._query = extract(photo.pixels, max_side=stage.max_side, max_keypoints=stage.max_keypoints)
        self.num_keypoints = len(self._query)

    def run(self) -> list[Sighting]:
        """Accept the best, look again at the keypoints outside its quad, until nothing is accepted."""
        if self.num_keypoints < self._tuning.min_keypoints:
            return []
        entries = self._shortlist()
        query = self._query
        accepted: list[Sighting] = []
        while True:
            found = sorted(self._verify(query, entries), key=_rank)
            if not found or found[0][0].reason is not None:
                return accepted + [sighting for sighting, _ in found]
            best, quad = found[0]
            accepted.append(best)
            if len(accepted) == self._options.limit or quad is None:
                return accepted + [_passed_over(sighting) for sighting, _ in found[1:]]
            query = _outside(query, quad)

    def _shortlist(self) -> list[_Entry]:
        """Return the most voted targets of all channels, the channels taking turns by rank."""
        tuning = self._tuning
        each = tuning.shortlist if self._options.limit == 1 else tuning.shortlist_many
        ranked = [[(shelf, vote) for vote in shelf.shortlist(self._query, each)] for shelf in self._shelves]
        turns = (pair for turn in zip_longest(*ranked) for pair in turn if pair is not None)
        chosen = list(islice(turns, each + tuning.per_extra_channel * (len(self._shelves) - 1)))
        return list(self._load(chosen))

    def _load(self, chosen: list[tuple[Shelf, Vote]]) -> Iterator[_Entry]:
        loaded = [
            shelf.features([vote.row_id for of, vote in chosen if of is shelf]) for shelf in self._shelves
        ]
        by_channel = dict(zip((shelf.channel for shelf in self._shelves), loaded, strict=True))
        for shelf, vote in chosen:
            features = by_channel[shelf.channel].get(vote.row_id)
            if features is not None:
                threshold = shelf.threshold(vote.row_id, self._options.threshold)
                yield _Entry(shelf, vote.row_id, vote.votes, features, threshold)

    def _verify(self, query: Features, entries: list[_Entry]) -> Iterator[_Verified]:
        """Verify in the order of votes; stop early when the answer is certain and no rival is near."""
        enough = 0.0
        for entry in entries:
            if entry.votes < enough:
                return
            verified = self._verify_one(query, entry)
            yield verified
            if self._may_stop and self._certain(verified[0]):
                enough = max(enough, entry.votes * self._tuning.rival_votes)

    @property
    def _may_stop(self) -> bool:
        return self._options.limit == 1 and not self._options.candidates

    def _certain(self, sighting: Sighting) -> bool:
        return sighting.reason is None and sighting.inliers >= self._tuning.certain_inliers

    def _verify_one(self, query: Features, entry: _Entry) -> _Verified:
        verification = verify(query, entry.features)
        value = score(verification, entry.features.preset)
        reason = verification.refusal.value if verification.refusal else None
        if reason is None and value < entry.threshold:
            reason = "below_threshold"
        sighting = Sighting(
            shelf=entry.shelf,
            row_id=entry.row_id,
            votes=entry.votes,
            score=value,
            inliers=verification.num_inliers,
            quad=self._displayed(verification.quad),
            threshold=entry.threshold,
            reason=reason,
        )
        return sighting, verification.quad

    def _displayed(self, quad: _Points | None) -> Quad | None:
        """Move a quad from pixels at extraction size to pixels of the displayed photo."""
        if quad is None:
            return None
        moved = scale_points(quad, self._query.image_size, self._photo.size)
        a, b, c, d = ((float(x), float(y)) for x, y in moved)
        return a, b, c, d


_Points = npt.NDArray[np.float64]
_Verified = tuple[Sighting, _Points | None]


def _rank(verified: _Verified) -> tuple[bool, float, int, float, str, int]:
    """Order: accepted first, then by score, inliers, votes; ties by channel and row, for stable answers."""
    sighting = verified[0]
    return (
        sighting.reason is not None,
        -sighting.score,
        -sighting.inliers,
        -sighting.votes,
        sighting.shelf.channel,
        sighting.row_id,
    )


def _passed_over(sighting: Sighting) -> Sighting:
    """Mark a candidate that would be accepted, were it not for `limit`."""
    if sighting.reason is not None:
        return sighting

    return replace(sighting, reason="beyond_limit")


def _outside(query: Features, quad: _Points) -> Features:
    """Return the query keypoints outside a quad."""
    kept = ~inside(query.keypoints[:, :2], quad)
    return Features(query.keypoints[kept], query.codes[kept], query.image_size, query.preset)
