"""The `milvus` kind: the descriptors of all channels in one collection of a Milvus service.

A descriptor's key is the row id of its target x 512 + its place among the target's keypoints. The channel
is the partition key. Who writes reads it back at Strong consistency, and notes Milvus' timestamp of then
(`now`); a search that carries this guarantee misses nothing of it, in whichever process and at whichever
replica, and does not wait for Milvus' next time tick, as a search at Strong consistency does.
pymilvus is imported here alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from arcli.errors import (
    ArcliError,
    BadAnswer,
    NotFound,
    NotSupported,
    ShellHint,
    TimedOut,
    Unreachable,
    WrongCredentials,
    extra_hint,
)
from arcli.features import INDEX_DIM
from arcli.index.seam import Codes, Neighbours

KEYS_PER_ROW = 512
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MilvusOptions:
    """partitions (1 to 64): of the collection, over which channels are spread; each costs Milvus 2.3 a second
    when the collection is made. m, ef_construction, ef: of the HNSW graph, as for our own (arcli.index.hnsw).
    nprobe (8 to 256): lists of an IVF_PQ index that an operator built in place of the graph.
    batch (1,000 to 50,000): descriptors in one request, some 150 bytes each; Milvus takes 64 MB. queries (100
    to 16,384): searched by one request; Milvus takes 16,384. seconds (1 to 120): that a call may take,
    search_seconds (1 to 60) a search, before all is searched without Milvus, make_seconds (30 to 600) making
    a collection, connect_seconds (1 to 60) a connection; pause_seconds (0 to 60): in which it is not asked
    after it could not be reached. descriptor_bytes (100 to 1,000): of a descriptor on Milvus' disk, its graph
    included: by it the size of a channel is told. Chosen, but for the first and the last, which are measured
    (benchmarks.cluster).
    """

    partitions: int = 8
    m: int = 16
    ef_construction: int = 100
    ef: int = 64
    nprobe: int = 32
    batch: int = 10_000
    queries: int = 2_000
    seconds: float = 30.0
    search_seconds: float = 10.0
    pause_seconds: float = 5.0
    make_seconds: float = 120.0
    connect_seconds: float = 5.0
    descriptor_bytes: int = 140


MILVUS = MilvusOptions()


_RUNNING = "is it running? The URI names its host and port"
_AWAY = (
    "unavailable",
    "connect",
    "not ready",
    "recovering",
    "node offline",
    "no available",
    "closed channel",
)
_NOT_LOADED = ("released", "not loaded")
_NOT_THERE = ("not found", "find collection", "not exist")


class NoCollection(NotFound):
    """Milvus does not have the collection: it was lost, or never filled."""

    code = "not_found"


class MilvusService:
    """One Milvus, by its URI: http://host:19530, with user:password@ before the host where it asks for them.

    Threads may share it. It connects at the first call, and again after a failed one; close it when done.
    Where it could not be reached, it is not asked again for some seconds, so that no call waits for it in
    vain.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._client: Any = None
        self._away: tuple[float, ArcliError] | None = None
        self._guard = threading.Lock()

    def close(self) -> None:
        with self._guard:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Yield a connected client. Raises Unreachable, TimedOut, NoCollection, BadAnswer and others."""
        try:
            from grpc import RpcError
            from pymilvus import MilvusException
        except ImportError as error:
            raise NotSupported(f"a cluster needs pymilvus: {error}", hint=extra_hint("cluster")) from error
        away = self._away
        if away is not None and time.monotonic() < away[0]:
            raise away[1]
        try:
            yield self._connected()
        except (MilvusException, RpcError, ConnectionError, ValueError) as error:
            failed = of_milvus(error)
            if isinstance(failed, Unreachable):
                self._away = (time.monotonic() + MILVUS.pause_seconds, failed)
                self.close()
            raise failed from error
        self._away = None

    def _connected(self) -> Any:
        from pymilvus import MilvusClient

        with self._guard:
            if self._client is None:
                logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it logs each error that it raises
                # each call has its limit; pings between calls make Milvus Lite close the connection
                quiet = {"grpc.keepalive_permit_without_calls": False}
                self._client = MilvusClient(uri=self.uri, timeout=MILVUS.connect_seconds, grpc_options=quiet)
            return self._client


def of_milvus(error: BaseException) -> ArcliError:
    """Return our error for one of pymilvus' or gRPC's."""
    text = " ".join(str(getattr(error, "message", "") or error).split())[:300]
    low = text.lower()
    if "collection" in low and any(word in low for word in _NOT_THERE):
        return NoCollection(
            f"Milvus: {text}", hint=ShellHint("arcli doctor --repair fills it again from PostgreSQL")
        )
    if "auth" in low and ("fail" in low or "check" in low or "invalid" in low):
        return WrongCredentials(f"Milvus refuses the URI's user: {text}")
    if "deadline" in low or "timeout" in low or "timed out" in low:
        return TimedOut(f"Milvus does not answer in time: {text}", hint=_RUNNING)
    if isinstance(error, ConnectionError) or any(word in low for word in _AWAY):
        return Unreachable(f"Milvus cannot be reached: {text}", hint=_RUNNING)
    return BadAnswer(f"Milvus: {text}")


class MilvusCollection:
    """One collection: the descriptors of all targets of one store and epoch."""

    def __init__(self, service: MilvusService, name: str) -> None:
        self._service, self.name = service, name

    def exists(self) -> bool:
        """Say whether it is there."""
        with self._service.client() as client:
            return bool(client.has_collection(self.name, timeout=MILVUS.seconds))

    def make(self) -> None:
        """Make it unless it is there, and load it."""
        with self._service.client() as client:
            if not client.has_collection(self.name, timeout=MILVUS.seconds):
                self._create(client)

    def _create(self, client: Any) -> None:
        from pymilvus import DataType

        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.INT64, is_primary=True)
        schema.add_field("channel", DataType.VARCHAR, max_length=24, is_partition_key=True)
        schema.add_field("codes", DataType.FLOAT_VECTOR, dim=INDEX_DIM)
        index = client.prepare_index_params()
        graph = {"M": MILVUS.m, "efConstruction": MILVUS.ef_construction}
        index.add_index("codes", index_type="HNSW", metric_type="L2", params=graph)
        client.create_collection(
            self.name,
            schema=schema,
            index_params=index,
            consistency_level="Strong",
            num_partitions=MILVUS.partitions,
            timeout=MILVUS.make_seconds,
        )

    def drop(self) -> None:
        """Remove it with all that is in it; it need not be there."""
        with self._service.client() as client:
            client.drop_collection(self.name, timeout=MILVUS.seconds)

    def now(self) -> int:
        """Return a timestamp of Milvus': a search that carries it finds all that was written before.

        0 from Milvus Lite, which has none; a search that carries 0 is at Strong consistency.
        """
        with self._service.client() as client:
            return int(client._get_connection().alloc_timestamp(timeout=MILVUS.seconds))

    def write(self, channel: int, rows: Sequence[tuple[int, Codes]], *, again: bool = True) -> None:
        """Write the descriptors of whole targets, in bounded requests.

        again: what an interrupted call left of them is deleted first: Milvus 2.3.5 loses what is upserted by
        partition key.
        """
        if again and self._count(f"{_of(channel)} and ({_within(row_id for row_id, _ in rows)})"):
            self.delete_rows(channel, [row_id for row_id, _ in rows])
        keys = np.concatenate([keys_of(row_id, len(codes)) for row_id, codes in rows])
        both = np.concatenate([codes for _, codes in rows]).astype(np.float32)
        with self._service.client() as client:
            for start in range(0, len(keys), MILVUS.batch):
                part = slice(start, start + MILVUS.batch)
                self._insert(client, channel, keys[part], both[part])

    def _insert(self, client: Any, channel: int, keys: Keys, codes: npt.NDArray[np.float32]) -> None:
        """Insert descriptors by columns, as Milvus takes them: by pymilvus' rows 10,000 take eight times as
        long, which lookups in other threads of a server wait for."""
        from pymilvus import DataType
        from pymilvus.grpc_gen.milvus_pb2 import InsertRequest

        request = InsertRequest(collection_name=self.name, num_rows=len(keys))
        key, of, vector = (request.fields_data.add(field_name=name) for name in ("key", "channel", "codes"))
        key.type, of.type, vector.type = DataType.INT64, DataType.VARCHAR, DataType.FLOAT_VECTOR
        key.scalars.long_data.data.extend(keys.tolist())
        of.scalars.string_data.data.extend([str(channel)] * len(keys))
        vector.vectors.dim = codes.shape[1]
        vector.vectors.float_vector.data.extend(codes.ravel().tolist())
        known: dict[str, Any] = {"schema": {"fields": []}}  # not asked for: the request is complete
        client._get_connection().batch_insert(
            self.name, [], insert_param=request, timeout=MILVUS.seconds, **known
        )

    def present(self, channel: int, row_ids: Sequence[int]) -> int:
        """Return how many descriptors of some targets are there, read at Strong consistency."""
        return self._count(f"{_of(channel)} and ({_within(row_ids)})")

    def count(self, channel: int, *, exact: bool = True) -> int:
        """Return how many descriptors a channel has here; not exact: perhaps without the newest."""
        return self._count(_of(channel), "Strong" if exact else "Eventually")

    def _count(self, condition: str, level: str = "Strong") -> int:
        ask = {"filter": condition, "output_fields": ["count(*)"], "consistency_level": level}
        with self._service.client() as client:
            found = self._asked(client, lambda: client.query(self.name, **ask, timeout=MILVUS.seconds))
        return int(found[0]["count(*)"])

    def _asked(self, client: Any, ask: Callable[[], Any]) -> Any:
        """Ask what only a loaded collection answers: Milvus Lite forgets in a restart that it was loaded."""
        from pymilvus import MilvusException

        try:
            return ask()
        except MilvusException as error:
            if not any(word in str(error).lower() for word in _NOT_LOADED):
                raise
            client.load_collection(self.name, timeout=MILVUS.seconds)
            return ask()

    def delete_rows(self, channel: int, row_ids: Sequence[int]) -> None:
        """Delete the descriptors of removed targets; they need not be there."""
        keys = [key for row_id in row_ids for key in keys_of(row_id, KEYS_PER_ROW)]
        with self._service.client() as client:
            for batch in _batches(iter(keys), MILVUS.batch):
                only = f"{_of(channel)} and key in [{_listed(np.array(batch))}]"
                client.delete(self.name, filter=only, timeout=MILVUS.seconds)

    def delete_channel(self, channel: int) -> None:
        """Delete all descriptors of a removed channel."""
        with self._service.client() as client:
            client.delete(self.name, filter=_of(channel), timeout=MILVUS.seconds)

    def search(self, channel: int, queries: Codes, k: int, *, guarantee: int = 0) -> Neighbours:
        """Return the k nearest descriptors of a channel for each of the (Q, INDEX_DIM) queries.

        guarantee: the timestamp up to which nothing may be missed (`now`); 0: of this moment.
        """
        found = Neighbours.none(len(queries), k)
        with self._service.client() as client:
            for start in range(0, len(queries), MILVUS.queries):
                part = list(queries[start : start + MILVUS.queries].astype(np.float32))
                hits = self._asked(client, partial(self._search, client, channel, part, k, guarantee))
                for number, nearest in enumerate(hits, start):
                    rows = [int(hit.get("key", hit.get("id"))) // KEYS_PER_ROW for hit in nearest]
                    found.rows[number, : len(rows)] = rows
                    found.distances[number, : len(rows)] = [hit["distance"] for hit in nearest]
        return found

    def _search(self, client: Any, channel: int, part: list[Codes], k: int, guarantee: int) -> Any:
        level: dict[str, Any] = {"consistency_level": "Strong"}
        if guarantee:
            level = {"consistency_level": "Customized", "guarantee_timestamp": guarantee}
        return client.search(
            self.name,
            data=part,
            anns_field="codes",
            filter=_of(channel),
            limit=k,
            search_params={"metric_type": "L2", "params": {"ef": max(MILVUS.ef, k), "nprobe": MILVUS.nprobe}},
            timeout=MILVUS.search_seconds,
            **level,
        )


def _of(channel: int) -> str:
    return f'channel == "{channel}"'


def _listed(keys: Keys) -> str:
    return ", ".join(map(str, keys.tolist()))


def _within(row_ids: Iterable[int]) -> str:
    """Return the condition on the keys of some targets: a range for each run of row ids."""
    ordered = np.unique(np.fromiter(row_ids, np.int64))
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
    spans = [(int(run[0]) * KEYS_PER_ROW, (int(run[-1]) + 1) * KEYS_PER_ROW) for run in runs if len(run)]
    return " or ".join(f"(key >= {first} and key < {end})" for first, end in spans)


def keys_of(row_id: int, count: int) -> Keys:
    """Return the keys of the first `count` descriptors of a target."""
    return np.arange(count, dtype=np.int64) + row_id * KEYS_PER_ROW


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
