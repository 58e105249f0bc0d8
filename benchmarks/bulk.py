"""Bulk loading at full size: `make bench-bulk`. The tests in tests/bulk run the same at small size.

ARGS: --parts NAME… of kills, served-kills, faults, round-trip, load; --pictures N (20000, of the part load),
--kills N (20), --folder DIR (made-up pictures, kept for a second run), --output FILE.json.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bulk_load import make_pictures, measure
from benchmarks.growth_pictures import distractors
from benchmarks.recognition import BENCH, manifest
from benchmarks.results import describe_run, write_json
from tests.bulk.kills import KilledLoad, kill, starter, stored
from tests.bulk.proxy import FaultyNetwork
from tests.bulk.servers import KillableServer
from tests.cli.processes import environment

KILLED, FAULTY, RATE = 3000, 2000, 0.05  # pictures; share of failing requests
_SEED = 20260101


def run_arcli(home: Path, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "arcli", *map(str, words)]
    return subprocess.run(command, env=environment(home, **env), cwd=BENCH, capture_output=True, text=True)


def write_manifest(home: Path, count: int) -> Path:
    """Write a manifest of the first distractors, each with its own metadata."""
    path = home / "pictures.jsonl"
    rows = [
        {"image": str(picture), "metadata": {"n": number}, "active": number % 50 != 0}
        for number, picture in enumerate(distractors()[:count])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def load_whole(home: Path, pictures: Path) -> tuple[bytes, Path]:
    """Load without interruption; return the report and the data folder."""
    report = home / "whole.jsonl"
    run_arcli(home, "add", "--manifest", pictures, "--report", report)
    return report.read_bytes(), home / "data"


def kills(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Kill the loading process."""
    pictures = write_manifest(home, KILLED)
    whole, data = load_whole(home, pictures)
    report, again = home / "report.jsonl", home / "killed"
    words: list[str | Path] = ["add", "--manifest", pictures, "--report", report, "--resume"]
    start = starter(words, cwd=BENCH, env=environment(again))
    killed = KilledLoad(start, report, KILLED, options.kills, random.Random(_SEED))
    status = killed.run()
    return _compared(killed, status, whole, data, again / "data")


def served_kills(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Kill the loading process, or the server that it loads into."""
    pictures = write_manifest(home, KILLED)
    whole, data = load_whole(home, pictures)
    report, rng = home / "report.jsonl", random.Random(_SEED)
    servers_killed = 0
    with KillableServer(home / "served") as server:
        words: list[str | Path] = ["add", "--manifest", pictures, "--report", report, "--resume"]
        start = starter(words, cwd=BENCH, env=environment(home / "client", **server.login()))

        def strike(client: subprocess.Popen[bytes]) -> None:
            nonlocal servers_killed
            if rng.random() < 0.5:
                servers_killed += 1
                server.kill_and_restart()
            else:
                kill(client)

        killed = KilledLoad(start, report, KILLED, options.kills, rng, strike)
        status = killed.run()
    found = _compared(killed, status, whole, data, server.data_dir)
    return {**found, "servers_killed": servers_killed}


def _compared(killed: KilledLoad, status: int, whole: bytes, data: Path, again: Path) -> dict[str, Any]:
    with stored(data, "default") as expected, stored(again, "default") as targets:
        return {
            "pictures": killed.total,
            "kills": len(killed.struck_at),
            "lost_connections": len(killed.statuses),
            "struck_at_lines": killed.struck_at,
            "exit_status": status,
            "report_equal": killed.report.read_bytes() == whole,
            "targets": len(targets),
            "targets_and_features_equal": targets == expected,
        }


def faults(home: Path, _options: argparse.Namespace) -> dict[str, Any]:
    """Load over a network that fails one request in twenty."""
    pictures, report = write_manifest(home, FAULTY), home / "report.jsonl"
    whole, data = load_whole(home, pictures)
    with KillableServer(home / "served") as server:
        network = FaultyNetwork(server.url, RATE)
        login = {**server.login(), "ARCLI_URL": network.url}
        ran = run_arcli(home / "client", "add", "--manifest", pictures, "--report", report, **login)
        network.stop()
    with stored(data, "default") as expected, stored(server.data_dir, "default") as targets:
        return {
            "pictures": FAULTY,
            "requests": len(network.requests),
            "faults": network.struck,
            "exit_status": ran.returncode,
            "statuses": Counter(json.loads(line)["status"] for line in report.read_text().splitlines()),
            "report_equal": report.read_bytes() == whole,
            "targets": len(targets),
            "targets_and_features_equal": targets == expected,
        }


def round_trip(home: Path, _options: argparse.Namespace) -> dict[str, Any]:
    """Export the sets' gallery pictures and add them again; compare ls, get and find."""
    rows = manifest()
    gallery = [row for row in rows if row["role"] == "gallery"]
    path = home / "gallery.jsonl"
    lines = (
        {"image": str(BENCH / r["file"]), "identifier": _identifier(r["id"]), "metadata": {"id": r["id"]}}
        for r in gallery
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run_arcli(home, "add", "--manifest", path, "-c", "old")
    run_arcli(home, "export", home / "out", "-c", "old")
    run_arcli(home, "add", "--manifest", home / "out" / "manifest.jsonl", "-c", "new")
    photos = [str(BENCH / row["file"]) for row in rows if row["role"] == "query"]
    old, new = (_answers(home, channel, photos) for channel in ("old", "new"))
    same = sum(old["find"][photo] == new["find"][photo] for photo in photos)
    return {
        "targets": len(old["ls"]),
        "ls_equal": old["ls"] == new["ls"],
        "photos": len(photos),
        "first_answers_equal": same,
        "different": [
            photo.removeprefix(f"{BENCH}/") for photo in photos if old["find"][photo] != new["find"][photo]
        ],
        "scores_equal": sum(old["scores"][photo] == new["scores"][photo] for photo in photos),
    }


def _identifier(name: str) -> str:
    return name.replace("-", "_").replace("/", "_")


def _answers(home: Path, channel: str, photos: list[str]) -> dict[str, Any]:
    listed = json.loads(run_arcli(home, "ls", "-c", channel, "--json").stdout)["data"]["targets"]
    command = [sys.executable, "-m", "arcli", "find", "-", "-c", channel, "--json", "--no-count"]
    env = environment(home)
    ran = subprocess.run(command, env=env, input="\n".join(photos), capture_output=True, text=True)
    results = json.loads(ran.stdout)["data"]["results"]
    times = ("channel", "created", "updated")
    return {
        "ls": [{key: value for key, value in target.items() if key not in times} for target in listed],
        "find": {r["image"]: [match["identifier"] for match in r["matches"]] for r in results},
        "scores": {r["image"]: [match["score"] for match in r["matches"]] for r in results},
    }


def long_load(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Load made-up pictures and watch memory and CPU."""
    folder = options.folder or home / "pictures"
    make_pictures(folder, options.pictures)
    return measure(folder, home)


PARTS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "kills": kills,
    "served-kills": served_kills,
    "faults": faults,
    "round-trip": round_trip,
    "load": long_load,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path("bench-results/bulk.json"))
    options = parser.parse_args()
    figures: dict[str, Any] = json.loads(options.output.read_text()) if options.output.exists() else {}
    for name in options.parts:
        with tempfile.TemporaryDirectory(prefix="arcli-bulk-") as folder:
            figures[name] = {**describe_run(), **PARTS[name](Path(folder), options)}
        print(f"{name}: {json.dumps(figures[name])}", flush=True)
        write_json(options.output, figures)


if __name__ == "__main__":
    main()
