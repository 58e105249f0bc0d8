"""Load and soak of `arcli serve`: mixed calls from 1, 8, 32 and 128 clients, then from 8 for a long time.

python -m benchmarks.soak [--seconds 20] [--soak-minutes 20] [--part load|soak] [--output FILE]

Requirements: no request takes over 30 s, none is answered by a bug, requests beyond the queue are refused,
counts are exact to the photo, and memory and handles do not grow.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arcli.engine import LocalGallery
from arcli.models import ChannelSettings
from arcli.store.accounts import Accounts
from benchmarks.hostile import SAMPLES, Site, form, post

CLIENTS = (1, 8, 32, 128)
YEARS = {"startdate": "2000", "enddate": "2999"}


@dataclass
class Tally:
    """What clients saw. `found`: answers with an identifier, by it."""

    seconds: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: str, answer: dict[str, Any], began: float) -> None:
        with self.guard:
            self.seconds.append(time.monotonic() - began)
            self.codes[f"{call} {answer['returncode']}"] += 1
            if call == "FindImage" and "identifier" in answer:
                self.found[answer["identifier"]] += 1


@contextmanager
def served(folder: Path) -> Iterator[tuple[Site, int]]:
    """Serve an empty channel; yield its address and the process."""
    with Accounts(folder) as accounts, LocalGallery(folder) as gallery:
        secret = accounts.add_account(username="shop").secretkey
        gallery.create_channel(name="posters", settings=ChannelSettings(owner="shop"))
    file = folder.parent / "serve.toml"
    file.write_text("request_rate = 100000.0\nconnections_per_address = 1000\n")
    words = ["--data-dir", str(folder), "serve", "--json", "--port", "0", "--metrics-port", "0"]
    command = [sys.executable, "-m", "arcli", *words, "--config", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["data"]["url"]
        login = {"username": "shop", "secretkey": secret, "channel": "posters"}
        try:
            yield Site(int(url.rpartition(":")[2]), login), process.pid
        finally:
            process.terminate()
            process.wait(60)


def calls(site: Site, number: int) -> Iterator[tuple[str, bytes]]:
    """Yield what one client sends: lookups, sometimes adding and removing a target, a listing, counts."""
    photos = [path.read_bytes() for path in sorted((SAMPLES / "photos").glob("*.jpg"))]
    picture = (SAMPLES / "gallery" / "peanuts.png").read_bytes()
    mine = {"identifier": f"mine.{number}"}
    for turn in itertools.count(number):
        twice = {"channels": json.dumps(["posters", "posters"])} if turn % 3 == 0 else {}  # searched once
        yield "FindImage", form(site.login | {"count": "1"} | twice, photos[turn % len(photos)])
        if turn % 5 == 0:
            yield "GetImages", form(site.login)
            yield "Statistics", form(site.login | YEARS)
        if turn % 7 == 0:
            yield "AddImage", form(site.login | mine | {"replace": "1"}, picture)
            yield "UpdateImageInfo", form(site.login | mine | {"metadata": json.dumps(turn)})
            yield "RemoveImage", form(site.login | mine)


def answered(site: Site, address: str, call: str, body: bytes) -> dict[str, Any]:
    """Return the answer to a call, or one of our own where none came in time."""
    try:
        return post(site, address, call, body)
    except OSError as error:
        return {"returncode": f"none: {type(error).__name__}"}


def agree(counts: Counter[str], found: Counter[str], unanswered: int) -> bool:
    """Say whether Statistics has just what was answered; what was not answered may have been counted."""
    more = counts - found
    return not found - counts and more.total() <= unanswered


def load(site: Site, clients: int, seconds: float, tally: Tally) -> dict[str, Any]:
    """Have `clients` clients send calls one after the other; return a line for the table."""
    until = time.monotonic() + seconds
    before, refused = len(tally.seconds), _refused(tally)

    def client(number: int) -> None:
        for call, body in calls(site, number):
            if time.monotonic() > until:
                return
            began = time.monotonic()
            address = f"127.0.{number // 250}.{number % 250 + 1}"
            tally.add(call, answered(site, address, call, body), began)

    threads = [threading.Thread(target=client, args=[number]) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mine = tally.seconds[before:]
    return {
        "clients": clients,
        "requests": len(mine),
        "per_second": round(len(mine) / seconds, 1),
        "median_ms": round(statistics.median(mine) * 1000, 1),
        "longest_s": round(max(mine), 2),
        "refused": _refused(tally) - refused,
    }


def _refused(tally: Tally) -> int:
    return sum(count for code, count in tally.codes.items() if code.endswith(" 20015"))


def footprint(pid: int) -> dict[str, int]:
    """Return the resident memory (MB) and the open handles of the server."""
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return {"rss_mb": kilobytes // 1024, "handles": len(list(Path(f"/proc/{pid}/fd").iterdir()))}


def counted(site: Site) -> Counter[str]:
    """Return the counts of Statistics, by identifier."""
    records = post(site, "127.0.0.1", "Statistics", form(site.login | YEARS))["records"]
    sums: Counter[str] = Counter()
    for record in records:
        sums[record["identifier"]] += record["count"]
    return sums


def fill(site: Site) -> None:
    for path in sorted((SAMPLES / "gallery").iterdir()):
        fields = site.login | {"identifier": path.stem}
        assert post(site, "127.0.0.1", "AddImage", form(fields, path.read_bytes()))["returncode"] == 0


def run(
    *, seconds: float, soak_minutes: float, part: str | None, clients: tuple[int, ...] = CLIENTS
) -> dict[str, Any]:
    found: dict[str, Any] = {"load": [], "footprint": []}
    tally = Tally()
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch) / "data") as (site, pid):
        fill(site)
        for number in clients if part != "soak" else ():
            found["load"].append(load(site, number, seconds, tally))
        for _ in range(round(soak_minutes * 2) if part != "load" else 0):
            load(site, 8, 30.0, tally)
            found["footprint"].append(footprint(pid))
        unanswered = sum(count for code, count in tally.codes.items() if " none: " in code)
        found["counts_exact"] = agree(counted(site), tally.found, unanswered)
    found["longest_s"] = round(max(tally.seconds), 2)
    found["codes"] = dict(sorted(tally.codes.items()))
    return found


def sound(found: dict[str, Any], *, timed: bool = True) -> bool:
    """Say whether all requirements are met; `timed`: also what depends on the machine."""
    bugs = [code for code in found["codes"] if code.endswith((" 29000", " 29001"))]
    steady = found["footprint"][len(found["footprint"]) // 4 :]
    grown = steady[-1]["rss_mb"] - steady[0]["rss_mb"] if steady else 0
    more = steady[-1]["handles"] - steady[0]["handles"] if steady else 0
    steady_now = found["longest_s"] <= 30 and grown < 100 and more < 50
    return bool(found["counts_exact"] and not bugs and (steady_now or not timed))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--soak-minutes", type=float, default=20.0)
    parser.add_argument("--part", choices=["load", "soak"])
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    found = run(seconds=given.seconds, soak_minutes=given.soak_minutes, part=given.part)
    text = json.dumps(found, indent=1)
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n")
    return 0 if sound(found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
