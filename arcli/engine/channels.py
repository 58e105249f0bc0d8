"""The channels of a data folder, opened once and shared by the threads of a process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arcli.errors import ChannelNotFound
from arcli.models import ChannelSettings, valid_channel_name
from arcli.store.catalog import Catalog, ChannelRecord
from arcli.store.channel import ChannelStore
from arcli.store.counts import Counts
from arcli.store.renaming import put_name_right

if TYPE_CHECKING:
    from arcli.engine.indexing.index_builder import IndexBuilder
    from arcli.engine.indexing.shortlist import Shortlister


class OpenChannel:
    """One channel: its record in the catalog, its store and its counts. Close it when done.

    background: nobody waits for the index, not even for a small fold.
    """

    def __init__(self, record: ChannelRecord, *, background: bool = False) -> None:
        self.record = record
        self._background = background
        self._guard = threading.Lock()
        self._builder: IndexBuilder | None = None
        self._owing = False
        self.store = ChannelStore.open(record.folder)
        self.counts = Counts(record.folder)
        self._shortlister: Shortlister | None = None

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
        from arcli.engine.indexing.index_builder import INLINE_ROWS, IndexBuilder

        with self._guard:
            if self._builder is None:
                inline_rows = 0 if self._background else INLINE_ROWS
                self._builder = IndexBuilder(self.store, inline_rows=inline_rows)
        self._builder.nudge()

    def fold_later(self) -> None:
        """Let the caller acknowledge one change first: fold before the next one, or at the end.

        In the background it begins now.
        """
        self._owing = True
        if self._background:
            self.fold_owed()

    def fold_owed(self) -> None:
        """Do what `fold_later` has put off."""
        owing, self._owing = self._owing, False
        if owing:
            self.fold()

    def close(self) -> None:
        self.fold_owed()
        if self._builder is not None:
            self._builder.finish()
        if self._shortlister is not None:
            self._shortlister.close()
        self.counts.close()
        self.store.close()


class Channels:
    """Opens channels by name, creates them, and keeps those that were opened."""

    def __init__(self, data_dir: Path, *, background: bool = False) -> None:
        self.data_dir = data_dir
        self._background = background
        self._guard = threading.RLock()
        self._catalog: Catalog | None = None
        self._open: dict[str, OpenChannel] = {}

    def catalog(self, *, create: bool = False) -> Catalog:
        """Return the catalog; without `create` a data folder that is not there is an empty one."""
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
        """Return an open channel, with its settings as they are now. Raises ChannelNotFound, DataDamaged."""
        name = valid_channel_name(name)
        with self._guard:
            record = self.catalog().channel(name)
            known = self._open.get(name)
            if known is not None and known.record.folder == record.folder:
                known.record = record
                return known
            if known is not None:
                known.close()
            self._open[name] = OpenChannel(record, background=self._background)
            put_name_right(record, self._open[name].store)
            return self._open[name]

    def find(self, name: str) -> OpenChannel | None:
        """Return an open channel, or None when there is no such channel."""
        try:
            return self.get(name)
        except ChannelNotFound:
            return None

    def create(self, name: str, settings: ChannelSettings) -> OpenChannel:
        """Make a channel and open it. Raises ChannelExists."""
        from arcli.vision.features.presets import DEFAULT_PRESET

        name = valid_channel_name(name)
        self.catalog(create=True).create_channel(name, settings, DEFAULT_PRESET)
        return self.get(name)

    def forget(self, name: str) -> None:
        """Close a channel that is about to be removed."""
        with self._guard:
            known = self._open.pop(name, None)
        if known is not None:
            known.close()

    def close(self) -> None:
        with self._guard:
            for channel in self._open.values():
                channel.close()
            self._open.clear()
            if self._catalog is not None:
                self._catalog.close()
                self._catalog = None
