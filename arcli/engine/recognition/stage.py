"""One stage of the recipe: one view of the photo, one shortlist, rounds of verification.

features → index.search → votes → shortlist → load features → verify → score → accept (per target) → sisters →
more targets in the same photo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import islice, zip_longest

from arcli.engine.recognition.rivals import beside, is_fold, ranked
from arcli.engine.recognition.verification import Entry, Examined, PhotoView, Shelf, Sighting, Vote
from arcli.features import Features
from arcli.models import FindOptions
from arcli.vision.geometry import inside


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizeOptions:
    """What can be tuned in the recipe, with where it was measured."""

    shortlist: int = 30  # 20..60; recognition.md, step 3
    shortlist_many: int = 60  # several targets in a photo: recognition.md, step 7
    crowd: int = 3  # targets found from which a photo is looked through again, for more of them
    shortlist_crowd: int = 100  # the same then (docs/recognition.md, step 11)
    per_extra_channel: int = 10  # the shortlist grows by this for each channel beyond the first
    min_keypoints: int = 8  # a photo with fewer has next to nothing to match
    certain_inliers: int = 30  # chance ends at about 12 (recognition.md, step 5)
    likely_inliers: int = 15  # as certain as that, when the target's place also looks like it:
    likely_likeness: float = 0.5  # chosen on the photos of docs/recognition.md
    rival_votes: float = 0.5  # a candidate with this share of the best's votes may be its sister
    # Relatives of an answer: at most so many that get this share of the votes of its strongest keypoints
    # (docs/recognition.md, look-alikes).
    kin: int = 40
    kin_voters: int = 32
    kin_votes: float = 0.2
    # Tried before later steps: of 380 right targets none was beyond rank 8 at 400 px (docs/recognition.md).
    first_candidates: int = 15
    aside_candidates: int = 6  # the same, in a view from the side
    second_looks: int = 3  # from the front, at most, where nothing is accepted
    # Of a photo that one resolution is enough for: at 400 px 99.0 % of 407 are in the shortlist.
    small_voters: int = 400


def is_certain(sighting: Sighting, tuning: RecognizeOptions) -> bool:
    """Say whether looking further cannot change the answer."""
    if sighting.reason is not None or sighting.ambiguous:
        return False
    likely = sighting.inliers >= tuning.likely_inliers and (sighting.likeness or 0) >= tuning.likely_likeness
    return likely or sighting.inliers >= tuning.certain_inliers


class Search:
    """One stage of the cascade: one extraction, one shortlist, rounds of verification."""

    def __init__(
        self, view: PhotoView, shelves: Sequence[Shelf], options: FindOptions, tuning: RecognizeOptions
    ) -> None:
        self._view, self._shelves = view, shelves
        self._options, self._tuning = options, tuning
        self.num_keypoints = len(view.query)
        self._log_odds, self._look_again = cache(view.log_odds), cache(view.look_again)

    def run(self, candidates: int | None) -> list[Sighting]:
        """Accept the best, look again at the keypoints outside its quad, until nothing is accepted.

        candidates: how many are tried, None for all of the shortlist.
        """
        if self.num_keypoints < self._tuning.min_keypoints:
            return []
        entries, query = self._entries(candidates), self._view.query
        accepted: list[Examined] = []
        rivals: list[Sighting] = []
        while True:
            examined = list(self._verify(query, entries))
            found = self._without_doubts(examined)
            kin = self._relatives(found, {(one.entry.shelf.channel, one.entry.row_id) for one in examined})
            if kin:
                examined += [self._view.examine(query, entry) for entry in kin]
                found = self._without_doubts(examined)
            if not found or found[0].sighting.reason is not None:
                return [one.sighting for one in accepted] + rivals + [one.sighting for one in found]
            best = self._placed(found[0], query)
            if not any(is_fold(best, other) for other in accepted):
                accepted.append(best)
            if len(accepted) == self._options.limit or best.quad is None:
                passed = [_passed_over(one.sighting) for one in found[1:]]
                return [one.sighting for one in accepted] + rivals + passed
            if best.sighting.ambiguous:
                rivals += [one.sighting for one in found if one.sighting.reason == "rival"]
            query, entries = _unexplained(query, best, found), _hopeful(examined)

    def _without_doubts(self, examined: list[Examined]) -> list[Examined]:
        """Rank candidates. What would be answered is looked at from the front where it is doubtful; where
        nothing would be, a few of the best are."""
        looks = self._tuning.second_looks
        while True:
            found = ranked(examined, self._log_odds)
            answered = bool(found) and found[0].sighting.reason is None
            unsure = next((one.entry for one in found[: 1 if answered else looks] if one.doubtful), None)
            if unsure is None:
                return found
            looks -= not answered
            examined = [self._look_again(one) if one.entry is unsure else one for one in examined]

    def _relatives(self, found: Sequence[Examined], known: Set[tuple[str, int]]) -> list[Entry]:
        """Return what shares much with the answer and was not tried: a family divides the votes of a photo,
        so the right one of it may be far down the shortlist, or below its end. The photo's votes for them are
        not known and said to be 0."""
        if not found or found[0].sighting.reason is not None:
            return []
        query = found[0].entry.features.head(self._tuning.kin_voters)
        least = self._tuning.kin_votes * len(query)
        chosen = [
            (shelf, vote)
            for shelf in self._shelves
            for vote in shelf.relatives(query, self._tuning.kin)
            if vote.votes >= least and (shelf.channel, vote.row_id) not in known
        ]
        return [replace(entry, votes=0.0) for entry in self._load(chosen)]

    def _placed(self, winner: Examined, query: Features) -> Examined:
        """Return the winner with its exact quad: only what is answered is worth the time."""
        exact = self._view.exact(query, winner)
        if exact is None:
            return winner
        return replace(winner, sighting=replace(winner.sighting, quad=exact[0]), quad=exact[1])

    def _entries(self, candidates: int | None) -> list[Entry]:
        """Return the part of the shortlist that is tried; all of it when candidates are to be listed."""
        if candidates is None or self._options.candidates:
            return self._shortlist
        extra = self._tuning.per_extra_channel * (len(self._shelves) - 1)
        return self._shortlist[: candidates + extra]

    @cached_property
    def _shortlist(self) -> list[Entry]:
        """Return the most voted targets of all channels, the channels taking turns by rank."""
        tuning = self._tuning
        each = tuning.shortlist if self._options.limit == 1 else tuning.shortlist_many
        query = self._view.voters
        ranked_votes = [[(shelf, vote) for vote in shelf.shortlist(query, each)] for shelf in self._shelves]
        turns = (pair for turn in zip_longest(*ranked_votes) for pair in turn if pair is not None)
        chosen = list(islice(turns, each + tuning.per_extra_channel * (len(self._shelves) - 1)))
        return list(self._load(chosen))

    def _load(self, chosen: list[tuple[Shelf, Vote]]) -> Iterator[Entry]:
        loaded = [
            shelf.features([vote.row_id for of, vote in chosen if of is shelf]) for shelf in self._shelves
        ]
        by_channel = dict(zip((shelf.channel for shelf in self._shelves), loaded, strict=True))
        for shelf, vote in chosen:
            features = by_channel[shelf.channel].get(vote.row_id)
            if features is not None:
                threshold = shelf.threshold(vote.row_id, self._options.threshold)
                yield Entry(shelf, vote.row_id, vote.votes, features, threshold)

    def _verify(self, query: Features, entries: list[Entry]) -> Iterator[Examined]:
        """Verify in the order of votes; stop early when the answer is certain and no rival is near."""
        enough = 0.0
        for entry in entries:
            if entry.votes < enough:
                return
            examined = self._view.examine(query, entry)
            certain = self._may_stop and is_certain(examined.sighting, self._tuning)
            if certain and examined.doubtful:
                examined = self._look_again(examined)
                certain = is_certain(examined.sighting, self._tuning)
            yield examined
            if certain:
                enough = max(enough, entry.votes * self._tuning.rival_votes)

    @property
    def _may_stop(self) -> bool:
        return self._options.limit == 1 and not self._options.candidates


def _hopeful(examined: Sequence[Examined]) -> list[Entry]:
    """Return the entries that may yet be found with fewer keypoints: what had no plane will have none."""
    open_yet = (None, "below_threshold", "implausible_quad")
    return [one.entry for one in examined if one.sighting.reason in open_yet]


def _passed_over(sighting: Sighting) -> Sighting:
    """Mark a candidate that would be accepted, were it not for `limit`."""
    return sighting if sighting.reason is not None else replace(sighting, reason="beyond_limit")


def _unexplained(query: Features, best: Examined, found: Sequence[Examined]) -> Features:
    """Return the query keypoints outside the quad of `best`, and those inside that speak for a target
    beside it: one that covers it, or that it covers, lies in its quad for the greater part."""
    assert best.quad is not None
    kept = ~inside(query.keypoints[:, :2], best.quad)
    for one in found:
        if beside(one, best):
            kept[one.evidence] = True
    kept[best.evidence] = False
    return Features(query.keypoints[kept], query.codes[kept], query.image_size, query.preset)
