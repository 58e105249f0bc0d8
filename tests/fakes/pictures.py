"""How the gallery in memory compares pictures: by their bytes, or by keypoints if they are real."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from arcli.errors import TooFewFeatures, UnreadablePicture
from arcli.models import Candidate, Match, Quad, Target
from tests.fakes.recognition import Sketch, keypoints, level_of, located, sketch

QUAD: Quad = ((1.0, 2.0), (101.0, 2.0), (101.0, 82.0), (1.0, 82.0))
BLANK = b"blank"
NO_PICTURE = b"no picture"


@dataclass(frozen=True)
class Likeness:
    """How a photo compares with a target. `score` in [0, 1], 0 where the target is not in it."""

    score: float
    inliers: int
    quad: Quad | None = None


@dataclass(frozen=True)
class Compared:
    """A target beside a photo."""

    target: Target
    likeness: Likeness
    threshold: float

    @property
    def found(self) -> bool:
        return 0 < self.likeness.score >= self.threshold

    def match(self, *, metadata: bool) -> Match:
        target, like = self.target, self.likeness
        return Match(
            identifier=target.identifier,
            channel=target.channel,
            score=like.score,
            inliers=like.inliers,
            quad=like.quad,
            level=target.level,
            metadata=target.metadata if metadata else None,
        )

    def candidate(self) -> Candidate:
        target, like = self.target, self.likeness
        reason = "below_threshold" if like.score else "too_few_inliers"
        why = f"{like.inliers} inliers"
        return Candidate(identifier=target.identifier, channel=target.channel, reason=reason, why=why)


class Pictures(Protocol):
    """How pictures are read and compared."""

    def level(self, name: str, data: bytes) -> int:
        """Return the level, 1 to 5. Raises UnreadablePicture, TooFewFeatures."""
        ...

    def compare(self, photo: bytes, target: bytes) -> Likeness:
        """Look for a target in a photo; both have a level."""
        ...


class Bytes:
    """Equal bytes are equal pictures. b"picture 3 …" has level 3, others 4; some are none, or are blank."""

    def level(self, name: str, data: bytes) -> int:
        if data.endswith(NO_PICTURE):
            raise UnreadablePicture(f"{name}: not a picture", item=name)
        if data == BLANK:
            raise TooFewFeatures("too few features", item=name)
        return int(data[8:9]) if data.startswith(b"picture ") else 4

    def compare(self, photo: bytes, target: bytes) -> Likeness:
        return Likeness(0.97, 120, QUAD) if photo == target else Likeness(0.0, 4)


class Keypoints:
    """Real pictures, compared as the fake services do."""

    def level(self, name: str, data: bytes) -> int:
        seen = _sketch(data)
        if seen is None:
            raise UnreadablePicture(f"{name}: not a picture", item=name)
        if keypoints(seen) < 20:
            raise TooFewFeatures("too few features", item=name)
        return level_of(seen)

    def compare(self, photo: bytes, target: bytes) -> Likeness:
        seen, known = _sketch(photo), _sketch(target)
        assert seen is not None, "it has a level"
        assert known is not None, "it has a level"
        inliers, quad = located(seen, known)
        if quad is None:
            return Likeness(0.0, inliers)
        return Likeness(inliers / (inliers + 10), inliers, quad)


@lru_cache(maxsize=64)
def _sketch(data: bytes) -> Sketch | None:
    return sketch(data)
