"""The recipe that turns a picture into what is stored; the engine uses it, and clients that only rate."""

from __future__ import annotations

from dataclasses import dataclass, replace

from arcli.features import Features
from arcli.models import Hint
from arcli.vision.decoding.decode import Decoded, decode
from arcli.vision.decoding.limits import LOCAL, DecodeLimits
from arcli.vision.drawing.thumbnail import (
    SMALL,
    encoded_to_keep,
    kept_as_it_is,
    thumbnail,
)
from arcli.vision.features.extract import extract, shrink
from arcli.vision.features.options import ENROLL
from arcli.vision.features.presets import DEFAULT_PRESET
from arcli.vision.rating.kinds import kind_hints
from arcli.vision.rating.rate import rate, refuse_featureless


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
    hints = (*kind_hints(decoded.pixels, features), *rating.hints)
    return EnrolledPicture(features, rating.level, hints, thumbnail(small), kept)


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
