"""Enrolling pictures in worker processes (so inputs and results are picklable), and the rows to store.

The recipe itself (decode, extract features, refuse a picture with too few, rate) is
`vision.rating.enrolment`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from arcli.errors import naming
from arcli.models import AddItem, Hint, MatchRatio, Picture
from arcli.store.rows import NewTarget, TargetRow
from arcli.vision.decoding.limits import LOCAL, DecodeLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollTask:
    """A picture to enroll; nothing is extracted when its bytes hash to `known_hash` (SHA-256, hex)."""

    picture: Picture
    preset: int
    limits: DecodeLimits = LOCAL
    keep_picture: bool = True
    known_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What is stored for a picture: encoded features, thumbnail and (where kept) the reduced picture."""

    picture_hash: str
    features: bytes
    level: int
    hints: tuple[Hint, ...]
    thumbnail: bytes
    picture: bytes | None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The picture's bytes are the ones that the target already has."""

    picture_hash: str


def enroll(task: EnrollTask) -> Enrolment | Unchanged:
    """Read, decode and extract one picture.

    Raises PictureNotFound, UnreadablePicture, PictureTooLarge, TooFewFeatures, each naming the picture.
    """
    data = task.picture.read()
    picture_hash = hashlib.sha256(data).hexdigest()
    if picture_hash == task.known_hash:
        return Unchanged(picture_hash)
    with naming(task.picture.name):
        return _extract(data, picture_hash, task)


def _extract(data: bytes, picture_hash: str, task: EnrollTask) -> Enrolment:
    from arcli.vision.rating.enrolment import enrolled

    shown = enrolled(
        data,
        name=task.picture.name,
        limits=task.limits,
        keep_picture=task.keep_picture,
        preset=task.preset,
    )
    return Enrolment(
        picture_hash=picture_hash,
        features=shown.features.to_bytes(),
        level=shown.level,
        hints=shown.hints,
        thumbnail=shown.thumbnail,
        picture=shown.kept,
    )


def new_target(item: AddItem, enrolment: Enrolment, present: TargetRow | None) -> NewTarget:
    """Return the row to store; what the item leaves out is kept from the replaced target."""
    if present is not None:
        return renewed(present, enrolment, metadata=item.metadata, matchratio=item.matchratio, name=item.name)
    return _row(item.identifier, enrolment, item.metadata, item.matchratio, item.name, active=True)


def renewed(
    present: TargetRow,
    enrolment: Enrolment,
    *,
    metadata: str | None = None,
    matchratio: MatchRatio | None = None,
    name: str | None = None,
) -> NewTarget:
    """Return the row for a new picture of a target; what is not given is kept from the present row."""
    return _row(
        present.identifier,
        enrolment,
        present.metadata if metadata is None else metadata,
        present.matchratio if matchratio is None else matchratio,
        present.name if name is None else name,
        active=present.active,
    )


def _row(
    identifier: str,
    enrolment: Enrolment,
    metadata: str | None,
    matchratio: MatchRatio | None,
    name: str | None,
    *,
    active: bool,
) -> NewTarget:
    return NewTarget(
        identifier=identifier,
        features=enrolment.features,
        metadata=metadata,
        matchratio=matchratio,
        level=enrolment.level,
        active=active,
        picture_hash=enrolment.picture_hash,
        picture=enrolment.picture,
        thumbnail=enrolment.thumbnail,
        name=name,
    )
