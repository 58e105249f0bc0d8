"""Choosing between candidates that claim the same place in the photo: sisters share most keypoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from arcli.engine.recognition.verification import Examined, Sighting
from arcli.vision.geometry import quad_overlap

_RIVAL = 0.2  # share of the best's inliers from which a candidate may be its sister (recognition.md)
_NEARLY = 0.5  # the same share, for one that is below its threshold
_SAME_PLACE = 0.3  # intersection over union of two quads
_COVERED = 0.5  # the same, from which of two targets only one can be seen
_SHARED = 0.1  # share of the candidate's inliers that the best has too, above which they are sisters
_DIM = 0.05  # likeness that counts at least: a folded or glossy target correlates with nothing
_SURE = math.log(19)  # log-odds against a rival from which the choice is sure: 95 of 100

LogOdds = Callable[[Examined, Examined], float]


def ranked(examined: Sequence[Examined], log_odds: LogOdds) -> list[Examined]:
    """Order candidates, the winner first: accepted ones by score, but rivals for one place by `log_odds`.

    log_odds: that the first of two is seen, given that one of them is. The winner is ambiguous when it is not
    sure against each rival, those included that are a little below their threshold.
    """
    order = sorted(examined, key=_plain)
    if not order or order[0].sighting.reason is not None:
        return order
    rivals = [one for one in order if _is_rival(one, order[0])]
    rivals.sort(key=lambda one: (-strength(one.sighting), _plain(one)))
    winner, lead = rivals[0], dict[Examined, float]()
    for other in rivals[1:]:
        ahead = log_odds(winner, other)
        winner, loser = (winner, other) if ahead >= 0 else (other, winner)
        lead[loser] = abs(ahead)
    # who lost surely to an earlier winner has lost; the others are held against the last
    lead = {one: ahead if ahead >= _SURE else log_odds(winner, one) for one, ahead in lead.items()}
    near = {one: log_odds(winner, one) for one in order if _nearly_rival(one, winner)}
    lead |= {one: ahead for one, ahead in near.items() if ahead < _SURE}
    others = sorted(lead, key=lambda other: (lead[other], _plain(other)))
    unsure = any(ahead < _SURE for ahead in lead.values())
    rest = [one for one in order if one is not winner and one not in lead]
    lost = [replace(one, sighting=replace(one.sighting, reason="rival")) for one in others]
    return [replace(winner, sighting=replace(winner.sighting, ambiguous=unsure)), *lost, *rest]


def strength(sighting: Sighting) -> float:
    """Return inliers weighted by likeness: which of many rivals to begin with."""
    likeness = 1.0 if sighting.likeness is None else max(_DIM, sighting.likeness)
    return sighting.inliers * likeness


def beside(one: Examined, best: Examined) -> bool:
    """Say whether an accepted candidate is seen next to the best: none of its evidence is the best's too, and
    there is room for both. Quads of notes in a fan overlap, what is seen of them does not."""
    if one.sighting.reason is not None or one.quad is None or best.quad is None:
        return False
    shared = np.isin(one.evidence, best.evidence).mean()
    return bool(shared <= _SHARED and quad_overlap(one.quad, best.quad) < _COVERED)


def is_fold(one: Examined, other: Examined) -> bool:
    """Say whether two finds of one target are one thing: its other half, folded or bent."""
    same = (one.sighting.shelf, one.sighting.row_id) == (other.sighting.shelf, other.sighting.row_id)
    if not same or one.quad is None or other.quad is None:
        return False
    return quad_overlap(one.quad, other.quad) >= _SAME_PLACE


def _is_rival(one: Examined, best: Examined) -> bool:
    """Say whether an accepted candidate claims the place of the best."""
    if one is best:
        return True
    if one.sighting.reason is not None or one.quad is None or best.quad is None:
        return False
    enough = one.sighting.inliers >= _RIVAL * best.sighting.inliers
    return enough and quad_overlap(one.quad, best.quad) >= _SAME_PLACE and not beside(one, best)


def _nearly_rival(one: Examined, best: Examined) -> bool:
    """Say whether a candidate that just failed claims the place of the best: it may be the right sister."""
    if one.sighting.reason != "below_threshold" or one.quad is None or best.quad is None:
        return False
    enough = one.sighting.inliers >= _NEARLY * best.sighting.inliers
    return enough and quad_overlap(one.quad, best.quad) >= _SAME_PLACE


def _plain(one: Examined) -> tuple[bool, float, int, float, str, int]:
    """Order: accepted first, then by score, inliers, votes; ties by channel and row, for stable answers."""
    sighting = one.sighting
    return (
        sighting.reason is not None,
        -round(sighting.score, 3),
        -sighting.inliers,
        -sighting.votes,
        sighting.shelf.channel,
        sighting.row_id,
    )
