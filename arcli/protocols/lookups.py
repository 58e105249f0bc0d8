"""Matches and candidates of a photo, as JSON objects and back."""

from __future__ import annotations

from arcli.errors import BadAnswer
from arcli.models import Candidate, Match, Quad
from arcli.protocols.reading import JsonObject, flag, json_text, real, text, whole, without_none


def match_json(match: Match) -> JsonObject:
    return without_none(
        {
            "identifier": match.identifier,
            "channel": match.channel,
            "score": match.score,
            "inliers": match.inliers,
            "quad": match.quad,
            "level": match.level,
            "metadata": match.metadata,
            "label": match.label,
            "ambiguous": match.ambiguous,
            "name": match.name,
        }
    )


def read_match(body: JsonObject, *, channel: str | None = None) -> Match:
    """Read a match; `channel`: the one that was searched, in case the answer does not repeat it."""
    identifier = text(body.get("identifier"))
    if identifier is None:
        raise BadAnswer("the service reports a match without an identifier")
    return Match(
        identifier=identifier,
        channel=text(body.get("channel")) or channel,
        score=real(body.get("score")),
        inliers=whole(body.get("inliers")),
        quad=read_quad(body.get("quad")),
        level=whole(body.get("level")),
        metadata=json_text(body.get("metadata")),
        label=text(body.get("label")),
        ambiguous=flag(body.get("ambiguous")),
        name=text(body.get("name")),
    )


def candidate_json(candidate: Candidate) -> JsonObject:
    return without_none(
        {
            "identifier": candidate.identifier,
            "channel": candidate.channel,
            "reason": candidate.reason,
            "why": candidate.why,
            "score": candidate.score,
            "inliers": candidate.inliers,
            "votes": candidate.votes,
            "quad": candidate.quad,
        }
    )


def read_candidate(body: JsonObject) -> Candidate:
    """Read a candidate; a vendor's answer may lack any of its values."""
    return Candidate(
        identifier=text(body.get("identifier")) or "",
        channel=text(body.get("channel")),
        reason=text(body.get("reason")) or "not_accepted",
        why=text(body.get("why")) or "the service did not say",
        score=real(body.get("score")),
        inliers=whole(body.get("inliers")),
        votes=real(body.get("votes")),
        quad=read_quad(body.get("quad")),
    )


def read_quad(value: object) -> Quad | None:
    """Return four corners, or None unless `value` is a list of four pairs of numbers."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    corners = [_read_point(point) for point in value]
    a, b, c, d = corners
    return (a, b, c, d) if a and b and c and d else None


def _read_point(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    x, y = real(value[0]), real(value[1])
    return (x, y) if x is not None and y is not None else None
