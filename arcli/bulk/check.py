"""Judge pictures before they are added: a gallery's verdict, a service's rules, gates for CI."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import tee
from pathlib import PurePath

from arcli.bulk.identifiers import IdFrom, identifier_for
from arcli.errors import ArcliError, DuplicatePicture, PictureRefused
from arcli.gallery import Gallery
from arcli.models import CheckResult, Picture, level_too_low
from arcli.vision.rating.rules import PictureRules, breaches


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What makes a picture fail, and whose `rules` add hints.

    A target that has the identifier which `id_from` makes of the picture is the picture's own.
    """

    min_level: int | None = None
    no_duplicates: bool = False
    rules: PictureRules | None = None
    id_from: IdFrom = IdFrom.STEM


def check(
    pictures: Iterable[Picture],
    *,
    judge: Gallery,
    gallery: Gallery | None,
    channel: str | None,
    gates: Gates,
    jobs: int | None = None,
) -> Iterator[CheckResult]:
    """Yield a verdict on each picture, in order.

    `judge` rates and compares the pictures with each other. `gallery` None: its channel too; else the
    duplicates in the channel are asked of `gallery`, which sees one picture at a time.
    """
    passed: deque[Picture] = deque()

    def passing() -> Iterator[Picture]:
        for picture in pictures:
            passed.append(picture)
            yield picture

    if gallery is None:
        results = judge.check(pictures=passing(), channel=channel, jobs=jobs)
    else:
        here, there = tee(passing())
        own = judge.check(pictures=here, channel=None, jobs=jobs)
        results = map(_joined, own, gallery.check(pictures=there, channel=channel, jobs=jobs))
    for result in results:
        yield _gated(_with_rules(result, passed.popleft(), gates), gates)


def _joined(own: CheckResult, other: CheckResult) -> CheckResult:
    """Put what the channel says of duplicates beside what is known here."""
    if own.error is not None or other.error is not None:
        return replace(own, error=own.error or other.error)
    return replace(own, duplicates=(*other.duplicates, *own.duplicates))


def _with_rules(result: CheckResult, picture: Picture, gates: Gates) -> CheckResult:
    if gates.rules is None or result.error is not None:
        return result
    try:
        hints = breaches(picture.read(), picture.name, gates.rules)
    except PictureRefused:  # the judge reads what our header readers do not, or the file has gone since
        return result
    return replace(result, hints=(*result.hints, *hints))


def _gated(result: CheckResult, gates: Gates) -> CheckResult:
    if result.error is not None:
        return result
    return replace(result, error=_refusal(result, gates))


def _refusal(result: CheckResult, gates: Gates) -> ArcliError | None:
    if gates.min_level is not None and result.level is not None and result.level < gates.min_level:
        return level_too_low(result.image, result.level, gates.min_level, result.hints)
    own = identifier_for(PurePath(result.image), gates.id_from)
    same = [one for one in result.duplicates if one.kind == "duplicate" and one.identifier != own]
    if gates.no_duplicates and same:
        of = same[0].identifier or same[0].image
        return DuplicatePicture(f"{result.image}: shows the same picture as {of}", item=result.image)
    return None
