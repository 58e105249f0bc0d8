"""ClusterGallery: the engine over PostgreSQL and Milvus, for any number of machines at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from arcli import __version__
from arcli.engine.cluster.carrier import CARRIER
from arcli.engine.cluster.channels import ClusterChannels
from arcli.engine.indexing.coverage import INDEXING
from arcli.engine.local import LocalGallery
from arcli.errors import ArcliError, NotSupported, ShellHint
from arcli.index.milvus import MILVUS, MilvusCollection
from arcli.models import (
    Capabilities,
    ChannelInfo,
    ChannelSettings,
    ClusterState,
    FeaturePreset,
    Finding,
    Upgraded,
)
from arcli.parallel import multiply_in_one_thread
from arcli.store.postgres.catalog import channel_number
from arcli.vision.decoding.limits import LOCAL, DecodeLimits


class ClusterGallery(LocalGallery):
    """The galleries of one cluster. Processes and threads may share it; close it when done.

    postgres: a DSN. milvus: a URI. background: a thread brings what is added into Milvus, so that no call
    waits for it (a server).
    """

    def __init__(
        self, postgres: str, milvus: str, *, background: bool = False, limits: DecodeLimits = LOCAL
    ) -> None:
        self._limits = limits
        multiply_in_one_thread()
        self.channels_opened = ClusterChannels(postgres, milvus, background=background)
        self._channels = self.channels_opened

    def __enter__(self) -> ClusterGallery:
        return self

    def look_after_indexes(self) -> None:
        """Bring into Milvus what others left pending."""
        self.channels_opened.carrier.nudge()

    def state(self) -> ClusterState:
        return self.channels_opened.transit.state()

    def capabilities(self) -> Capabilities:
        local = super().capabilities()
        return Capabilities(backend="cluster", version=__version__, features=local.features)

    def channels(self) -> Sequence[ChannelInfo]:
        return [self._describe(record.name) for record in self.channels_opened.catalog().channels()]

    def channel(self, *, name: str) -> ChannelInfo:
        return self._describe(name)

    def create_channel(self, *, name: str, settings: ChannelSettings = ChannelSettings()) -> ChannelInfo:
        return self._describe(self.channels_opened.create(name, settings).name)

    def rename_channel(self, *, name: str, new: str) -> ChannelInfo:
        record = self.channels_opened.catalog().rename_channel(name, new)
        self.channels_opened.renamed(name, record)
        return self._describe(record.name)

    def copy_channel(self, *, name: str, new: str) -> ChannelInfo:
        copied = self.channels_opened.get(self.channels_opened.catalog().copy_channel(name, new).name)
        copied.fold()
        return self._describe(copied.name)

    def compact(self, *, channel: str) -> ChannelInfo:
        """Bring into Milvus all that is pending, and delete there what was removed.

        Raises Locked while another process does, Unreachable.
        """
        opened = self.channels_opened.get(channel)
        self.channels_opened.carrier.carry(removed_seconds=0)
        return self._describe(opened.name)

    def upgrade(
        self,
        *,
        channel: str,
        preset: FeaturePreset,
        jobs: int | None = None,  # noqa: ARG002 - nothing is extracted
    ) -> Iterator[Upgraded]:
        raise NotSupported(f"a cluster cannot move channel {channel!r} to preset {preset}")

    def _describe(self, name: str) -> ChannelInfo:
        opened = self.channels_opened.get(name)
        number = channel_number(opened.record)
        with opened.store.read() as snapshot:
            targets = snapshot.count()
        pending = self.channels_opened.transit.waiting(number)
        return ChannelInfo(
            name=opened.name,
            settings=opened.settings,
            preset=str(opened.preset),
            targets=targets,
            created=opened.record.created,
            segments=(),
            delta_rows=pending,
            tombstones=self.channels_opened.transit.removed(number),
            store_bytes=self.channels_opened.catalog().bytes_of(number) if targets else 0,
            index_bytes=self._index_bytes(number) if targets > pending else 0,
        )

    def _index_bytes(self, number: int) -> int:
        """Return what a channel's descriptors take in Milvus, by their number; 0 where it does not answer."""
        place = self.channels_opened.transit.place()
        collection = MilvusCollection(self.channels_opened.service, place.collection)
        try:
            return collection.count(number, exact=False) * MILVUS.descriptor_bytes
        except ArcliError:
            return 0

    def verify(self, *, channel: str | None = None) -> Iterator[Finding]:
        """Compare each channel's targets in PostgreSQL with its descriptors in Milvus."""
        catalog = self.channels_opened.catalog()
        records = catalog.channels() if channel is None else [catalog.channel(channel)]
        yield Finding(subject="PostgreSQL", ok=True, message=f"{len(records)} channels")
        for record in records:
            yield self._compare(record.name)

    def _compare(self, name: str) -> Finding:
        opened = self.channels_opened.get(name)
        subject = f"channel {name}"
        place = self.channels_opened.transit.place()
        try:
            with opened.store.read() as snapshot:
                targets = snapshot.count()
            number = channel_number(opened.record)
            pending, removed = (
                self.channels_opened.transit.waiting(number),
                self.channels_opened.transit.removed(number),
            )
            collection = MilvusCollection(self.channels_opened.service, place.collection)
            descriptors = collection.count(number) if targets > pending else 0
        except ArcliError as error:
            return Finding.of(subject, error)
        return _verdict(subject, targets, pending, removed, descriptors)

    def repair(self, *, channel: str | None = None) -> Iterator[Finding]:
        """Fill Milvus again from PostgreSQL where it lacks something; searches go on meanwhile."""
        found = list(self.verify(channel=channel))
        yield from (finding for finding in found if finding.ok)
        bad = [finding for finding in found if not finding.ok]
        if not bad:
            self.channels_opened.carrier.carry(removed_seconds=CARRIER.removed_seconds)
            return
        self.channels_opened.transit.begin_again()
        carried = self.channels_opened.carrier.carry()
        for finding in bad:
            message = f"{finding.message}: Milvus was filled again with {carried:,} targets"
            yield Finding(subject=finding.subject, ok=False, message=message, repaired=True)


def _verdict(subject: str, targets: int, pending: int, removed: int, descriptors: int) -> Finding:
    """Say whether so many descriptors can be those of the targets that are not pending."""
    most = (targets - pending + removed) * INDEXING.keypoints
    message = f"{targets:,} targets, {pending:,} on their way into Milvus, which has {descriptors:,} codes"
    ok = (descriptors >= targets - pending) and descriptors <= most
    hint = None if ok else ShellHint("arcli doctor --repair fills it again from PostgreSQL")
    return Finding(subject=subject, ok=ok, message=message, hint=hint)
