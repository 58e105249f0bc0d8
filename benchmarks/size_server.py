"""Lookups through `arcli serve` by 1 to 32 clients, beside the same in two threads of one process."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

from arcli.engine import LocalGallery
from arcli.models import FindOptions, Picture
from arcli.store.accounts import Accounts
from benchmarks.baseline import QUERY_KEYPOINTS, QUERY_SIDE, Stopwatch, decode_and_sift
from benchmarks.hostile import Site, form, post
from benchmarks.recognition import BENCH

CLIENTS = (1, 8, 32)
BUSY, TURNS = 8, 5  # clients while lookups through the server and in process take turns
SECONDS = 10.0
TICKS = 100  # of the clock that /proc counts CPU time in

Row = dict[str, Any]


@contextmanager
def served(data_dir: Path, channel: str) -> Iterator[tuple[Site, int]]:
    """Serve a channel; yield its address and the process."""
    owner = f"shop{token_hex(4)}"  # another one each time: an interrupted run is begun again
    with Accounts(data_dir) as accounts, LocalGallery(data_dir) as gallery:
        secret = accounts.add_account(username=owner).secretkey
        gallery.set_channel(name=channel, changes={"owner": owner})
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write("request_rate = 100000.0\nconnections_per_address = 1000\n")
        config.flush()
        words = ["--data-dir", str(data_dir), "serve", "--json", "--port", "0", "--config", config.name]
        with subprocess.Popen([sys.executable, "-m", "arcli", *words], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["data"]["url"]
            login = {"username": owner, "secretkey": secret, "channel": channel}
            try:
                yield Site(int(url.rpartition(":")[2]), login), process.pid
            finally:
                process.terminate()
                process.wait(60)


def throughput(data_dir: Path, channel: str, photos: Sequence[Row]) -> Row:
    """Return lookups a second and CPU a lookup: through the server, in process, and of bare extraction.

    of_in_process, of_bare: how many lookups a processor does beside in-process ones, and these beside bare
    extraction, by CPU: others share the machine. rate_of_in_process: lookups a second beside in-process ones.
    Both are medians of TURNS, one after the other.
    """
    pictures = [(BENCH / photo["file"]).read_bytes() for photo in photos]
    with served(data_dir, channel) as (site, pid):
        _clients(site, pid, 2, 3.0, pictures)  # to warm up
        serving = {str(number): _clients(site, pid, number, SECONDS, pictures) for number in CLIENTS}
        turns = [
            (_clients(site, pid, BUSY, SECONDS, pictures), _in_process(data_dir, channel, photos))
            for _ in range(TURNS)
        ]
    with Stopwatch() as bare:
        for photo in photos:
            decode_and_sift(BENCH / photo["file"], QUERY_SIDE, QUERY_KEYPOINTS)
    served_row, ours = ({name: _middle(rows, name) for name in rows[0]} for rows in zip(*turns, strict=True))
    bare_ms = bare.cpu * 1000 / len(photos)
    return {
        "clients": serving,
        "in_process": ours,
        "bare_cpu_ms": round(bare_ms, 1),
        "of_in_process": round(ours["cpu_ms"] / served_row["cpu_ms"], 2),
        "rate_of_in_process": round(served_row["per_second"] / ours["per_second"], 2),
        "of_bare": round(bare_ms / ours["cpu_ms"], 2),
    }


def _middle(rows: Sequence[Row], name: str) -> float:
    return statistics.median(row[name] for row in rows)


def _clients(site: Site, pid: int, number: int, seconds: float, pictures: Sequence[bytes]) -> Row:
    """Have `number` clients look photos up, one after the other, for some seconds."""
    until, took, turns = time.monotonic() + seconds, list[float](), count()

    def client() -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            post(site, "127.0.0.1", "FindImage", form(site.login, pictures[next(turns) % len(pictures)]))
            took.append(time.monotonic() - began)

    threads = [threading.Thread(target=client) for _ in range(number)]
    began, cpu = time.monotonic(), _cpu_of(pid)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "per_second": round(len(took) / (time.monotonic() - began), 1),
        "median_ms": round(statistics.median(took) * 1000, 1),
        "cpu_ms": round((_cpu_of(pid) - cpu) * 1000 / len(took), 1),
    }


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process, of its children, and of those that these have waited for."""
    parents = {number: words for number, words in map(_stat, Path("/proc").glob("[0-9]*")) if words}
    of_it = [words for number, words in parents.items() if pid in (number, int(words[1]))]
    return sum(int(word) for words in of_it for word in words[11:15]) / TICKS


def _stat(folder: Path) -> tuple[int, list[str]]:
    """Return the number of a process and what stands behind its name; nothing for one that has ended."""
    with suppress(OSError):
        return int(folder.name), (folder / "stat").read_text().rpartition(")")[2].split()
    return int(folder.name), []


def _in_process(data_dir: Path, channel: str, photos: Sequence[Row]) -> Row:
    """Look the photos up in two threads of this process."""
    pictures = [Picture.from_path(BENCH / photo["file"]) for photo in photos]
    options = FindOptions(count=False, jobs=2)
    with LocalGallery(data_dir) as gallery:
        list(gallery.find_many(pictures=pictures, channels=[channel], options=options))
        with Stopwatch() as watch:
            list(gallery.find_many(pictures=pictures, channels=[channel], options=options))
    cost = watch.cost(len(photos))
    return {"per_second": round(cost.rate, 1), "cpu_ms": round(cost.cpu_ms, 1)}
