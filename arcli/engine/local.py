"""LocalGallery: the embedded engine as a `Gallery`; no server, no account, a folder of files."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from arcli import __version__
from arcli.engine.admin import LocalAdmin
from arcli.engine.channels import ChannelLimits, Channels, OpenChannel
from arcli.engine.counting import TIMING, flush, statistics
from arcli.errors import ChannelExists, PictureNotKept, ShellHint, TargetNotFound
from arcli.models import (
    AddItem,
    AddOptions,
    AddResult,
    Capabilities,
    ChannelSettings,
    CheckResult,
    ClusterState,
    FindOptions,
    FindResult,
    ListQuery,
    Picture,
    RemoveResult,
    RemoveStatus,
    StatisticsQuery,
    StatRecord,
    Target,
    TargetChanges,
    TargetPage,
    valid_changes,
    valid_identifier,
)
from arcli.parallel import multiply_in_one_thread
from arcli.vision.decoding.limits import LOCAL, DecodeLimits

if TYPE_CHECKING:
    from arcli.engine.enroll import Enrolment
    from arcli.engine.finding import LeftOut
    from arcli.store.rows import TargetRow


class LocalGallery(LocalAdmin):
    """The galleries of one data folder. Processes and threads may share it; close it when done.

    background: separate processes maintain the index, so that no call waits for it (a server). limits: what a
    picture may cost to decode. index_memory: bytes that opened indexes take together, without the one in use;
    None: as many as there are.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        background: bool = False,
        limits: DecodeLimits = LOCAL,
        index_memory: int | None = None,
    ) -> None:
        self._limits = limits
        multiply_in_one_thread()
        opened = ChannelLimits(memory=index_memory)
        super().__init__(Channels(data_dir, background=background, limits=opened))

    def __enter__(self) -> LocalGallery:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self.flush_counts(patience=TIMING.patience)
        self._channels.close()

    @property
    def index_memory(self) -> int:
        """Bytes of memory that the opened indexes take together."""
        return sum(channel.index_memory for channel in self._channels.opened())

    def flush_counts(self, *, patience: float = 0.0) -> None:
        """Write the match counts so far; what cannot be written at once is kept for the next time."""
        flush(self._channels.opened(), patience=patience)

    def state(self) -> ClusterState | None:
        """Return what an operator of a cluster watches; None for a data folder."""
        return None

    def look_after_indexes(self) -> None:
        """Do the index work that is due in open channels, including what others left undone or damaged."""
        for opened in self._channels.opened():
            opened.fold()

    def capabilities(self) -> Capabilities:
        features = {"channels", "maintenance", "picture", "check", "candidates", "prefix", "replace"}
        features.add("find_options")  # the same name as a service reports: protocols.extensions.Feature
        return Capabilities(backend="local", version=__version__, features=frozenset(features))

    def add(self, *, channel: str, item: AddItem, options: AddOptions = AddOptions()) -> AddResult:
        with closing(self.add_many(channel=channel, items=[item], options=options)) as results:
            result = next(results)
        if result.error is not None:
            raise result.error
        if not options.dry_run:
            self._channels.get(channel).fold_later()
        return result

    def add_many(
        self, *, channel: str, items: Iterable[AddItem], options: AddOptions = AddOptions()
    ) -> Generator[AddResult]:
        from arcli.engine.adding import Loader
        from arcli.engine.duplicates import duplicate_search
        from arcli.vision.features.presets import DEFAULT_PRESET

        target = self._channel_to_add(channel, options)
        preset = target.preset if target else DEFAULT_PRESET
        if target is not None:
            target.fold_owed()
            target.reserve.keep()
        with duplicate_search(target, options) as duplicates:
            loader = Loader(target, options, preset=preset, duplicates=duplicates, limits=self._limits)
            yield from loader.run(items)

    def _channel_to_add(self, name: str, options: AddOptions) -> OpenChannel | None:
        """Return the channel, created if necessary; None in a dry run that would create it."""
        if not options.create_channel:
            return self._channels.get(name)
        found = self._channels.find(name)
        if found is not None or options.dry_run:
            return found
        try:
            return self._channels.create(name, ChannelSettings())
        except ChannelExists:  # another process has just made it
            return self._channels.get(name)

    def remove(self, *, channel: str, identifier: str) -> bool:
        valid_identifier(identifier)
        (result,) = self.remove_many(channel=channel, identifiers=[identifier])
        return result.status is RemoveStatus.REMOVED

    def remove_many(self, *, channel: str, identifiers: Iterable[str]) -> Iterator[RemoveResult]:
        from arcli.engine.removing import remove_many

        yield from remove_many(self._channels.get(channel), identifiers)

    def take_out(self, *, channel: str, identifier: str) -> bytes:
        from arcli.engine.removing import take_out

        return take_out(self._channels.get(channel), identifier)

    def put_back(self, *, channel: str, kept: bytes) -> Target:
        from arcli.engine.removing import put_back

        return put_back(self._channels.get(channel), kept)

    def list(self, *, channel: str, query: ListQuery = ListQuery()) -> TargetPage:
        with self._channels.get(channel).store.read() as snapshot:
            total, rows = snapshot.list(query)
        return TargetPage(totalcount=total, targets=tuple(row.as_target() for row in rows))

    def get(self, *, channel: str, identifier: str) -> Target:
        return self._row(self._channels.get(channel), identifier).as_target()

    def picture(self, *, channel: str, identifier: str) -> bytes:
        opened = self._channels.get(channel)
        row = self._row(opened, identifier)
        with opened.store.read() as snapshot:
            kept = snapshot.picture(row.row_id)
        if kept is None:
            raise PictureNotKept(
                f"the picture of {identifier} was not kept",
                hint=ShellHint("channels keep pictures unless set otherwise: arcli channel show"),
                item=identifier,
            )
        return kept

    def _row(self, opened: OpenChannel, identifier: str) -> TargetRow:
        valid_identifier(identifier)
        with opened.store.read() as snapshot:
            row = snapshot.target(identifier)
        if row is None:
            raise TargetNotFound(f"no target {identifier} in channel {opened.name!r}", item=identifier)
        return row

    def update(self, *, channel: str, identifier: str, changes: TargetChanges) -> Target:
        valid_changes(changes)
        opened = self._channels.get(channel)
        row = self._row(opened, identifier)
        from arcli.engine.enroll import renewed

        enrolment = self._enroll(opened, row, changes.picture) if changes.picture else None
        opened.fold_owed()
        with opened.store.write() as writer:
            present = writer.target(identifier)  # as it is now: somebody may have changed it since
            if enrolment is not None and present is not None:
                writer.replace(renewed(present, enrolment))
            row = writer.update(identifier, changes)
        opened.fold_later()
        return row.as_target()

    def _enroll(self, opened: OpenChannel, row: TargetRow, picture: Picture) -> Enrolment | None:
        """Enroll the picture that is to replace the target's; None when it is the same."""
        from arcli.engine.enroll import EnrollTask, Unchanged, enroll

        outcome = enroll(
            EnrollTask(
                picture=picture,
                preset=opened.preset,
                limits=self._limits,
                keep_picture=opened.settings.keep_pictures,
                known_hash=row.picture_hash,
            )
        )
        return None if isinstance(outcome, Unchanged) else outcome

    def find(
        self, *, picture: Picture, channels: Sequence[str] | None, options: FindOptions = FindOptions()
    ) -> FindResult:
        from arcli.engine.finding import find_sound

        searched, left_out = self._searched(channels, options)
        return find_sound(picture, searched, options, self._limits, left_out=left_out)

    def find_many(
        self,
        *,
        pictures: Iterable[Picture],
        channels: Sequence[str] | None,
        options: FindOptions = FindOptions(),
    ) -> Iterator[FindResult]:
        from arcli.engine.finding import find_many

        searched, left_out = self._searched(channels, options)
        yield from find_many(pictures, searched, options, self._limits, left_out=left_out)

    def _searched(
        self, names: Sequence[str] | None, options: FindOptions
    ) -> tuple[Sequence[OpenChannel], LeftOut | None]:
        """Open the channels to search; with None, all that can be read.

        The second names, in the log, those that turn out to be unreadable; None: then the lookup fails.
        """
        if names is None or options.sound_only:
            found = self._channels.sound(self._channels.names() if names is None else names)
            return found, self._channels.warn
        return [self._channels.get(name) for name in names], None

    def check(
        self, *, pictures: Iterable[Picture], channel: str | None, jobs: int | None = None
    ) -> Iterator[CheckResult]:
        from arcli.engine.duplicates import check

        opened = self._channels.find(channel) if channel is not None else None
        yield from check(pictures, opened, jobs, self._limits)

    def statistics(self, *, query: StatisticsQuery) -> Iterator[StatRecord]:
        self.flush_counts(patience=TIMING.patience)
        if query.channel is not None:
            return statistics([self._channels.get(query.channel)], query)
        sound = self._channels.sound(self._channels.names())
        return statistics(sound, query, left_out=self._channels.warn)
