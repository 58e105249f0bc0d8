"""The channels of a cluster, opened once and shared by the threads of a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arcli.engine.channels import Channels, OpenChannel
from arcli.engine.cluster.carrier import Carrier
from arcli.index.milvus import MilvusService
from arcli.store.catalog import ChannelRecord
from arcli.store.postgres.access import PostgresCounts
from arcli.store.postgres.catalog import PostgresCatalog, channel_number
from arcli.store.postgres.targets import PostgresStore
from arcli.store.postgres.transit import Transit

if TYPE_CHECKING:
    from arcli.engine.cluster.delta import ClusterShortlister


class NoReserve:
    """A cluster keeps no space of its own for removals on a full disk."""

    def keep(self) -> None: ...

    @contextmanager
    def given_up(self) -> Iterator[None]:
        yield


class ClusterChannel(OpenChannel):
    """One channel of a cluster: its store and counts in PostgreSQL, its index in Milvus."""

    def __init__(
        self, record: ChannelRecord, catalog: PostgresCatalog, carrier: Carrier, service: MilvusService
    ) -> None:
        self.record = record
        self._guard = threading.Lock()
        self._service, self._carrier = service, carrier
        number = channel_number(record)
        store: Any = PostgresStore(catalog.database, number)
        self.store = store
        self.counts = PostgresCounts(catalog.database, number)
        reserve: Any = NoReserve()
        self.reserve = reserve
        self._searcher: ClusterShortlister | None = None
        self._changed = False
        self.uncounted: str | None = None

    def shortlister(self) -> Any:
        from arcli.engine.cluster.delta import ClusterShortlister

        with self._guard:
            if self._searcher is None:
                self._searcher = ClusterShortlister(self._service)
            return self._searcher

    def fold(self) -> None:
        """Have pending rows carried into Milvus if there are many; the caller has acknowledged them."""
        self._changed = True
        self._carrier.nudge(least=self._carrier.least)

    def fold_later(self) -> None:
        self._changed = True
        if self._carrier.background:
            self.fold()

    def fold_owed(self) -> None:
        """Nothing is owed: what is pending is carried by whoever comes next."""

    @property
    def index_memory(self) -> int:
        return 0 if self._searcher is None else self._searcher.memory

    def rest(self) -> None:
        with self._guard:
            searcher, self._searcher = self._searcher, None
        if searcher is not None:
            searcher.close()

    def abandon(self) -> None:
        self._changed = False
        self.close()

    def close(self) -> None:
        changed, self._changed = self._changed, False
        if changed and not self._carrier.background:
            self._carrier.nudge()
        self.rest()
        self.counts.close()


class ClusterChannels(Channels):
    """Opens channels by name, creates them, and keeps those that were opened."""

    def __init__(self, postgres: str, milvus: str, *, background: bool = False) -> None:
        super().__init__(Path("cluster"), background=background)
        self._cluster = PostgresCatalog(postgres)
        self.service = MilvusService(milvus)
        self.transit = Transit(self._cluster.database)
        self.carrier = Carrier(self.transit, self.service, background=background)

    def catalog(self, *, create: bool = False) -> Any:
        if create:
            self._cluster.make()
        return self._cluster

    def _opened(self, record: ChannelRecord) -> OpenChannel:
        return ClusterChannel(record, self._cluster, self.carrier, self.service)

    def renamed(self, old: str, record: ChannelRecord) -> None:
        with self._guard:
            known = self._open.pop(old, None)
            if known is not None and known.record.folder == record.folder:
                known.record = record
                self._open[record.name] = known

    def close(self) -> None:
        super().close()
        self.carrier.close()
        self.service.close()
        self._cluster.close()
