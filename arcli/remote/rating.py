"""Judging a picture on this side of the wire, for services that can judge only by adding."""

from __future__ import annotations

from arcli.errors import naming
from arcli.models import CheckResult, Picture, level_too_low


def rated(picture: Picture) -> CheckResult:
    """Rate a picture as the embedded engine would; duplicates are not looked for.

    Raises PictureNotFound, UnreadablePicture, PictureTooLarge, TooFewFeatures.
    """
    from arcli.vision.decoding.decode import LOCAL, decode
    from arcli.vision.features.extract import extract
    from arcli.vision.features.options import ENROLL
    from arcli.vision.rating.rate import rate, refuse_featureless

    decoded = decode(picture.read(), name=picture.name, limits=LOCAL)
    features = extract(decoded.pixels, max_side=ENROLL.max_side, max_keypoints=ENROLL.max_keypoints)
    with naming(picture.name):
        refuse_featureless(features, decoded)
    rating = rate(features, decoded)
    return CheckResult(image=picture.name, level=rating.level, hints=rating.hints)


def refuse_low_level(picture: Picture, min_level: int | None) -> None:
    """Raises LevelTooLow when the picture's level is below `min_level`, and what `rated` raises."""
    if min_level is None:
        return
    found = rated(picture)
    if found.level is not None and found.level < min_level:
        raise level_too_low(picture.name, found.level, min_level, found.hints)
