"""Judge pictures before they are added: a gallery's verdict, a service's rules, limits for CI."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import tee

from arcli.bulk.add_plan import PlanEntry
from arcli.bulk.identifiers import IdFrom, identifier_for
from arcli.bulk.walk import named_path
from arcli.errors import ArcliError, DuplicatePicture, PictureRefused
from arcli.gallery import Gallery
from arcli.models import CheckResult, Picture, level_too_low
from arcli.vision.rating.rules import PictureRules, breaches


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What makes a picture fail; `rules`: the service whose rules add hints."""

    min_level: int | None = None
    no_duplicates: bool = False
    rules: PictureRules | None = None


def entries_of(pictures: Iterable[Picture], rule: IdFrom) -> Iterator[PlanEntry]:
    """Make entries of pictures, with the identifiers that `add` would give them."""
    for picture in pictures:
        identifier = identifier_for(named_path(picture.name), rule)
        yield PlanEntry(image=picture.name, identifier=identifier, path=picture.path, data=picture.data)


def check(
    entries: Iterable[PlanEntry],
    *,
    judge: Gallery,
    gallery: Gallery | None,
    channel: str | None,
    gates: Gates,
    jobs: int | None = None,
) -> Iterator[CheckResult]:
    """Yield a verdict on each picture, in order; an entry with an error gets that error.

    `judge` rates the pictures and compares them with each other. `gallery` None: it also compares them with
    the targets of its own `channel` (None: with none); else `gallery` looks for duplicates in the channel,
    one picture at a time. The target that has the entry's own identifier does not count as a duplicate.
    """
    passed: deque[PlanEntry] = deque()

    def passing() -> Iterator[Picture]:
        for entry in entries:
            passed.append(entry)
            if entry.error is None:
                yield entry.picture()

    if gallery is None:
        results = judge.check(pictures=passing(), channel=channel, jobs=jobs)
    else:
        here, there = tee(passing())
        own = judge.check(pictures=here, channel=None, jobs=jobs)
        results = map(_joined, own, gallery.check(pictures=there, channel=channel, jobs=jobs))
    for result in results:
        yield from _refused(passed)
        entry = passed.popleft()
        yield _gated(_with_rules(_not_itself(result, entry), entry, gates), gates)
    yield from _refused(passed)


def _refused(passed: deque[PlanEntry]) -> Iterator[CheckResult]:
    """Yield the verdicts on the leading entries that cannot be read."""
    while passed and passed[0].error is not None:
        entry = passed.popleft()
        yield CheckResult(image=entry.image, error=entry.error)


def _not_itself(result: CheckResult, entry: PlanEntry) -> CheckResult:
    others = tuple(
        one for one in result.duplicates if one.identifier is None or one.identifier != entry.identifier
    )
    return replace(result, duplicates=others)


def _joined(own: CheckResult, other: CheckResult) -> CheckResult:
    """Combine the duplicates in the channel with the verdict made here."""
    if own.error is not None or other.error is not None:
        return replace(own, error=own.error or other.error)
    return replace(own, duplicates=(*other.duplicates, *own.duplicates))


def _with_rules(result: CheckResult, entry: PlanEntry, gates: Gates) -> CheckResult:
    if gates.rules is None or result.error is not None:
        return result
    picture = entry.picture()
    try:
        hints = breaches(picture.read(), picture.name, gates.rules)
    except PictureRefused:  # a format that our header readers do not know, or the file was removed since
        return result
    return replace(result, hints=(*result.hints, *hints))


def _gated(result: CheckResult, gates: Gates) -> CheckResult:
    if result.error is not None:
        return result
    return replace(result, error=_refusal(result, gates))


def _refusal(result: CheckResult, gates: Gates) -> ArcliError | None:
    if gates.min_level is not None and result.level is not None and result.level < gates.min_level:
        return level_too_low(result.image, result.level, gates.min_level, result.hints)
    same = [one for one in result.duplicates if one.kind == "duplicate"]
    if gates.no_duplicates and same:
        of = same[0].identifier or same[0].image
        return DuplicatePicture(f"{result.image}: shows the same picture as {of}", item=result.image)
    return None
