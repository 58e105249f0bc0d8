"""Moving a channel to another feature preset, where it is, while others search it and add to it.

Presets with the same codes can be compared, so targets may have either until all are moved. The channel gets
the new preset first: what is added from then on has it. Then target by target: what is stored is encoded
anew, or, where it holds less than the new preset keeps, the kept picture is extracted again. Whatever was
moved has the preset, so that the same call continues after an interruption.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from arcli.errors import ArcliError, ChannelNotFound, DataDamaged, PictureNotKept, naming
from arcli.features import Features
from arcli.files import FolderGone, file_lock
from arcli.models import FeaturePreset, Upgraded, UpgradeStatus
from arcli.parallel import OrderedWork
from arcli.vision.decoding.limits import LOCAL
from arcli.vision.features.presets import EXACT

if TYPE_CHECKING:
    from arcli.engine.channels import Channels
    from arcli.store.channel import ChannelStore
    from arcli.store.snapshot import Snapshot

LOCK_FILE = "upgrade.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeOptions:
    """batch (16 to 256): targets in one transaction, some 100 kB each with a picture. Chosen."""

    batch: int = 64


UPGRADE = UpgradeOptions()


@dataclass(frozen=True, slots=True)
class Task:
    """A target to move: its features as they are stored, and its picture if that is needed and kept."""

    row_id: int
    identifier: str
    stored: bytes
    picture: bytes | None
    preset: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The features to store; None: the target has the preset already."""

    status: UpgradeStatus
    data: bytes | None = None


def upgrade(
    channels: Channels, name: str, preset: FeaturePreset, *, jobs: int | None = None
) -> Iterator[Upgraded]:
    """Yield each target when it has the preset, or with an error when it stays as it is.

    Raises ChannelNotFound, Locked while somebody else does this, StorageNotWritable, DiskFull.
    """
    opened = channels.get(name)
    with _alone(opened.store):
        channels.catalog().set_preset(opened.name, preset.number)
        store = channels.get(name).store
        exact = preset.number in EXACT
        work = OrderedWork(moved, jobs=jobs if exact else 1, batch_size=UPGRADE.batch)
        for batch in work.run(_tasks(store, preset.number)):
            yield from _write(store, batch)
        store.shrink()


@contextmanager
def _alone(store: ChannelStore) -> Iterator[None]:
    try:
        with file_lock(store.folder / LOCK_FILE, timeout=0):
            yield
    except FolderGone as error:
        raise ChannelNotFound(f"the channel in {store.folder} is gone", item=str(store.folder)) from error


def _tasks(store: ChannelStore, preset: int) -> Iterator[Task]:
    last = 0
    while True:
        with store.read() as snapshot:
            stored = dict(snapshot.features_after(last, UPGRADE.batch))
            rows = snapshot.rows(stored)
            tasks = [
                Task(row, rows[row].identifier, data, _picture(snapshot, row, data, preset), preset)
                for row, data in stored.items()
                if row in rows
            ]
        if not stored:
            return
        last = max(stored)
        yield from tasks


def _picture(snapshot: Snapshot, row_id: int, stored: bytes, preset: int) -> bytes | None:
    """Return the kept picture, if the features have to be extracted from it and it is sound."""
    try:
        had = Features.from_bytes(stored).preset
        return None if had == preset or had in EXACT else snapshot.picture(row_id)
    except DataDamaged:
        return None


def moved(task: Task) -> Outcome:
    """Do what may run in a worker. Raises DataDamaged, PictureNotKept, a PictureRefused."""
    from arcli.vision.rating.enrolment import enrolled

    with naming(task.identifier):
        features = Features.from_bytes(task.stored)
        if features.preset == task.preset:
            return Outcome(UpgradeStatus.UNCHANGED)
        if features.preset in EXACT:
            return Outcome(UpgradeStatus.CONVERTED, replace(features, preset=task.preset).to_bytes())
        if task.picture is None:
            raise PictureNotKept(f"no picture of {task.identifier} is kept: its features stay as they are")
        again = enrolled(
            task.picture, name=task.identifier, limits=LOCAL, keep_picture=False, preset=task.preset
        )
    return Outcome(UpgradeStatus.EXTRACTED, again.features.to_bytes())


def _write(store: ChannelStore, batch: list[tuple[Task, Outcome | Exception]]) -> Iterator[Upgraded]:
    """Store what was made in one transaction; a target that was removed meanwhile is no longer there."""
    ready = [(task, one) for task, one in batch if isinstance(one, Outcome) and one.data is not None]
    if ready:
        with store.write() as writer:
            for task, one in ready:
                assert one.data is not None
                writer.set_features(task.row_id, one.data)
    for task, made in batch:
        if isinstance(made, Outcome):
            yield Upgraded(identifier=task.identifier, status=made.status)
        elif isinstance(made, ArcliError):
            yield Upgraded(identifier=task.identifier, status=UpgradeStatus.KEPT, error=made)
        else:
            raise made
