"""Builds that are broken on purpose: a suite that passes on one of them shows nothing.

python -m faults.sabotage [NAME ...] [--output FILE]: each sabotage is done to a copy of the tree, and the
suite that answers for it must fail there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import describe_run
from faults.harness import ROOT


@dataclass(frozen=True)
class Sabotage:
    """changes: file, what stands there, what is put in its place. words: those that start the suite."""

    changes: tuple[tuple[str, str, str], ...]
    words: tuple[str, ...]


_DRY = "            yield from self._dry(batch) if self._options.dry_run else self._store(batch)\n"
_EARLY = """            try:
                yield from self._dry(batch)
            finally:
                if not self._options.dry_run:
                    self._store(batch)
"""
_DEAD = "SELECT row_id FROM dead UNION ALL SELECT row_id FROM targets WHERE active = 0"
_OWNED = "    return owned or granted == Scope.ALL or (granted is not None and need is Scope.FIND)\n"
_ONCE = 'tuple(dict.fromkeys(unicodedata.normalize("NFC", name) for name in names))'

SABOTAGES: dict[str, Sabotage] = {
    "acknowledge before commit": Sabotage(
        (("arcli/engine/adding.py", _DRY, _EARLY),), ("crash", "--only", "load", "--share", "0.2")
    ),
    "no fsync": Sabotage(
        (
            ("arcli/store/connections.py", "synchronous = {synchronous}", "synchronous = OFF"),
            ("arcli/system.py", "        os.fsync(descriptor)\n", "        pass\n"),
        ),
        ("power", "--only", "add", "--share", "0.2"),
    ),
    "no tombstone check": Sabotage(
        (("arcli/store/snapshot.py", _DEAD, "SELECT row_id FROM targets WHERE active = 0"),),
        ("crash", "--only", "rm"),
    ),
    "no owner check": Sabotage(
        (("arcli/store/gatekeeper.py", _OWNED, "    return True\n"),), ("requests", "--most", "3000")
    ),
    "no pixel limit": Sabotage(
        (("arcli/vision/decoding/limits.py", "if header.area > limits.pixels:", "if False:"),),
        ("pictures", "--only", "over the limit", "--most", "50"),
    ),
    "no deduplication": Sabotage(
        (("arcli/protocols/arcloud/requests.py", _ONCE, _ONCE.replace("dict.fromkeys(", "(")),), ("load",)
    ),
}


def copied(target: Path) -> None:
    """Copy the files that git knows."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def sabotaged(name: str) -> dict[str, Any]:
    """Return how the suite ended on the sabotaged copy: the first thing that it said, and the seconds."""
    sabotage, began = SABOTAGES[name], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="arcli-sabotage-") as scratch:
        tree = Path(scratch) / "tree"
        copied(tree)
        for file, there, instead in sabotage.changes:
            text = (tree / file).read_text()
            assert text.count(there) == 1, f"{file} has changed: {there}"
            (tree / file).write_text(text.replace(there, instead))
        command = [sys.executable, "-m", "faults", *sabotage.words, "--state", f"{scratch}/state"]
        environment = {**os.environ, "PYTHONPATH": str(tree)}
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    said = [
        line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("FAILED", "Assert"))
    ]
    first = said[0].replace(scratch, "") if said else done.stderr[-300:]
    return {
        "suite": " ".join(sabotage.words),
        "noticed": done.returncode != 0 and bool(said),
        "said": first[:240],
        "seconds": round(time.monotonic() - began),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=list(SABOTAGES), metavar="NAME")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    found = {}
    for name in given.names:
        found[name] = sabotaged(name)
        print(f"{name}: {json.dumps(found[name])}", flush=True)
    if given.output is not None:
        given.output.write_text(json.dumps({"run": describe_run(), "sabotages": found}, indent=1) + "\n")
    return 0 if all(one["noticed"] for one in found.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
