"""How lookups are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from arcli.bulk.lookups import hit_object, lookup_object
from arcli.console.items import ItemView
from arcli.models import Candidate, FindResult, Match

COLUMNS = (
    *("image", "matched", "identifier", "channel", "score", "inliers", "quad", "level", "metadata"),
    *("label", "ambiguous", "elapsed_ms", "error", "name"),
)


def _rows(result: FindResult) -> Iterator[list[Any]]:
    """Yield a line for each match, or one for a photo without matches."""
    code = result.error.code if result.error else None
    shared = {"image": result.image, "matched": result.matched, "elapsed_ms": round(result.elapsed_ms, 1)}
    for match in [hit_object(match) for match in result.matches] or [{}]:
        record = {**match, **shared, "error": code}
        yield [record.get(column) for column in COLUMNS]


def _lines(result: FindResult) -> Iterator[tuple[object, ...]]:
    """Yield the lines for people: matches, then candidates."""
    for match in result.matches:
        yield (result.image, match.identifier, _score(match), match.inliers, match.channel, _note(match))
    if not result.matches:
        yield (result.image, "-", None, None, None, "failed" if result.error else "no match")
    for candidate in result.candidates:
        yield (
            result.image,
            f"? {candidate.identifier}",
            _score(candidate),
            candidate.inliers,
            candidate.channel,
            candidate.why,
        )


def _score(hit: Match | Candidate) -> str | None:
    return None if hit.score is None else f"{hit.score:.2f}"


def _note(match: Match) -> str:
    """Return where in the photo the target is, and what else is known about the match."""
    words = [name for name in (match.name, match.label) if name]
    words += ["ambiguous"] if match.ambiguous else []
    if match.quad is not None:
        x = sum(point[0] for point in match.quad) / 4
        y = sum(point[1] for point in match.quad) / 4
        words.append(f"at {x:.0f},{y:.0f}")
    return ", ".join(words)


RESULTS: ItemView[FindResult] = ItemView(
    key="results",
    record=lookup_object,
    columns=COLUMNS,
    rows=_rows,
    names=lambda result: [match.identifier for match in result.matches],
    headings=("photo", "target", "score", "inliers", "channel", "note"),
    lines=_lines,
    wrap=True,
)
