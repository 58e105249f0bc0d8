"""Choosing between candidates for one place in the photo: look-alikes share most of their keypoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from arcli.engine.recognition.candidates import VerifiedCandidate
from arcli.vision.geometry import quad_overlap
from arcli.vision.scoring.lookalikes import OPTIONS as LOOK_ALIKES


@dataclass(frozen=True, slots=True, kw_only=True)
class RivalOptions:
    """Which candidates compete (docs/appendix/recognition.md, step 7).

    inliers: an accepted candidate with this share of the best one's inliers may be a look-alike of it (.1 to
    .5). nearly_inliers: the same for one that is below its threshold (.2 to .8). same_place: two quads with
    this intersection over union are one place (.2 to .6). covered: with this one, only one of two targets can
    be seen (.3 to .8). shared: share of a candidate's inliers that the best has too, above which they are
    look-alikes (.05 to .3). least_likeness: the least that likeness counts: a folded or glossy target
    correlates with nothing (.01 to .2). sure: log-odds against a rival from which the choice is sure: below
    it, pictures that are kept are compared too (arcli.vision.scoring.lookalikes).
    """

    inliers: float = 0.2
    nearly_inliers: float = 0.5
    same_place: float = 0.3
    covered: float = 0.5
    shared: float = 0.1
    least_likeness: float = 0.05
    sure: float = LOOK_ALIKES.clear


OPTIONS = RivalOptions()

LogOdds = Callable[[VerifiedCandidate, VerifiedCandidate], float]


def ranked(verified: Sequence[VerifiedCandidate], log_odds: LogOdds) -> list[VerifiedCandidate]:
    """Order candidates, the winner first: accepted ones by score, but rivals for one place by `log_odds`.

    log_odds: of the first of two being the one seen, given that one of them is. The winner is ambiguous
    unless it is sure against every rival, including those a little below their threshold.
    """
    order = sorted(verified, key=by_score)
    if not order or order[0].reason is not None:
        return order
    rivals = [one for one in order if _is_rival(one, order[0])]
    rivals.sort(key=lambda one: (-strength(one), by_score(one)))
    winner, lead = rivals[0], dict[VerifiedCandidate, float]()
    for other in rivals[1:]:
        ahead = log_odds(winner, other)
        winner, loser = (winner, other) if ahead >= 0 else (other, winner)
        lead[loser] = abs(ahead)
    # a sure loser to an earlier winner has lost; the others are compared with the last winner
    lead = {one: ahead if ahead >= OPTIONS.sure else log_odds(winner, one) for one, ahead in lead.items()}
    near = {one: log_odds(winner, one) for one in order if _is_nearly_rival(one, winner)}
    lead |= {one: ahead for one, ahead in near.items() if ahead < OPTIONS.sure}
    others = sorted(lead, key=lambda other: (lead[other], by_score(other)))
    unsure = any(ahead < OPTIONS.sure for ahead in lead.values())
    rest = [one for one in order if one is not winner and one not in lead]
    lost = [replace(one, reason="rival") for one in others]
    return [replace(winner, ambiguous=winner.ambiguous or unsure), *lost, *rest]


def strength(candidate: VerifiedCandidate) -> float:
    """Return inliers weighted by likeness, which decides the rival to begin with."""
    likeness = candidate.likeness
    return candidate.inliers * (1.0 if likeness is None else max(OPTIONS.least_likeness, likeness))


def beside(one: VerifiedCandidate, best: VerifiedCandidate) -> bool:
    """Say whether an accepted candidate is seen next to the best: they share no inliers, and there is room
    for both. The quads of banknotes in a fan overlap, but their visible parts do not."""
    if one.reason is not None or one.place is None or best.place is None:
        return False
    shared = np.isin(one.evidence, best.evidence).mean()
    return bool(shared <= OPTIONS.shared and quad_overlap(one.place, best.place) < OPTIONS.covered)


def is_fold(one: VerifiedCandidate, other: VerifiedCandidate) -> bool:
    """Say whether two finds of one target are one object, folded or bent: one find is its other half."""
    return one.target.key == other.target.key and same_place(one, other)


def same_place(one: VerifiedCandidate, other: VerifiedCandidate) -> bool:
    """Say whether two candidates are at one place in the photo."""
    if one.place is None or other.place is None:
        return False
    return quad_overlap(one.place, other.place) >= OPTIONS.same_place


def _is_rival(one: VerifiedCandidate, best: VerifiedCandidate) -> bool:
    """Say whether an accepted candidate is at the place of the best."""
    if one is best:
        return True
    enough = one.inliers >= OPTIONS.inliers * best.inliers
    return one.reason is None and enough and same_place(one, best) and not beside(one, best)


def _is_nearly_rival(one: VerifiedCandidate, best: VerifiedCandidate) -> bool:
    """Say whether a candidate at the place of the best just failed: it may be the right look-alike."""
    enough = one.inliers >= OPTIONS.nearly_inliers * best.inliers
    return one.reason == "below_threshold" and enough and same_place(one, best)


def by_score(one: VerifiedCandidate) -> tuple[bool, float, int, float, tuple[str, int]]:
    """Order: accepted first, then by score, inliers, votes; ties by channel and row, for stable answers."""
    return (one.reason is not None, -round(one.score, 3), -one.inliers, -one.votes, one.target.key)
