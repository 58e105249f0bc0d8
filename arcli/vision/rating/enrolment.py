"""The recipe that turns a picture into what is stored, and its level 1 to 5: how easily it will be found.

The engine uses it, and clients that only rate. The level is judged by the picture alone, with reasons.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from arcli.errors import TooFewFeatures
from arcli.features import Features
from arcli.models import Hint
from arcli.vision.decoding.decode import Decoded, decode
from arcli.vision.decoding.limits import LOCAL, DecodeLimits
from arcli.vision.drawing.thumbnail import SMALL, encoded_to_keep, kept_as_it_is, thumbnail
from arcli.vision.features.extract import extract, shrink
from arcli.vision.features.options import ENROLL
from arcli.vision.features.presets import DEFAULT_PRESET
from arcli.vision.matching.verify import places
from arcli.vision.rating.advice import ON_A_GROUND, cure, hints
from arcli.vision.rating.expect import expected_recall
from arcli.vision.rating.kinds import kind_hints
from arcli.vision.rating.traits import measure


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelOptions:
    """What the levels mean (docs/appendix/level.md, "The level").

    recalls: the expected shares of the camera's views from which the level is 2, 3, 4, 5. min_places: the
    fewest distinct places with keypoints (5 to 12): an inlier is worth at most 3.5 of the 18 that a match
    takes at the default threshold (arcli.vision.scoring.score), so with five a picture is never found.
    """

    recalls: tuple[float, ...] = (0.15, 0.4, 0.65, 0.85)
    min_places: int = 6


OPTIONS = LevelOptions()


@dataclass(frozen=True, slots=True)
class Rating:
    """level: 1 (hard to find) to 5 (easy). hints: why it is not higher, the weightiest first.

    expected: the share of the simulated camera's views in which it should be found.
    """

    level: int
    hints: tuple[Hint, ...]
    expected: float


@dataclass(frozen=True, slots=True, eq=False)
class EnrolledPicture:
    """A picture's features and level (1 to 5) with hints; its thumbnail and the picture to keep, encoded."""

    features: Features
    level: int
    hints: tuple[Hint, ...]
    thumbnail: bytes
    kept: bytes | None


def enrolled(
    data: bytes,
    *,
    name: str,
    limits: DecodeLimits = LOCAL,
    keep_picture: bool = True,
    preset: int = DEFAULT_PRESET,
) -> EnrolledPicture:
    """Decode, extract and rate one picture; `name` is for messages.

    Raises UnreadablePicture, PictureTooLarge, TooFewFeatures.
    """
    decoded = decode(data, name=name, limits=limits, max_side=SMALL.kept_side)
    kept, decoded = _kept(decoded, data, name) if keep_picture else (None, decoded)
    features = extract(
        decoded.pixels, max_side=ENROLL.max_side, max_keypoints=ENROLL.max_keypoints, preset=preset
    )
    refuse_featureless(features, decoded)
    small = replace(
        decoded, pixels=shrink(decoded.pixels, SMALL.thumbnail_side)
    )  # used for level and thumbnail
    rating = rate(features, small)
    reasons = (*kind_hints(decoded.pixels, features), *rating.hints)
    return EnrolledPicture(features, rating.level, reasons, thumbnail(small), kept)


def _kept(decoded: Decoded, data: bytes, name: str) -> tuple[bytes, Decoded]:
    """Return the picture to keep, and what it shows.

    Everything stored is computed from the kept picture: an exported picture, added again, gives the same
    target.
    """
    kept = kept_as_it_is(decoded, data)
    if kept is not None:
        return kept, decoded
    kept = encoded_to_keep(decoded)
    return kept, replace(decoded, pixels=decode(kept, name=name, limits=LOCAL).pixels)


def enough_features(features: Features) -> bool:
    """Say whether a picture with these features can be found at all."""
    return places(features.keypoints[:, :2]) >= OPTIONS.min_places


def refuse_featureless(features: Features, decoded: Decoded) -> None:
    """Raise TooFewFeatures, saying what would help, if a picture cannot be found at all."""
    if not enough_features(features):
        traits = measure(features, decoded)
        raise TooFewFeatures(
            f"too few features ({traits.places} distinct details, {OPTIONS.min_places} at least)",
            hint=cure(traits) if decoded.ground is None else ON_A_GROUND.advice,
        )


def rate(features: Features, decoded: Decoded) -> Rating:
    """Rate a gallery picture by the number, order, contrast and scale of its keypoints."""
    traits = measure(features, decoded)
    expected = expected_recall(traits)
    level = 1 + sum(expected >= limit for limit in OPTIONS.recalls)
    reasons = hints(traits) if level < 5 else ()
    return Rating(level, reasons if decoded.ground is None else (*reasons, ON_A_GROUND), expected)
