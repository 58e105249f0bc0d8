"""One honest client beside 2,000 connections that say nothing, or half of a request's headers.

python -m benchmarks.silent [--rounds 4] [--connections 2000]

Connections that the server closes are opened again at once. Rounds with and without them take turns, so that
what else the machine does slows both alike.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import selectors
import socket
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.hostile import NICENESS, compared, lookups, served

SAID = (b"", b"POST /FindImage HTTP/1.1\r\nHost: x\r\nA: ")
PER_ADDRESS = 125  # 16 addresses hold 2,000
LOOKUPS = 10  # of each round


class Holder:
    """Connections from several addresses; opened: how many there were."""

    def __init__(self, port: int) -> None:
        self._port, self._waiting = port, selectors.DefaultSelector()
        self.opened = 0

    def open(self, place: int) -> None:
        address = f"127.0.0.{2 + place // PER_ADDRESS}"
        line = socket.create_connection(("127.0.0.1", self._port), 20, source_address=(address, 0))
        line.sendall(SAID[place % 2])
        self._waiting.register(line, selectors.EVENT_READ, place)
        self.opened += 1

    def renew(self) -> None:
        """Open those again that were closed by the server."""
        for key, _ in self._waiting.select(0.2):
            self._waiting.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]
            with contextlib.suppress(OSError):
                self.open(key.data)


def hold(port: int, count: int, told: Connection) -> None:
    """Hold `count` connections until told to stop; then tell how many were opened."""
    os.nice(NICENESS)
    holder = Holder(port)
    for place in range(count):
        holder.open(place)
    told.send("open")
    while not told.poll():
        holder.renew()
    told.send(holder.opened)


@contextlib.contextmanager
def crowd(port: int, count: int, tally: list[int]) -> Iterator[None]:
    """Hold the connections in another process; `tally` gets how many were opened."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=hold, args=(port, count, there))
    process.start()
    assert here.poll(120), "the connections could not be opened"
    here.recv()
    try:
        yield
    finally:
        here.send("stop")
        tally.append(here.recv())
        process.join()


def measure(*, rounds: int, connections: int) -> dict[str, Any]:
    """Return the median of lookups (ms) without and beside the connections, and their ratio."""
    quiet: list[float] = []
    beside: list[float] = []
    tally: list[int] = []
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch) / "data") as site:
        lookups(site, number=4)
        for _ in range(rounds):
            quiet += lookups(site, number=LOOKUPS)
            with crowd(site.port, connections, tally):
                beside += lookups(site, number=LOOKUPS)
    return compared(quiet, beside, "beside") | {"connections": connections, "opened": sum(tally)}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=2000)
    found = measure(**vars(parser.parse_args()))
    print(json.dumps(found, indent=1))
    return 0 if found["ratio"] <= 2 and not found["refused"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
