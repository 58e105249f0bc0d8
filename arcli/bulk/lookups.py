"""Many photos looked up: results as JSON objects, and a report that an interrupted run continues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from arcli.bulk.report import LineForm, ReportFile
from arcli.errors import ArcliError
from arcli.gallery import Gallery
from arcli.models import Candidate, FindOptions, FindResult, Match, Picture, Quad

Record = dict[str, Any]


def look_up(
    gallery: Gallery,
    pictures: Iterable[Picture],
    *,
    channels: Sequence[str] | None,
    options: FindOptions,
    report: ReportFile[FindResult] | None = None,
) -> Iterator[FindResult]:
    """Yield a result for each photo, in order; those that `report` already has come first, without a lookup.

    A result is in the report before it is yielded. Raises what stops the whole run: run it again with the
    report.
    """
    done: Counter[str] = Counter()
    if report is not None:
        for result in report.results():
            done[result.image] += 1
            yield result
    left = (picture for picture in pictures if not _taken(picture, done))
    for result in gallery.find_many(pictures=left, channels=channels, options=options):
        if report is not None:
            report.write(result)
        yield result


def _taken(picture: Picture, done: Counter[str]) -> bool:
    """Say whether a line reports this photo; a photo that is named twice has two lines."""
    if done[picture.name] <= 0:
        return False
    done[picture.name] -= 1
    return True


def lookup_object(result: FindResult) -> Record:
    """Return a photo's JSON object; its keys are an API (docs/reference/json.md)."""
    return {
        "image": result.image,
        "matched": result.matched,
        "matches": [hit_object(match) for match in result.matches],
        "candidates": [hit_object(candidate) for candidate in result.candidates],
        "elapsed_ms": round(result.elapsed_ms, 1),
        "timings_ms": {name: round(spent, 1) for name, spent in result.timings_ms.items()},
    }


def hit_object(hit: Match | Candidate) -> Record:
    """Return a match or candidate, its numbers rounded to meaningful digits: 1/100 px, score 1/10,000."""
    record = asdict(hit)
    if record.get("name") is None:
        record.pop("name", None)  # only targets that have a name get the key
    if hit.score is not None:
        record["score"] = _shown(hit.score)
    if record.get("votes") is not None:
        record["votes"] = round(record["votes"], 1)
    if hit.quad is not None:
        record["quad"] = [[round(x, 2), round(y, 2)] for x, y in hit.quad]
    return record


def _shown(score: float) -> float:
    """Return a score to four digits; one below 1 stays below 1, as a threshold of 1 does not accept it."""
    digits = round(score, 4)
    return digits if digits < 1 or score >= 1 else 0.9999


def _line(result: FindResult) -> Record:
    """Return a photo's line in a report; only a failed one has `error`."""
    record = lookup_object(result)
    return record if result.error is None else {**record, "error": result.error.as_record()}


def _result(record: Record) -> FindResult:
    """Rebuild a result from its line. Raises KeyError, TypeError, ValueError for any other object."""
    error = record.get("error")
    return FindResult(
        image=str(record["image"]),
        matches=tuple(Match(**_with_quad(hit)) for hit in record["matches"]),
        candidates=tuple(Candidate(**_with_quad(hit)) for hit in record["candidates"]),
        elapsed_ms=float(record["elapsed_ms"]),
        timings_ms={str(name): float(spent) for name, spent in record.get("timings_ms", {}).items()},
        error=ArcliError.from_record(error) if error else None,
    )


def _with_quad(hit: Record) -> Record:
    quad = hit["quad"]
    return hit if quad is None else {**hit, "quad": _quad(quad)}


def _quad(points: Sequence[Sequence[float]]) -> Quad:
    one, two, three, four = ((float(x), float(y)) for x, y in points)
    return one, two, three, four


LOOKUPS = LineForm(_line, _result)
