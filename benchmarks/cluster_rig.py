"""The cluster that `benchmarks.cluster` measures: servers to be killed, loads, what it takes up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from arcli.engine.cluster.gallery import ClusterGallery
from arcli.engine.indexing.coverage import index_codes
from arcli.errors import Locked, Unreachable
from arcli.index.milvus import MilvusCollection
from arcli.store.postgres.catalog import channel_number
from tests.cluster.servers import Milvus, Postgres, servers

CHANNEL = "size"
UNREACHABLE = 10  # exit status of a command whose server went away
_LOOK = 0.2  # seconds between looks at how far a load is
_PATIENCE = 600.0  # seconds until a server that was started again must answer

Row = dict[str, Any]
Strike = Callable[["subprocess.Popen[bytes]"], None]


@dataclass
class Rig:
    """PostgreSQL and Milvus in `work`; a shell whose profile `big` is them, `local` the data folder."""

    work: Path
    postgres: Postgres
    milvus: Milvus

    @property
    def data_dir(self) -> Path:
        return self.work / "data" / "arcli"

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ARCLI_")}
        folders = {"XDG_CONFIG_HOME": str(self.work / "config"), "XDG_DATA_HOME": str(self.work / "data")}
        return {**kept, **folders}

    def command(self, *words: str | Path) -> list[str]:
        return [sys.executable, "-m", "arcli", *map(str, words), "--json"]

    def run(self, *words: str | Path) -> Row:
        """Run a command that must succeed; return its JSON."""
        done = subprocess.run(self.command(*words), env=self.env, stdout=subprocess.PIPE, check=True)
        answer: Row = json.loads(done.stdout)
        return answer

    def gallery(self, *, background: bool = False) -> ClusterGallery:
        return ClusterGallery(self.postgres.dsn, self.milvus.uri, background=background)

    def targets(self) -> int:
        """Return how many targets PostgreSQL has; 0 while it cannot be asked."""
        try:
            with psycopg.connect(self.postgres.dsn, connect_timeout=2) as connection:
                row = connection.execute("SELECT coalesce(sum(targets), 0) FROM arcli.tally").fetchone()
        except psycopg.Error:
            return 0
        return 0 if row is None else int(row[0])

    def restart(self, server: Postgres | Milvus) -> float:
        """Kill a server with -9 and start it again; return the seconds until it was ready."""
        began = time.monotonic()
        server.kill()
        server.start()
        server.wait()
        return time.monotonic() - began


@contextmanager
def rig(work: Path) -> Iterator[Rig]:
    """Start the servers over what `work` has of an earlier run."""
    with servers(work) as (postgres, milvus):
        made = Rig(work, postgres, milvus)
        words = ("profile", "add", "big", "--kind", "cluster", "--use", "--replace")
        made.run(*words, "--postgres", postgres.dsn, "--milvus", milvus.uri)
        yield made


def migrate(of: Rig, size: int, strikes: Mapping[int, tuple[str, Strike]] | None = None) -> Row:
    """Bring the data folder's channel into the cluster by `arcli migrate`, which compares what is there.

    strikes: what to do when so many targets are there. Raises AssertionError unless all were moved.
    """
    left = dict(sorted((strikes or {}).items()))
    first, began, runs, told = of.targets(), 0.0, 0, list[str]()
    cpu = os.times()
    while True:
        runs += 1
        words = of.command("migrate", "--from-profile", "local", CHANNEL, "--resume")
        with subprocess.Popen(words, env=of.env, stdout=subprocess.PIPE) as process:
            while process.poll() is None:
                there = of.targets()
                if there > first and not began:
                    began = time.monotonic()
                if left and there >= min(left):
                    name, strike = left.pop(min(left))
                    told.append(f"{name} at {there:,}")
                    strike(process)
                time.sleep(_LOOK)
            assert process.stdout is not None
            answer = process.stdout.read()
        if process.returncode == 0:
            break
        assert process.returncode in (UNREACHABLE, -9), answer
    now = os.times()
    moved = json.loads(answer)["data"]["channels"][0]
    assert moved["targets"] == size, moved
    return {
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(now.children_user + now.children_system - cpu[2] - cpu[3], 1),
        "migrate_runs": runs,
        "struck": told,
    }


def settled(of: Rig) -> float:
    """Have all carried, flushed and indexed; return the seconds that took."""
    began = time.monotonic()
    with of.gallery() as gallery:
        carried(gallery)
        name = gallery.channels_opened.transit.place().collection
        with gallery.channels_opened.service.client() as client:
            client.flush(name, timeout=300)
            while True:
                index = client.describe_index(name, "codes")
                if not int(index.get("pending_index_rows", 0)):
                    return round(time.monotonic() - began, 1)
                time.sleep(1)


def carried(gallery: ClusterGallery) -> None:
    """Carry all; again until Milvus answers: after kill -9 its coordinators wait a minute for each other."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            gallery.compact(channel=CHANNEL)
        except (Unreachable, Locked):
            assert time.monotonic() < end
            time.sleep(1)
        else:
            return


def complete(of: Rig) -> Row:
    """Compare Milvus' descriptors with those that PostgreSQL's features have; doctor's words, too."""
    with of.gallery() as gallery:
        channels = gallery.channels_opened
        opened = channels.get(CHANNEL)
        with opened.store.read() as snapshot:
            wanted = sum(len(index_codes(data)) for _, data in snapshot.features_after(0))
        collection = MilvusCollection(channels.service, channels.transit.place().collection)
        there = collection.count(channel_number(opened.record))
        doctor = [finding.ok for finding in gallery.verify()]
    assert there == wanted, (there, wanted)
    return {"descriptors": wanted, "in_milvus": there, "doctor": all(doctor)}


def sizes(of: Rig, targets: int) -> Row:
    """Return the bytes of both servers, on disk and in memory."""
    select = (
        "SELECT coalesce(p.relname, c.relname), sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c"
        " LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent"
        " WHERE c.relnamespace = 'arcli'::regnamespace AND c.relkind = 'r' GROUP BY 1 ORDER BY 2 DESC"
    )
    with psycopg.connect(of.postgres.dsn) as connection:
        tables: dict[str, int] = dict(connection.execute(select).fetchall())
    disk = {name: folder_bytes(of.work / "milvus" / name) for name in folders(of.work / "milvus")}
    return {
        "postgres_bytes_a_target": round(sum(tables.values()) / targets),
        "postgres_tables": {name: size for name, size in tables.items() if size > targets},
        "milvus_bytes": disk,
        "milvus_memory_mb": memory_mb(of.milvus),
    }


def folders(root: Path) -> Sequence[str]:
    """Return the folders two levels below, where there are any."""
    return sorted(str(path.relative_to(root)) for path in root.glob("*/*") if path.is_dir())


def folder_bytes(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # Milvus removes what it has merged
            continue
    return found


def memory_mb(server: Milvus) -> int:
    """Return the memory of the largest process of a server."""
    assert server.process is not None
    words = ["ps", "-o", "rss=", "-g", str(server.process.pid)]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return max(map(int, listed)) >> 10
