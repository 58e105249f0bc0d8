"""What `benchmarks.cluster` adds to a cluster: while each server is killed, and at 100 a second."""

from __future__ import annotations

import json
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from arcli.engine.cluster.gallery import ClusterGallery
from arcli.engine.indexing.coverage import INDEXING, codes_of
from arcli.engine.indexing.index_view import exact_index
from arcli.errors import ArcliError, ChannelExists, Conflict, TargetExists
from arcli.features import INDEX_DIM
from arcli.index.seam import Codes, Distances
from arcli.models import AddItem, ChannelSettings
from arcli.parallel import multiply_in_one_thread
from arcli.protocols.arcloud.requests import Credentials
from arcli.remote.arcloud.gallery import ArcloudGallery
from arcli.remote.http.transport import HttpTransport
from arcli.store.channel import ChannelStore
from arcli.store.postgres.access import PostgresAccounts
from arcli.store.postgres.targets import PostgresSnapshot
from arcli.store.postgres.transit import pending_rows
from arcli.store.rows import NewTarget
from benchmarks.cluster_rig import Rig, Row
from benchmarks.size_pool import Pool, source
from tests.cluster.servers import free_port

SERVED, QUICK = "served", "quick"
ACCOUNT = "shop"
_INSIDE = 0.05  # seconds after which a request is surely under way
_AGAIN = 0.5  # seconds between two tries of an add that failed
_TRIES = 200


@dataclass
class Serve:
    """`arcli serve` on one port, which can be killed and started again."""

    of: Rig
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = self.of.command("serve", "--port", str(self.port), "--metrics-port", "0")
        self.process = subprocess.Popen(words, env=self.of.env, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert json.loads(self.process.stdout.readline())["status"] == "ok"

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def restart(self) -> None:
        self.kill()
        self.start()


def killed_adds(of: Rig, first: int, count: int) -> Row:
    """Add pictures through a server, of which, and of PostgreSQL and Milvus, each is killed by -9 meanwhile.

    What a server acknowledged must be found afterwards, by its own picture.
    """
    items = [source(number) for number in range(first, first + count)]
    secret = _channel_of_account(of)
    server = Serve(of)
    server.start()
    strikes: dict[int, tuple[str, Callable[[], object]]] = {
        count // 5: ("PostgreSQL", lambda: of.restart(of.postgres)),
        2 * count // 5: ("Milvus", lambda: of.restart(of.milvus)),
        3 * count // 5: ("arcli serve", server.restart),
        4 * count // 5: ("PostgreSQL", lambda: of.restart(of.postgres)),
    }
    failed: list[str] = []
    transport = HttpTransport(f"http://127.0.0.1:{server.port}")
    try:
        with ArcloudGallery(transport, Credentials(username=ACCOUNT, secretkey=secret)) as client:
            for number, item in enumerate(items):
                _added(client, item, strikes.get(number, ("", None))[1], failed)
    finally:
        server.kill()
    return {"added": count, "failed_requests": len(failed), **_all_found(of, items)} | {
        "killed": [name for name, _ in strikes.values()]
    }


def _channel_of_account(of: Rig) -> str:
    with PostgresAccounts(of.postgres.dsn) as accounts, of.gallery() as gallery:
        if SERVED in [info.name for info in gallery.channels()]:
            gallery.remove_channel(name=SERVED)
            accounts.remove_account(username=ACCOUNT)
        secret = accounts.add_account(username=ACCOUNT).secretkey
        gallery.create_channel(name=SERVED, settings=ChannelSettings(owner=ACCOUNT))
    return secret


def _added(
    client: ArcloudGallery, item: AddItem, strike: Callable[[], object] | None, failed: list[str]
) -> None:
    """Add one picture, again until it is acknowledged; `strike` strikes while it is being added."""
    blow = threading.Timer(_INSIDE, strike) if strike else None
    if blow:
        blow.start()
    for _ in range(_TRIES):
        try:
            client.add(channel=SERVED, item=item)
        except (TargetExists, Conflict):  # the answer was lost, not the target
            break
        except ArcliError as error:
            failed.append(error.message)
            time.sleep(_AGAIN)
        else:
            break
    else:
        raise AssertionError(failed[-1])
    if blow:
        blow.join()


def _all_found(of: Rig, items: Sequence[AddItem]) -> Row:
    with of.gallery() as gallery:
        lost = [
            item.identifier
            for item in items
            if item.identifier
            not in [
                match.identifier for match in gallery.find(picture=item.picture, channels=[SERVED]).matches
            ]
        ]
        there = gallery.channel(name=SERVED).targets
    assert not lost, lost
    assert there == len(items), (there, len(items))
    return {"found": there}


def steady_adds(of: Rig, store: ChannelStore, pool: Pool, rate: float = 100.0, seconds: float = 30.0) -> Row:
    """Add targets at a rate, each in a transaction of its own, while a thread carries them as in a server.

    Every .2 s: how many are pending, and what reading and searching them exactly takes, in CPU, because other
    processes share the machine. A lookup reads only those that it did not search before.
    """
    number = round(rate * seconds)
    names = range(10**6, 10**6 + number)  # variants that no channel has
    targets = pool.targets(store, names, 1)
    with of.gallery(background=True) as gallery:
        try:
            gallery.create_channel(name=QUICK)
        except ChannelExists:
            gallery.remove_channel(name=QUICK)
            gallery.create_channel(name=QUICK)
        samples: list[tuple[int, float, float]] = []
        with _sampled(gallery, pool, store, samples):
            began = time.monotonic()
            _paced(gallery, targets, rate)
            took = time.monotonic() - began
        began = time.monotonic()
        while gallery.state().pending:
            gallery.look_after_indexes()
            time.sleep(0.1)
        emptied = time.monotonic() - began
    rows, reads, searches = zip(*samples, strict=True)
    return {
        "adds_a_second": round(number / took, 1),
        "seconds": round(took, 1),
        "pending_rows": _spread(rows),
        "read_cpu_ms": _spread(reads),
        "exact_search_cpu_ms": _spread(searches),
        "pending_all_carried_after_s": round(emptied, 1),
    }


def _paced(gallery: ClusterGallery, targets: Sequence[NewTarget], rate: float, threads: int = 4) -> None:
    """Write targets from some threads, each at its time; one that is late does not wait."""
    opened = gallery.channels_opened.get(QUICK)
    began = time.monotonic()

    def work(start: int) -> None:
        for number in range(start, len(targets), threads):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            with opened.store.write() as writer:
                writer.insert(targets[number])
            opened.fold()

    running = [threading.Thread(target=work, args=(start,)) for start in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


@contextmanager
def _sampled(
    gallery: ClusterGallery, pool: Pool, store: ChannelStore, samples: list[tuple[int, float, float]]
) -> Iterator[None]:
    enough = threading.Event()
    queries, bounds = _photo_like(store, pool)
    opened = gallery.channels_opened.get(QUICK)

    def watch() -> None:
        while not enough.wait(0.2):
            with opened.store.read() as snapshot:
                began = time.thread_time()
                rows = pending_rows(cast(PostgresSnapshot, snapshot), 10**6, refill=False)
                index = exact_index(dict(codes_of(snapshot, rows)))
                read = time.thread_time()
                if rows:
                    index.search(queries, INDEXING.neighbours, bounds)
                searched = time.thread_time()
            samples.append((len(rows), (read - began) * 1000, (searched - read) * 1000))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def _spread(values: Sequence[float]) -> Row:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "most": round(ordered[-1], 1),
    }


def _photo_like(store: ChannelStore, pool: Pool) -> tuple[Codes, Distances]:
    """Return 400 codes, and how far away the last neighbour of each is in a channel of a thousand targets."""
    with store.read() as snapshot:
        queries = np.concatenate([codes for _, codes in codes_of(snapshot, pool.shown[:2])])[:, :INDEX_DIM]
        others = exact_index(dict(codes_of(snapshot, pool.others[-1000:])))
    return queries, others.search(queries, INDEXING.neighbours).distances[:, -1]


def exact_search(store: ChannelStore, pool: Pool, rows: Sequence[int]) -> Row:
    """Return the CPU of an exact search of so many targets, best of five."""
    multiply_in_one_thread()
    queries, bounds = _photo_like(store, pool)
    with store.read() as snapshot:
        codes = dict(codes_of(snapshot, pool.others[: max(rows)]))
    found = {}
    for number in rows:
        index = exact_index({row: codes[row] for row in pool.others[:number] if row in codes})
        times = []
        for _ in range(5):
            began = time.thread_time()
            index.search(queries, INDEXING.neighbours, bounds)
            times.append((time.thread_time() - began) * 1000)
        found[str(number)] = round(min(times), 1)
    return {"queries": len(queries), "cpu_ms_by_rows": found}
