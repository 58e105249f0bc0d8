"""Judging pictures before they are added: level, hints, and which targets they would be mistaken for.

What resembles a picture is found by recognition. Whether it is a duplicate is decided by comparing what both
show: a smaller, cropped or re-encoded copy is one, other art on the same template is not.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arcli.engine.channels import Channels, OpenChannel
from arcli.engine.enroll import EnrollTask, Enrolment, enroll
from arcli.engine.finding import ChannelFailed, StoredChannel, searched
from arcli.engine.recognition.candidates import GalleryTarget
from arcli.engine.recognition.photo_view import PhotoView
from arcli.engine.recognition.verification import settled, verified
from arcli.errors import ArcliError
from arcli.features import Features
from arcli.models import AddOptions, ChannelSettings, CheckResult, Duplicate, Picture
from arcli.parallel import OrderedWork
from arcli.store.rows import NewTarget
from arcli.vision.decoding.decode import Decoded
from arcli.vision.decoding.limits import LOCAL, DecodeLimits
from arcli.vision.drawing.thumbnail import thumbnail_pixels
from arcli.vision.features.extract import in_gray, resized
from arcli.vision.features.presets import DEFAULT_PRESET
from arcli.vision.geometry import pixel_size, scaling
from arcli.vision.scoring.same_picture import is_same_picture
from arcli.vision.scoring.score import default_threshold

if TYPE_CHECKING:
    from arcli.engine.adding import DuplicateSearch


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateOptions:
    """shortlist: targets that a picture is compared with (5 to 30).

    What it would be mistaken for is at the top: R@5 of the vote is .99 (docs/appendix/recognition.md, step
    3).
    """

    shortlist: int = 15


OPTIONS = DuplicateOptions()


def check(
    pictures: Iterable[Picture],
    channel: OpenChannel | None,
    jobs: int | None,
    limits: DecodeLimits = LOCAL,
) -> Iterator[CheckResult]:
    """Yield a verdict on each picture, in order, comparing it with the pictures before it too.

    Writes nothing.
    """
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
    """Yield the search that `no_duplicates` needs; a dry run also remembers what it would have added."""
    if not options.no_duplicates:
        yield None
        return
    with _Batch() as batch:

        def search(name: str, enrolment: Enrolment) -> list[Duplicate]:
            found = look_alikes(enrolment, channel)
            return found + batch.meet(name, enrolment) if options.dry_run else found

        yield search


def look_alikes(enrolment: Enrolment, channel: OpenChannel | None) -> list[Duplicate]:
    """Return the targets of `channel` that the picture would be taken for, best first."""
    if channel is None:
        return []
    try:
        with searched([channel]) as (opened,):
            found = list(_resembling(enrolment, opened))
    except ChannelFailed as failed:
        raise failed.error from failed.error.__cause__
    return sorted(found, key=lambda duplicate: (-duplicate.score, duplicate.identifier))


def _resembling(enrolment: Enrolment, channel: StoredChannel) -> Iterator[Duplicate]:
    """Yield the targets that reach the default threshold, by the recogniser's own verification and score.

    This is not a whole lookup, which gives one target for each place in a photo: here a picture is compared
    with all that it resembles, and the thresholds of single targets do not matter.
    """
    view = _view(enrolment)
    loaded = channel.load([row_id for row_id, _ in channel.shortlist(view.query, OPTIONS.shortlist)], None)
    for row_id, (features, _, small) in loaded.items():
        target = GalleryTarget(channel, row_id, 0.0, features, default_threshold(features.preset), small)
        one = verified(view, view.query, target)
        if one.reason is not None:
            continue
        same = target.thumbnail is not None and is_same_picture(
            view.photo, view.query, target.thumbnail, features, one.verification
        )
        if not same and one.borderline:
            one = settled(view, one)
        if one.reason is None:
            yield Duplicate(
                identifier=channel.row(row_id).identifier,
                channel=channel.name,
                kind="duplicate" if same else "look-alike",
                score=one.score,
                inliers=one.inliers,
            )


def _view(enrolment: Enrolment) -> PhotoView:
    """Return an enrolled picture as a view for the recogniser, with the features that would be stored."""
    features = Features.from_bytes(enrolment.features)
    pixels = thumbnail_pixels(enrolment.picture or enrolment.thumbnail)
    assert pixels is not None, "what was just encoded can be decoded"
    decoded = Decoded(pixels, pixel_size(pixels), "jpeg")
    to_photo = scaling(features.image_size, pixel_size(pixels))
    return PhotoView(decoded, features, lambda: in_gray(resized(pixels, features.image_size)), to_photo)


def _verdict(image: str, outcome: object, channel: OpenChannel | None, batch: _Batch) -> CheckResult:
    if isinstance(outcome, ArcliError):
        return CheckResult(image=image, error=outcome.about(image))
    if isinstance(outcome, Exception):
        raise outcome
    assert isinstance(outcome, Enrolment), "without a known hash nothing is unchanged"
    in_channel = look_alikes(outcome, channel)
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
        found = look_alikes(enrolment, channel) if self._images else []
        identifier = f"{len(self._images):08d}"
        self._images[identifier] = image
        with channel.store.write() as writer:
            writer.insert(
                NewTarget(identifier=identifier, features=enrolment.features, thumbnail=enrolment.thumbnail)
            )
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
