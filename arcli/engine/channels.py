"""The channels of a data folder, opened once and shared by the threads of a process."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from arcli.errors import ArcliError, ChannelNotFound
from arcli.models import ChannelSettings, valid_channel_name
from arcli.store.catalog import Catalog, ChannelRecord
from arcli.store.channel import ChannelStore
from arcli.store.counts import Counts
from arcli.store.renaming import put_name_right
from arcli.store.repair.check import LOST_HINT, loss_message
from arcli.store.reserve import Reserve

if TYPE_CHECKING:
    from arcli.engine.indexing.index_builder import IndexBuilder
    from arcli.engine.indexing.shortlist import Shortlister
    from arcli.engine.recognition.candidates import Codes, Known, RowVotes
    from arcli.store.protocols import MatchCounts

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLimits:
    """What a process keeps of its channels, and does in addition to their changes.

    kept_indexes (1 to 10,000): how many opened indexes stay in memory, those of the channels used last.
    memory: bytes that they take together (None: no limit), without the one in use; pages of mapped files do
    not count, since the system takes those back. sealed_rows (1 to 1,000): targets of an earlier arcli that
    get their checksum after each change: 64 take some 20 ms.
    """

    kept_indexes: int = 256
    memory: int | None = None
    sealed_rows: int = 64


LIMITS = ChannelLimits()


class OpenChannel:
    """One channel: its record in the catalog, its store and its counts. Close it when done.

    background: no call waits for the index, not even for a small fold.
    """

    def __init__(self, record: ChannelRecord, *, background: bool = False) -> None:
        self.record = record
        self._background = background
        self._guard = threading.Lock()
        self._builder: IndexBuilder | None = None
        self._owing = False
        self.store = ChannelStore.open(record.folder)
        self.counts: MatchCounts = Counts(record.folder)
        self.reserve = Reserve(record.folder.parent.parent)
        self._shortlister: Shortlister | None = None
        self.uncounted: str | None = None  # why the counts could not be written the last time

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def settings(self) -> ChannelSettings:
        return self.record.settings

    @property
    def preset(self) -> int:
        return self.record.preset

    def shortlister(self) -> Shortlister:
        """Return the search over the channel's index, which keeps opened segments between lookups."""
        from arcli.engine.indexing.shortlist import Shortlister

        with self._guard:
            if self._shortlister is None:
                self._shortlister = Shortlister(self.store, background=self._background)
            return self._shortlister

    def fold(self) -> None:
        """Bring the index up to date if its delta has grown; the caller has acknowledged what it added."""
        from arcli.engine.indexing.index_builder import BUILDER, IndexBuilder

        with self._guard:
            if self._builder is None:
                inline_rows = 0 if self._background else BUILDER.inline_rows
                self._builder = IndexBuilder(self.store, inline_rows=inline_rows)
        self._builder.nudge()
        with contextlib.suppress(ArcliError):  # what cannot be written now gets its checksum later
            self.store.seal(rows=LIMITS.sealed_rows)

    def fold_later(self) -> None:
        """Let the caller acknowledge one change first: fold before the next change, or at the end.

        A background builder begins at once.
        """
        self._owing = True
        if self._background:
            self.fold_owed()

    def fold_owed(self) -> None:
        """Do the fold that `fold_later` has postponed."""
        owing, self._owing = self._owing, False
        if owing:
            self.fold()

    @cached_property
    def known_codes(self) -> Known[Codes]:
        """The codes in targets that were compared last."""
        from arcli.engine.recognition.candidates import Known

        return Known()

    @cached_property
    def known_relatives(self) -> Known[Sequence[RowVotes]]:
        """The relatives of targets that were answered last."""
        from arcli.engine.recognition.candidates import Known

        return Known()

    @property
    def index_memory(self) -> int:
        """Bytes of memory that the opened index takes; 0 while it is not open."""
        shortlister = self._shortlister
        return 0 if shortlister is None else shortlister.memory

    def rest(self) -> None:
        """Release the opened index, and what is known of targets; the next lookup opens it again."""
        for known in ("known_codes", "known_relatives"):
            self.__dict__.pop(known, None)
        with self._guard:
            shortlister, self._shortlister = self._shortlister, None
        if shortlister is not None:
            shortlister.close()

    def abandon(self) -> None:
        """Close the channel without doing anything more for its index."""
        self._owing = False
        if self._builder is not None:
            self._builder.abandon()
            self._builder = None
        self.close()

    def close(self) -> None:
        self.fold_owed()
        if self._builder is not None:
            self._builder.finish()
        self.rest()
        self.counts.close()
        self.store.close()


class Channels:
    """Opens channels by name, creates them, and keeps those that were opened."""

    def __init__(self, data_dir: Path, *, background: bool = False, limits: ChannelLimits = LIMITS) -> None:
        self.data_dir = data_dir
        self._background = background
        self._limits = limits
        self._guard = threading.RLock()
        self._catalog: Catalog | None = None
        self._open: OrderedDict[str, OpenChannel] = OrderedDict()  # the most recently used at the end
        self._warned: dict[str, str] = {}

    def catalog(self, *, create: bool = False) -> Catalog:
        """Return the catalog; without `create`, a data folder that does not exist counts as empty."""
        with self._guard:
            if self._catalog is None:
                self._catalog = Catalog.open(self.data_dir, create=create)
            if create and not self._catalog.exists():
                self._catalog.make()
            return self._catalog

    def opened(self) -> list[OpenChannel]:
        """Return the channels that are open at the moment."""
        with self._guard:
            return list(self._open.values())

    def names(self) -> Sequence[str]:
        return [record.name for record in self.catalog().channels()]

    def get(self, name: str) -> OpenChannel:
        """Return an open channel, with its settings as they are now. Raises ChannelNotFound, DataDamaged.

        Opening it, and closing another for it, does not block calls for other channels.
        """
        record = self.catalog().channel(name)
        known = self._known(record)
        if known is not None:
            if self._limits.memory is not None:
                self._rest_others()
            return known
        opened = self._opened(record)
        with self._guard:
            known = self._known(record)
            if known is None:
                outdated = self._open.pop(record.name, None)
                self._open[record.name] = opened
            else:  # another thread was faster
                outdated, opened = opened, known
        if outdated is not None:
            outdated.close()
        self._rest_others()
        return opened

    def _opened(self, record: ChannelRecord) -> OpenChannel:
        opened = OpenChannel(record, background=self._background)
        put_name_right(record, opened.store)
        self._say_what_was_lost(opened)
        return opened

    def _say_what_was_lost(self, opened: OpenChannel) -> None:
        """Warn, once per process, about a channel in which acknowledged changes are missing."""
        lost = opened.store.database.lost()
        if lost is not None:
            _log.warning("channel %r: %s; %s", opened.name, loss_message(lost), LOST_HINT)

    def _rest_others(self) -> None:
        """Release the indexes of the least recently used channels beyond the limits; never the last."""
        with self._guard:
            recent = [*reversed(self._open.values())]
        left = self._limits.memory
        for number, channel in enumerate(recent):
            taken = channel.index_memory if left is not None else 0
            if number and (number >= self._limits.kept_indexes or (left is not None and taken > left)):
                channel.rest()
            elif left is not None:
                left -= taken

    def _known(self, record: ChannelRecord) -> OpenChannel | None:
        """Return the channel if it is open, and mark it as the most recently used."""
        with self._guard:
            known = self._open.get(record.name)
            if known is None or known.record.folder != record.folder:
                return None
            self._open.move_to_end(record.name)
            known.record = record
            return known

    def sound(self, names: Iterable[str]) -> list[OpenChannel]:
        """Return those of `names` that can be opened; the log names the others, once.

        If none can, raises the error of the first.
        """
        opened, failed = list[OpenChannel](), list[ArcliError]()
        for name in names:
            try:
                opened.append(self.get(name))
            except ArcliError as error:
                failed.append(error)
                self.warn(name, error)
        if failed and not opened:
            raise failed[0]
        return opened

    def warn(self, name: str, error: ArcliError) -> None:
        """Log that a channel is left out, unless that was logged already."""
        if self._warned.get(name) != error.message:
            self._warned[name] = error.message
            _log.warning("channel %r is left out: %s", name, error.message)

    def find(self, name: str) -> OpenChannel | None:
        """Return an open channel, or None when there is no such channel."""
        try:
            return self.get(name)
        except ChannelNotFound:
            return None

    def create(self, name: str, settings: ChannelSettings) -> OpenChannel:
        """Make a channel and open it. Raises ChannelExists, InvalidChannelName."""
        from arcli.vision.features.presets import DEFAULT_PRESET

        self.catalog(create=True).create_channel(name, settings, DEFAULT_PRESET)
        return self.get(name)

    def renamed(self, old: str, record: ChannelRecord) -> None:
        """Keep a channel open under its new name: lookups and counts that are not yet written go on."""
        with self._guard:
            known = self._open.pop(valid_channel_name(old), None)
            if known is None or known.record.folder != record.folder:
                return
            known.record = record
            self._open[record.name] = known
        put_name_right(record, known.store)  # in case it was opened in between

    def forget(self, name: str) -> None:
        """Close a channel that was removed; nothing more is done for its index."""
        with self._guard:
            known = self._open.pop(valid_channel_name(name), None)
        if known is not None:
            known.abandon()

    def close(self) -> None:
        with self._guard:
            opened, self._open = [*self._open.values()], OrderedDict()
            catalog, self._catalog = self._catalog, None
        for channel in opened:
            channel.close()
        if catalog is not None:
            catalog.close()
