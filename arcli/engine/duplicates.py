"""Judging pictures before they are added: level, hints, and what they would be mistaken for.

Duplicates are found by recognition, not by file hash: a re-encoded, cropped or photographed copy counts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from arcli.engine.channels import Channels, OpenChannel
from arcli.engine.enroll import EnrollTask, Enrolment, enroll
from arcli.engine.finding import StoredChannel, searched
from arcli.errors import ArcliError
from arcli.features import Features
from arcli.models import AddOptions, ChannelSettings, CheckResult, Duplicate, Picture
from arcli.parallel import OrderedWork
from arcli.store.rows import NewTarget
from arcli.vision.decoding.limits import LOCAL, DecodeLimits
from arcli.vision.features.presets import DEFAULT_PRESET
from arcli.vision.geometry import overlap
from arcli.vision.matching.verify import Verification, verify
from arcli.vision.scoring.score import default_threshold, score

if TYPE_CHECKING:
    from arcli.engine.adding import DuplicateSearch

_SHORTLIST = 10  # what a picture is mistaken for is at the top: R@5 of the vote is .99 (recognition.md)
_SAME_PLACE = 0.8  # share of the picture that the other's quad covers, and the other way round
_SAME_KEYPOINTS = 0.3  # share of the keypoints that agree; re-encoded copies keep over half


def check(
    pictures: Iterable[Picture],
    channel: OpenChannel | None,
    jobs: int | None,
    limits: DecodeLimits = LOCAL,
) -> Iterator[CheckResult]:
    """Yield a verdict on each picture, in order; also against the pictures before it. Writes nothing."""
    preset = channel.preset if channel else DEFAULT_PRESET
    keep = channel is None or channel.settings.keep_pictures  # as `add` would, for the same level and hints
    tasks = (
        EnrollTask(picture=picture, preset=preset, limits=limits, keep_picture=keep) for picture in pictures
    )
    with _Batch() as batch:
        for done in OrderedWork(enroll, jobs=jobs).run(tasks):
            for task, outcome in done:
                yield _verdict(task.picture.name, outcome, channel, batch)


@contextmanager
def duplicate_search(channel: OpenChannel | None, options: AddOptions) -> Iterator[DuplicateSearch | None]:
    """Give the search that `no_duplicates` asks for; a dry run also remembers what it would have added."""
    if not options.no_duplicates:
        yield None
        return
    with _Batch() as batch:

        def search(name: str, enrolment: Enrolment) -> list[Duplicate]:
            found = look_alikes(Features.from_bytes(enrolment.features), channel)
            return found + batch.meet(name, enrolment) if options.dry_run else found

        yield search


def look_alikes(features: Features, channel: OpenChannel | None) -> list[Duplicate]:
    """Return the targets of `channel` that the picture of `features` would be taken for, best first."""
    if channel is None:
        return []
    with searched([channel]) as (opened,):
        found = list(_resembling(features, opened))
    return sorted(found, key=lambda duplicate: (-duplicate.score, duplicate.identifier))


def _resembling(features: Features, channel: StoredChannel) -> Iterator[Duplicate]:
    shortlist = channel.shortlist(features, _SHORTLIST)
    for row_id, other in channel.features([row_id for row_id, _ in shortlist]).items():
        verification = verify(features, other)
        value = score(verification, other.preset)
        if value < default_threshold(other.preset):
            continue
        yield Duplicate(
            identifier=channel.row(row_id).identifier,
            channel=channel.name,
            kind="duplicate" if _same(features, other, verification) else "look-alike",
            score=value,
            inliers=verification.num_inliers,
        )


def _same(features: Features, other: Features, verification: Verification) -> bool:
    """Say whether both show the same content in the same frame."""
    assert verification.quad is not None, "an accepted candidate has a quad"
    agreeing = verification.num_inliers / max(1, min(len(features), len(other)))
    return agreeing >= _SAME_KEYPOINTS and overlap(verification.quad, features.image_size) >= _SAME_PLACE


def _verdict(image: str, outcome: object, channel: OpenChannel | None, batch: _Batch) -> CheckResult:
    if isinstance(outcome, ArcliError):
        return CheckResult(image=image, error=outcome.about(image))
    if isinstance(outcome, Exception):
        raise outcome
    assert isinstance(outcome, Enrolment), "without a known hash nothing is unchanged"
    in_channel = look_alikes(Features.from_bytes(outcome.features), channel)
    return CheckResult(
        image=image,
        level=outcome.level,
        hints=outcome.hints,
        duplicates=tuple(in_channel + batch.meet(image, outcome)),
    )


class _Batch:
    """The pictures seen so far, in a channel of their own in a temporary folder: bounded memory."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="arcli-")
        self._channels = Channels(Path(self._folder.name) / "data")
        self._images: dict[str, str] = {}

    def __enter__(self) -> _Batch:
        return self

    def __exit__(self, *exc: object) -> None:
        self._channels.close()
        self._folder.cleanup()

    def meet(self, image: str, enrolment: Enrolment) -> list[Duplicate]:
        """Return the earlier pictures that this one resembles, then remember it."""
        channel = self._channels.find("batch") or self._channels.create("batch", ChannelSettings())
        features = Features.from_bytes(enrolment.features)
        found = look_alikes(features, channel) if self._images else []
        identifier = f"{len(self._images):08d}"
        self._images[identifier] = image
        with channel.store.write() as writer:
            writer.insert(NewTarget(identifier=identifier, features=enrolment.features))
        channel.fold()
        return [self._as_image(duplicate) for duplicate in found]

    def _as_image(self, duplicate: Duplicate) -> Duplicate:
        assert duplicate.identifier is not None
        return Duplicate(
            identifier=None,
            channel=None,
            kind=duplicate.kind,
            score=duplicate.score,
            inliers=duplicate.inliers,
            image=self._images[duplicate.identifier],
        )
