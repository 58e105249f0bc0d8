"""Looking photos up and checking pictures: options, matches, candidates, verdicts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from arcli.errors import ArcliError
from arcli.models.pictures import Hint

Quad = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""Four corners x, y in pixels of the displayed photo, clockwise from the target's top-left."""


class Effort(StrEnum):
    """How far up the cascade of query resolutions a lookup may go."""

    FAST = "fast"
    NORMAL = "normal"
    THOROUGH = "thorough"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindOptions:
    """How to look photos up. `limit`: targets per photo (None: all); `candidates`: how many others to report.

    `jobs`: photos at a time, and threads of a photo that is looked up alone; None: as many as processors.
    `day`: the day on which the lookup is counted; None: today in UTC. `sound_only`: channels that cannot be
    read are skipped, provided that others can.
    """

    limit: int | None = 1
    candidates: int = 0
    threshold: float | None = None
    effort: Effort = Effort.NORMAL
    count: bool = True
    metadata: bool = True
    jobs: int | None = None
    sound_only: bool = False
    day: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A target found in a photo. `score` in [0, 1]; `inliers`: keypoints that agree with one homography.

    A remote service may know neither inliers nor quad: then they are None. `name` as in Target.
    """

    identifier: str
    channel: str | None
    score: float | None = None
    inliers: int | None = None
    quad: Quad | None = None
    level: int | None = None
    metadata: str | None = None
    label: str | None = None
    ambiguous: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A target that was considered and not accepted. `reason` is a stable code, `why` a sentence."""

    identifier: str
    channel: str | None
    reason: str
    why: str
    score: float | None = None
    inliers: int | None = None
    votes: float | None = None
    quad: Quad | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindResult:
    """What one photo shows. `error`: this photo could not be looked up (only from `find_many`).

    `timings_ms`: the time of each phase (arcli.timings), adding up to `elapsed_ms`; empty if not known.
    """

    image: str
    matches: tuple[Match, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    elapsed_ms: float = 0.0
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    error: ArcliError | None = None

    @property
    def matched(self) -> bool:
        return bool(self.matches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A target of the channel (or `image` of the same batch) that shows the same or nearly the same content.

    `kind`: "duplicate" (the same picture) or "look-alike" (shares much of its content).
    """

    identifier: str | None
    channel: str | None
    kind: str
    score: float
    inliers: int
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How well a picture will be found, before it is added."""

    image: str
    level: int | None = None
    hints: tuple[Hint, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    error: ArcliError | None = None
