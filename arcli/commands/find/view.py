"""How lookups are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from arcli.console.items import ItemView, Record
from arcli.models import Candidate, FindResult, Match

COLUMNS = (
    *("image", "matched", "identifier", "channel", "score", "inliers", "quad", "level", "metadata"),
    *("label", "ambiguous", "elapsed_ms", "error", "name"),
)


def result_record(result: FindResult) -> Record:
    """Return a photo's JSON object; its keys are an API (docs/json.md)."""
    return {
        "image": result.image,
        "matched": result.matched,
        "matches": [_hit(match) for match in result.matches],
        "candidates": [_hit(candidate) for candidate in result.candidates],
        "elapsed_ms": round(result.elapsed_ms, 1),
    }


def _hit(hit: Match | Candidate) -> Record:
    """Return a match or candidate, its numbers to the digits that say something: 1/100 px, score 1/10,000."""
    record = asdict(hit)
    if record.get("name") is None:
        record.pop("name", None)  # it is there where there is one
    if hit.score is not None:
        record["score"] = _shown(hit.score)
    if record.get("votes") is not None:
        record["votes"] = round(record["votes"], 1)
    if hit.quad is not None:
        record["quad"] = [[round(x, 2), round(y, 2)] for x, y in hit.quad]
    return record


def _shown(score: float) -> float:
    """Return a score's four digits; one below 1 stays below it, as a threshold of 1 accepts none of these."""
    digits = round(score, 4)
    return digits if digits < 1 or score >= 1 else 0.9999


def _rows(result: FindResult) -> Iterator[list[Any]]:
    """Yield a line a match, or the one of a photo without."""
    code = result.error.code if result.error else None
    shared = {"image": result.image, "matched": result.matched, "elapsed_ms": round(result.elapsed_ms, 1)}
    for match in [_hit(match) for match in result.matches] or [{}]:
        record = {**match, **shared, "error": code}
        yield [record.get(column) for column in COLUMNS]


def _lines(result: FindResult) -> Iterator[tuple[object, ...]]:
    """Yield the lines for people: matches, then what was considered."""
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
    """Return where in the photo the target is, and what else is to be said of the match."""
    words = [name for name in (match.name, match.label) if name]
    words += ["ambiguous"] if match.ambiguous else []
    if match.quad is not None:
        x = sum(point[0] for point in match.quad) / 4
        y = sum(point[1] for point in match.quad) / 4
        words.append(f"at {x:.0f},{y:.0f}")
    return ", ".join(words)


RESULTS: ItemView[FindResult] = ItemView(
    key="results",
    record=result_record,
    columns=COLUMNS,
    rows=_rows,
    names=lambda result: [match.identifier for match in result.matches],
    headings=("photo", "target", "score", "inliers", "channel", "note"),
    lines=_lines,
    wrap=True,
)
