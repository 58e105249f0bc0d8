"""One honest client beside 16 hostile ones: how long its lookups take, as a multiple of their idle time.

python -m benchmarks.hostile [--seconds 30] [--addresses 16] [--only KIND]

All use the same published scan-only key; the honest one is 127.0.0.1, the others 127.0.0.2 and on. Loopback
only, and bounded in time. The hostile clients run at a lower priority: on separate machines they would not
take processor time from the server.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arcli.engine import LocalGallery
from arcli.models import AddItem, ChannelSettings, KeyRequest, Picture, Scope
from arcli.store.accounts import Accounts

SAMPLES = Path(__file__).parents[1] / "samples"
BOUNDARY = "--------hostile"
NICENESS = 5
THINK = 0.5  # seconds between an honest client's lookups: faster than a person with a phone


@dataclass(frozen=True)
class Site:
    """Where the server is, and the key that all clients have."""

    port: int
    login: dict[str, str]


def form(fields: dict[str, str], image: bytes | None = None) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if image is not None:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        parts += [head.encode(), image, b"\r\n"]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post(site: Site, address: str, call: str, body: bytes, *, seconds: float = 40.0) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, seconds, source_address=(address, 0))
    with contextlib.closing(connection):
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        connection.request("POST", f"/{call}", body, kind)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer


# What hostile clients send


def noise(side: int = 1200) -> bytes:
    """Return a photo that shows nothing, which is searched at every resolution and from every side."""
    import cv2
    import numpy as np

    small = np.random.default_rng(7).integers(0, 255, (side // 4, side // 4, 3), dtype=np.uint8)
    shown = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 80])[1])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def swollen_png() -> bytes:
    """Return a small PNG with surplus data that inflates to a gigabyte."""
    head = struct.pack(">IIBBBBB", 6000, 6000, 8, 2, 0, 0, 0)
    packer = zlib.compressobj(9)
    zeros = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1000)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zeros) + chunk(b"IEND", b"")


def many_scans() -> bytes:
    """Return a progressive JPEG whose refinement scans are repeated 2,000 times."""
    import cv2
    import numpy as np

    flag = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    plain = bytes(cv2.imencode(".jpg", np.zeros((4000, 4000, 3), np.uint8), flag)[1])
    at = plain.rindex(b"\xff\xda")
    scan = plain[at:-2]
    return plain[:at] + b"\xff\x02".join([scan] * 2000) + plain[-2:]


def stall(site: Site, address: str, *, sent: int, announced: int = 9_000_000) -> None:
    """Begin a body and send nothing more for a while."""
    with socket.create_connection(("127.0.0.1", site.port), 20, source_address=(address, 0)) as line:
        head = f"POST /FindImage HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n"
        head += f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
        line.sendall(head.encode() + form(site.login, bytes(sent))[:sent])
        line.settimeout(5)
        with contextlib.suppress(OSError):
            line.recv(100)


def tiny_chunks(site: Site, address: str) -> None:
    """Send a picture of 9 MB, each byte in a chunk of its own, as far as it is taken."""
    with socket.create_connection(("127.0.0.1", site.port), 20, source_address=(address, 0)) as line:
        head = "POST /FindImage HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        head += f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
        begun = form(site.login, b"x").partition(b"x\r\n--")[0]
        line.sendall(head.encode() + b"%x\r\n%s\r\n" % (len(begun), begun))
        for _ in range(9000):
            line.sendall(b"1\r\nx\r\n" * 1000)


def idle(site: Site, address: str, *, said: bytes = b"") -> None:
    """Hold a hundred connections that send nothing, or half of a request's headers."""
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            line = socket.create_connection(("127.0.0.1", site.port), 5, source_address=(address, 0))
            stack.enter_context(line)
            line.sendall(said)
        time.sleep(3)


def kinds(site: Site) -> dict[str, Callable[[str], Any]]:
    """Return what a hostile client does, by name."""
    small = (SAMPLES / "photos" / "shoes.jpg").read_bytes()
    much = {"limit": "all", "effort": "thorough", "candidates": "1000"}
    names = json.dumps(["posters"] * 2000)
    bodies = {
        "thorough": form(site.login | much, noise()),
        "nothing": form(site.login, noise()),
        "swollen_png": form(site.login, swollen_png()),
        "many_scans": form(site.login, many_scans()),
        "large_body": form(site.login, small + bytes(9_500_000)),
        "channels": form(site.login | {"channels": names}, small),
        "ordinary": form(site.login, small),
    }
    wrong = form(site.login | {"secretkey": "wrong", "channel": "posters"})
    public = form({"channel": "posters", "identifier": "nobody"})
    found: dict[str, Callable[[str], Any]] = {
        name: lambda address, body=body: post(site, address, "FindImage", body)  # type: ignore[misc]
        for name, body in bodies.items()
    }
    found |= {
        "wrong_keys": lambda address: [post(site, address, "GetImages", wrong) for _ in range(50)],
        "get_images": lambda address: [post(site, address, "GetImage", public) for _ in range(50)],
        "tiny_chunks": lambda address: tiny_chunks(site, address),
        "stalled": lambda address: stall(site, address, sent=5_000_000),
        "idle": lambda address: idle(site, address),
        "half_headers": lambda address: idle(
            site, address, said=b"POST /FindImage HTTP/1.1\r\nHost: x\r\nA: "
        ),
    }
    return found


def attack(site: Site, addresses: list[str], only: str | None, until: float, counts: Any) -> None:
    """Send from all addresses, four requests at a time from each, until the time is over."""
    os.nice(NICENESS)
    todo = kinds(site)
    names = [only] if only else list(todo)
    sent: Counter[str] = Counter()

    def one(address: str, seed: int) -> None:
        chooser = random.Random(seed)
        while time.monotonic() < until:
            name = chooser.choice(names)
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                todo[name](address)
            sent[name] += 1

    threads = [threading.Thread(target=one, args=(it, n)) for n, it in enumerate(addresses * 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts.put(dict(sent))


# The honest client


def lookups(site: Site, *, number: int, until: float | None = None) -> list[float]:
    """Look photos up, one every half a second; return the seconds of each, 60 for one that was refused."""
    photos = [path.read_bytes() for path in sorted((SAMPLES / "photos").glob("*.jpg"))]
    seconds = []
    for turn in range(number):
        if until is not None and time.monotonic() > until:
            break
        body = form(site.login, photos[turn % len(photos)])
        began = time.monotonic()
        answer = post(site, "127.0.0.1", "FindImage", body)
        seconds.append(time.monotonic() - began if answer["returncode"] == 0 else 60.0)
        if answer["returncode"] != 0:
            print(json.dumps(answer), file=sys.stderr)
        time.sleep(THINK)
    return seconds


@contextlib.contextmanager
def served(folder: Path) -> Any:
    with Accounts(folder) as accounts, LocalGallery(folder) as gallery:
        accounts.add_account(username="shop")
        gallery.create_channel(name="posters", settings=ChannelSettings(owner="shop"))
        for path in sorted((SAMPLES / "gallery").iterdir()):
            item = AddItem(picture=Picture.from_path(path), identifier=path.stem)
            gallery.add(channel="posters", item=item)
        key = KeyRequest(scope=Scope.FIND, channels=("posters",))
        secret = accounts.add_key(username="shop", key=key).secretkey
    words = ["--data-dir", str(folder), "serve", "--json", "--port", "0", "--metrics-port", "0"]
    process = subprocess.Popen([sys.executable, "-m", "arcli", *words], stdout=subprocess.PIPE)
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["data"]["url"]
    try:
        yield Site(int(url.rpartition(":")[2]), {"username": "shop", "secretkey": secret})
    finally:
        began = time.monotonic()
        process.terminate()
        process.wait(60)
        print(json.dumps({"stopped_in_seconds": round(time.monotonic() - began, 2)}))


def compared(quiet: list[float], beside: list[float], name: str) -> dict[str, Any]:
    """Return the medians (ms) of lookups (s; 60: refused) alone and beside others, and their ratio."""
    idle, median = statistics.median(quiet), statistics.median(beside)
    return {
        "idle_ms": round(idle * 1000, 1),
        f"{name}_ms": round(median * 1000, 1),
        "worst_ms": round(max(beside) * 1000, 1),
        "refused": sum(value == 60.0 for value in beside),
        "ratio": round(median / idle, 2),
        "lookups": len(beside),
    }


def measure(*, seconds: float, addresses: int, only: str | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch) / "data") as site:
        lookups(site, number=4)
        quiet = lookups(site, number=15)
        spawn = multiprocessing.get_context("spawn")
        counts = spawn.Queue()
        until = time.monotonic() + seconds
        hosts = [f"127.0.0.{2 + number}" for number in range(addresses)]
        attacker = spawn.Process(target=attack, args=(site, hosts, only, until, counts))
        attacker.start()
        time.sleep(min(5.0, seconds / 4))
        beside = lookups(site, number=1000, until=until)
        sent = counts.get(timeout=120)
        attacker.join()
    return compared(quiet, beside, "attacked") | {"sent": sent}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--addresses", type=int, default=16)
    parser.add_argument("--only")
    found = measure(**vars(parser.parse_args()))
    print(json.dumps(found, indent=1))
    return 0 if found["ratio"] <= 3 else 1


if __name__ == "__main__":
    raise SystemExit(main())
