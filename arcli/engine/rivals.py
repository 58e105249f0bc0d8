"""Choosing between candidates that claim the same place in the photo: sisters share most keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from arcli.engine.examine import Points, Sighting
from arcli.vision.geometry import quad_overlap

Examined = tuple[Sighting, Points | None]

_RIVAL = 0.2  # share of the best's inliers from which a candidate may be its sister (recognition.md)
_SAME_PLACE = 0.3  # intersection over union of two quads
_DIM = 0.05  # likeness that counts at least: a folded or glossy target correlates with nothing
_CLOSE = 0.8  # share of the winner's strength from which the choice is not sure


def ranked(examined: Sequence[Examined]) -> list[Examined]:
    """Order candidates, the winner first: accepted ones by score, but rivals for one place by strength.

    The winner is ambiguous when an accepted rival is nearly as strong.
    """
    order = sorted(examined, key=_plain)
    if not order or order[0][0].reason is not None:
        return order
    rivals = [one for one in order if _is_rival(one, order[0])]
    rivals.sort(key=lambda one: (-strength(one[0]), _plain(one)))
    winner, others = rivals[0], rivals[1:]
    unsure = any(strength(one[0]) >= _CLOSE * strength(winner[0]) for one in others)
    rest = [one for one in order if one not in rivals]
    lost = [(replace(sighting, reason="rival"), quad) for sighting, quad in others]
    return [(replace(winner[0], ambiguous=unsure), winner[1]), *lost, *rest]


def strength(sighting: Sighting) -> float:
    """Return inliers weighted by likeness: correlation alone is worse than inliers alone."""
    likeness = 1.0 if sighting.likeness is None else max(_DIM, sighting.likeness)
    return sighting.inliers * likeness


def _is_rival(one: Examined, best: Examined) -> bool:
    """Say whether an accepted candidate claims the place of the best."""
    if one is best:
        return True
    if one[0].reason is not None or one[1] is None or best[1] is None:
        return False
    enough = one[0].inliers >= _RIVAL * best[0].inliers
    return enough and quad_overlap(one[1], best[1]) >= _SAME_PLACE


def _plain(one: Examined) -> tuple[bool, float, int, float, str, int]:
    """Order: accepted first, then by score, inliers, votes; ties by channel and row, for stable answers."""
    sighting = one[0]
    return (
        sighting.reason is not None,
        -round(sighting.score, 3),
        -sighting.inliers,
        -sighting.votes,
        sighting.shelf.channel,
        sighting.row_id,
    )
