"""The search of one view of a photo: one shortlist, rounds of verification, one target found per round.

shortlist → load features → verify → score → relatives → rivals → place; the next round uses the keypoints
that the found target does not explain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from itertools import islice, zip_longest

import numpy as np
import numpy.typing as npt

from arcli.engine.recognition.candidates import GalleryTarget, RowVotes, SearchedChannel, VerifiedCandidate
from arcli.engine.recognition.photo_view import PhotoView
from arcli.engine.recognition.rivals import OPTIONS as RIVALS
from arcli.engine.recognition.rivals import beside, by_score, is_fold, ranked, same_place
from arcli.engine.recognition.verification import (
    checked,
    placed,
    rival_log_odds,
    settled,
    unplaced_log_odds,
    verified,
)
from arcli.features import Features
from arcli.models import FindOptions
from arcli.vision.geometry import area, inside
from arcli.vision.matching.match import Matches

Voted = tuple[SearchedChannel, RowVotes]
Key = tuple[str, int]  # of a target, as GalleryTarget.key


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizeOptions:
    """What can be tuned in the recipe; measured in docs/appendix/recognition.md unless another place is
    named.

    shortlist: targets taken from one view (20 to 60); shortlist_many: when several targets in a photo are
    wanted (40 to 100). crowd: when so many targets are found, the photo is searched again for more (2 to 6),
    with a shortlist of shortlist_crowd (60 to 200). per_extra_channel: how much a shortlist grows for each
    channel beyond the first (5 to 30). min_keypoints: a photo with fewer has hardly anything to match (4 to
    20). certain_inliers: with so many, looking further changes nothing (20 to 60); chance reaches about 12.
    likely_inliers (10 to 30) together with likely_likeness (.3 to .8) are as certain. rival_votes: a
    candidate with this share of the votes of a certain one may be a look-alike of it (.2 to .8). relatives:
    how many targets at most are tried in addition to an answer (10 to 100), because they get the share
    relative_votes (.1 to .5) of the votes of its relative_voters strongest keypoints (16 to 100).
    first_candidates: how many are tried before later steps (10 to 30): of 380 right targets none was beyond
    rank 8 at 400 px. side_candidates: the same in a view from the side (4 to 15). rectified_views: how many
    are taken at most where nothing is accepted (1 to 6). small_voters: how many keypoints of a photo vote
    where one resolution is enough (250 to 500): at 400 px 99.0 % of 407 are in the shortlist. fills: a
    certain target that takes this share of the photo ends the search (.2 to .8). likely: how many of a
    shortlist are verified without a glance first (0 to 5): 95 % of right targets are its first.
    """

    shortlist: int = 30
    shortlist_many: int = 60
    crowd: int = 3
    shortlist_crowd: int = 100
    per_extra_channel: int = 10
    min_keypoints: int = 8
    certain_inliers: int = 30
    likely_inliers: int = 15
    likely_likeness: float = 0.5
    rival_votes: float = 0.5
    relatives: int = 40
    relative_voters: int = 32
    relative_votes: float = 0.2
    first_candidates: int = 15
    side_candidates: int = 6
    rectified_views: int = 3
    small_voters: int = 400
    fills: float = 0.4
    likely: int = 1


def is_certain(candidate: VerifiedCandidate, tuning: RecognizeOptions) -> bool:
    """Say whether looking further cannot change the answer."""
    if candidate.reason is not None or candidate.ambiguous:
        return False
    alike = (candidate.likeness or 0) >= tuning.likely_likeness
    return candidate.inliers >= (tuning.likely_inliers if alike else tuning.certain_inliers)


class ViewSearch:
    """One view of the cascade: one extraction, one shortlist, rounds of verification."""

    def __init__(
        self,
        view: PhotoView,
        channels: Sequence[SearchedChannel],
        options: FindOptions,
        tuning: RecognizeOptions,
    ) -> None:
        self._view, self._channels = view, channels
        self._options, self._tuning = options, tuning
        self.num_keypoints = len(view.query)
        self._log_odds = cache(partial(rival_log_odds, view))
        self._unplaced = cache(partial(unplaced_log_odds, view))
        self._settled = cache(partial(settled, view))
        self._placed = cache(partial(placed, view))
        self._checked = cache(self._check)
        self._known: dict[Key, VerifiedCandidate] = {}
        self._matches: dict[Key, Matches] = {}

    def run(self, candidates: int | None) -> list[VerifiedCandidate]:
        """Accept the best, search again with the keypoints outside its place, until nothing is accepted.

        candidates: how many are tried, None for all of the shortlist. Accepted ones come first.
        """
        if self.num_keypoints < self._tuning.min_keypoints:
            return []
        targets, query = self._targets(candidates), self._view.query
        accepted: list[VerifiedCandidate] = []
        rivals: list[VerifiedCandidate] = []
        while True:
            found = self._round(query, targets)
            if not found or found[0].reason is not None:
                return accepted + rivals + found
            best = self._placed(query, found[0])
            if not any(is_fold(best, other) for other in accepted):
                accepted.append(best)
            if len(accepted) == self._options.limit or best.place is None:
                return accepted + rivals + [_passed_over(one) for one in found[1:]]
            if best.ambiguous:
                rivals += [one for one in found if one.reason == "rival"]
            kept = _unexplained(query, best, found)
            query, targets = query.only(kept), _hopeful(found)
            self._keep(kept)

    def others(self, found: Sequence[VerifiedCandidate]) -> list[VerifiedCandidate]:
        """Return the rest of the shortlist, verified, to be listed after `found`, an outcome of `run`."""
        known = {one.target.key for one in found}
        accepted = [one for one in found if one.reason is None]
        rest = [
            verified(self._view, self._view.query, target)
            for target in self._load([entry for entry in self._shortlist if _key(entry) not in known])
        ]
        rest.sort(key=by_score)
        return [_not_answered(one, accepted, self._options.limit) for one in rest]

    def _round(self, query: Features, targets: Sequence[GalleryTarget]) -> list[VerifiedCandidate]:
        """Return the targets, and the relatives of what would be the answer, verified and ranked."""
        tried = list(self._verify(query, targets))
        found = self._ranked(query, tried)
        relatives = self._relatives(found)
        if relatives:
            more = [self._verified(query, target) for target in relatives]
            found = self._ranked(query, tried + more)
        return self._compared_with_unplaced(found)

    def _compared_with_unplaced(self, found: list[VerifiedCandidate]) -> list[VerifiedCandidate]:
        """Make a weak answer ambiguous if the photo may as well show a look-alike of it that was refused:
        with so few inliers, which of them reaches its threshold is chance."""
        best = found[0] if found else None
        if best is None or best.reason or best.ambiguous or best.inliers >= self._tuning.likely_inliers:
            return found
        for other in found[1:]:
            ahead = None if other.reason == "rival" else self._unplaced(best, other.target)
            if ahead is not None and ahead < RIVALS.sure:
                return [replace(best, ambiguous=True), *found[1:]]
        return found

    def _verify(self, query: Features, targets: Sequence[GalleryTarget]) -> Iterator[VerifiedCandidate]:
        """Verify in the order of votes; stop early when the answer is certain and no rival is near.

        A certain target that is small in the photo does not end the search: one that fills the photo may have
        fewer votes, because look-alikes share them.
        """
        enough, first = 0.0, self._tuning.first_candidates
        small = False
        for number, target in enumerate(targets):
            if target.votes < enough and not (small and number < first):
                return
            unlikely = self._may_stop and number >= self._tuning.likely
            one = self._verified(query, target, glance=unlikely)
            certain = self._may_stop and is_certain(one, self._tuning)
            if certain and one.borderline:
                one = self._settled(one)
                certain = is_certain(one, self._tuning)
            if certain:
                one = self._checked(query, one)
                certain = is_certain(one, self._tuning)
            yield one
            if certain:
                enough = max(enough, target.votes * self._tuning.rival_votes)
                small = self._share(one) < self._tuning.fills

    def _verified(self, query: Features, target: GalleryTarget, *, glance: bool = False) -> VerifiedCandidate:
        """Verify a target against `query`, unless an earlier round did and nothing has changed for it."""
        key = target.key
        if key not in self._known:
            matches = self._matches.get(key)
            self._known[key] = verified(self._view, query, target, glance=glance, matches=matches)
        return self._known[key]

    def _keep(self, kept: npt.NDArray[np.bool_]) -> None:
        """Go on with the (N,) `kept` keypoints of the query: what is known of targets that lie elsewhere
        holds as it is, and no target is matched again."""
        known, self._known = self._known, {}
        before = self._matches | {key: one.verification.matches for key, one in known.items()}
        self._matches = {key: matches.among(kept) for key, matches in before.items()}
        for key, one in known.items():
            same = one.verification.among(kept, self._matches[key])
            if same is not None:
                self._known[key] = replace(one, verification=same)

    def _check(self, query: Features, one: VerifiedCandidate) -> VerifiedCandidate:
        return checked(self._view, one, partial(self._placed, query, one))

    def _ranked(self, query: Features, tried: list[VerifiedCandidate]) -> list[VerifiedCandidate]:
        """Rank candidates. What would be the answer is settled by its rectified view if it is borderline, and
        has its codes checked; if there is no answer, a few of the best are settled."""
        views = self._tuning.rectified_views
        while True:
            found = ranked(tried, self._log_odds)
            answered = bool(found) and found[0].reason is None
            unsure = next((one.target for one in found[: 1 if answered else views] if one.borderline), None)
            if unsure is None and answered:
                best = self._checked(query, found[0])
                if best.reason is None:
                    return [best, *found[1:]]
                tried = [best if one.target is best.target else one for one in tried]
                continue
            if unsure is None:
                return found
            views -= not answered
            tried = [self._settled(one) if one.target is unsure else one for one in tried]

    def _relatives(self, found: Sequence[VerifiedCandidate]) -> list[GalleryTarget]:
        """Return targets that share much with the answer and were not tried: look-alikes divide the votes of
        a photo, so the right one may be far down the shortlist, or beyond its end. As many neighbours vote
        as targets are wanted, so that there is room for a large family. The photo's votes for them are not
        known and are set to 0."""
        if not found or found[0].reason is not None:
            return []
        tried = {one.target.key for one in found}
        voters = found[0].target.features.head(self._tuning.relative_voters)
        least, most = self._tuning.relative_votes * len(voters), self._tuning.relatives
        chosen = [
            (channel, (row_id, 0.0))
            for channel in self._channels
            for row_id, votes in channel.relatives(voters, most)
            if votes >= least and (channel.name, row_id) not in tried
        ]
        return list(self._load(chosen))

    def _targets(self, candidates: int | None) -> list[GalleryTarget]:
        """Load the part of the shortlist that is tried."""
        if candidates is None:
            return list(self._load(self._shortlist))
        extra = self._tuning.per_extra_channel * (len(self._channels) - 1)
        return list(self._load(self._shortlist[: candidates + extra]))

    @cached_property
    def _shortlist(self) -> list[Voted]:
        """Return the targets with the most votes, interleaving the channels by rank."""
        tuning = self._tuning
        each = tuning.shortlist if self._options.limit == 1 else tuning.shortlist_many
        query = self._view.voters
        voted = [[(channel, entry) for entry in channel.shortlist(query, each)] for channel in self._channels]
        turns = (pair for turn in zip_longest(*voted) for pair in turn if pair is not None)
        return list(islice(turns, each + tuning.per_extra_channel * (len(voted) - 1)))

    def _load(self, chosen: Sequence[Voted]) -> Iterator[GalleryTarget]:
        asked = self._options.threshold
        loaded = {
            channel.name: channel.load([row_id for of, (row_id, _) in chosen if of is channel], asked)
            for channel in self._channels
        }
        for channel, (row_id, votes) in chosen:
            if row_id in loaded[channel.name]:
                yield GalleryTarget(channel, row_id, votes, *loaded[channel.name][row_id])

    @property
    def _may_stop(self) -> bool:
        return self._options.limit == 1

    def _share(self, one: VerifiedCandidate) -> float:
        """Return the share of the view that a candidate covers."""
        width, height = self._view.query.image_size
        return 0.0 if one.place is None else area(one.place) / (width * height)


def _key(entry: Voted) -> Key:
    """Return what identifies a target of a shortlist, as GalleryTarget.key."""
    channel, (row_id, _) = entry
    return channel.name, row_id


def _hopeful(found: Sequence[VerifiedCandidate]) -> list[GalleryTarget]:
    """Return the targets that may still be found with fewer keypoints: not those without a homography."""
    open_yet = (None, "below_threshold", "implausible_quad", "rival")
    return [one.target for one in found if one.reason in open_yet]


def _not_answered(
    one: VerifiedCandidate, accepted: Sequence[VerifiedCandidate], limit: int | None
) -> VerifiedCandidate:
    """Set the reason why a candidate that reaches its threshold is listed but not an answer."""
    if one.reason is not None:
        return one
    if any(same_place(one, best) for best in accepted):
        return replace(one, reason="rival")
    return replace(one, reason="beyond_limit" if accepted and len(accepted) == limit else "untried")


def _passed_over(candidate: VerifiedCandidate) -> VerifiedCandidate:
    """Mark a candidate that would be accepted if `limit` allowed it."""
    return candidate if candidate.reason is not None else replace(candidate, reason="beyond_limit")


def _unexplained(
    query: Features, best: VerifiedCandidate, found: Sequence[VerifiedCandidate]
) -> npt.NDArray[np.bool_]:
    """Return (N,) which query keypoints are outside the place of `best`, or inside and support a target
    beside it: a target that covers it, or that it covers, lies mostly within its place."""
    assert best.place is not None
    kept = ~inside(query.keypoints[:, :2], best.place)
    for one in found:
        if beside(one, best):
            kept[one.evidence] = True
    kept[best.evidence] = False
    return kept
