"""What `doctor` checks in a data folder: the catalog, every channel's store, counts and index."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from arcli.engine.admin import seal_all
from arcli.engine.channels import Channels, OpenChannel
from arcli.engine.indexing.index_check import repair_index, verify_index
from arcli.errors import ArcliError, DataDamaged, PictureRefused, ShellHint
from arcli.features import Features
from arcli.models import Finding
from arcli.store.counts import Counts
from arcli.store.repair.check import (
    accept_losses,
    advice,
    repair_store,
    verify_counts,
    verify_store,
)
from arcli.store.repair.mends import renew_counts
from arcli.store.repair.rebuild import rebuild_catalog, repair_pages, verify_catalog
from arcli.store.snapshot import Snapshot
from arcli.vision.decoding.limits import LOCAL


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOptions:
    """pictures (5 to 200) of a channel, evenly spread, that are extracted again; 20 take some 3 s.
    corners_off (.01 to .1): how far off the corners may be, of the longer side; both show the whole picture.
    """

    pictures: int = 20
    corners_off: float = 0.05


SAMPLE = SampleOptions()


def verify(channels: Channels, name: str | None) -> Iterator[Finding]:
    """Check everything, or one channel; changes nothing. Raises ChannelNotFound."""
    return _once(_verify(channels, name))


def _once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Leave out problems that were already reported: catalog, repair and channel find the same ones."""
    reported: set[tuple[str, str]] = set()
    for finding in findings:
        problem = (finding.subject, finding.message)
        if finding.ok or problem not in reported:
            yield finding
        if not finding.ok:
            reported.add(problem)


def _verify(channels: Channels, name: str | None) -> Iterator[Finding]:
    if name is None:
        yield from verify_catalog(channels.data_dir)
    for each in [name] if name is not None else _names(channels):
        yield from _verify_channel(channels, each)


def repair(channels: Channels, name: str | None) -> Iterator[Finding]:
    """Repair what can be repaired, then check. Raises ChannelNotFound."""
    return _once(_repair(channels, name))


def _repair(channels: Channels, name: str | None) -> Iterator[Finding]:
    if name is None:
        channels.close()
        yield from rebuild_catalog(channels.data_dir)
    for each in [name] if name is not None else _names(channels):
        try:
            opened = channels.get(each)
            yield from repair_pages(opened.store, opened.record)
            yield from repair_store(opened.store)
            yield from accept_losses(channels.get(each).store.database)
            seal_all(channels.get(each).store)
            yield from repair_index(channels.get(each).store)
            yield from renew_counts(Counts(channels.get(each).store.folder))
        except ArcliError as error:
            yield Finding.of(each, error, hint=advice(error))
    yield from _verify(channels, name)


def compare_samples(channels: Channels, name: str | None) -> Iterator[Finding]:
    """Extract features of a sample of kept pictures again and compare them with the stored ones."""
    for each in [name] if name is not None else _names(channels):
        try:
            yield from _compare_sample(channels.get(each))
        except ArcliError as error:
            yield Finding.of(each, error, hint=advice(error))


def _compare_sample(channel: OpenChannel) -> Iterator[Finding]:
    with channel.store.read() as snapshot:
        select = "SELECT row_id FROM pictures ORDER BY row_id"
        kept = [row for (row,) in snapshot.connection.execute(select)]
        sample = kept[:: max(1, -(-len(kept) // SAMPLE.pictures))]
        rows, features = snapshot.rows(sample), snapshot.features(sample)
        bad = [
            row
            for row_id, row in rows.items()
            if row_id in features and not _agrees(snapshot, row_id, features[row_id], channel.preset)
        ]
    for row in bad:
        message = "its kept picture does not show what its features are of"
        hint = ShellHint("replace its picture: arcli update --image")
        yield Finding(subject=f"{channel.name}/{row.identifier}", ok=False, message=message, hint=hint)
    if not bad:
        message = f"features of {len(rows):,} of {len(kept):,} kept pictures agree with what is stored"
        yield Finding(subject=channel.name, ok=True, message=message)


def _agrees(snapshot: Snapshot, row_id: int, stored: bytes, preset: int) -> bool:
    """Say whether features of the kept picture, which is smaller than the one that was added, match.

    A picture that fails its checksum is reported elsewhere.
    """
    from arcli.vision.geometry import corners
    from arcli.vision.matching.verify import verify
    from arcli.vision.rating.enrolment import enrolled

    with contextlib.suppress(DataDamaged):
        data = snapshot.picture(row_id)
        if data is None:
            return True
        try:
            again = enrolled(data, name=str(row_id), limits=LOCAL, keep_picture=False, preset=preset)
        except PictureRefused:
            return False
        found = verify(again.features, Features.from_bytes(stored))
        if found.refusal is not None or found.quad is None:
            return False
        off = abs(found.quad - corners(again.features.image_size)).max()
        return bool(off <= SAMPLE.corners_off * max(again.features.image_size))
    return True


def _names(channels: Channels) -> Sequence[str]:
    """Return the channels that the catalog names; an unreadable catalog was reported before."""
    try:
        return channels.names()
    except ArcliError:
        return []


def _verify_channel(channels: Channels, name: str) -> Iterator[Finding]:
    try:
        opened = channels.get(name)
    except ArcliError as error:
        if channels.catalog().exists() and name not in channels.names():
            raise
        yield Finding.of(name, error, hint=advice(error))
        return
    yield from verify_store(opened.store, Features.from_bytes)
    yield from verify_index(opened.store)
    with Counts(opened.store.folder) as counts:
        yield from verify_counts(counts)
