"""Enrolling pictures in worker processes (so what goes in and out can be pickled), and the row they become.

The recipe itself, decode → features → too few? refuse, saying why → level, is `vision.rating.enrolment`.
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
    """What is stored of a picture: encoded features, thumbnail and (where kept) the reduced picture."""

    picture_hash: str
    features: bytes
    level: int
    hints: tuple[Hint, ...]
    thumbnail: bytes
    picture: bytes | None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The picture has the bytes that the target already shows."""

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
    """Return the row to store; what the item does not say stays as the replaced target had it."""
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
    """Return the row that shows a new picture of a target, keeping what is not given anew."""
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
