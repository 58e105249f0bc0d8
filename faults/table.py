"""docs/appendix/faults.md and docs/results/faults.json, from what the suites left: python -m faults.table
[DIR]

Each part of DIR replaces that part of the JSON; the page is written from the JSON alone.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from faults.harness import ROOT
from faults.parts import PARTS

RESULTS, PAGE = ROOT / "docs" / "results" / "faults.json", ROOT / "docs" / "appendix" / "faults.md"
FOLDER_PARTS = ("crash", "power", "disk")

FOUND: tuple[tuple[str, str, str], ...] = (
    (
        "crash",
        "`channel compact` ended with `data_damaged` for every channel that an earlier arcli made",
        "VACUUM may attach the database that it writes to",
    ),
    (
        "requests",
        "a body that stops being HTTP (a bad chunk) left a traceback in the log, each time",
        "its call ends with the connection",
    ),
    (
        "hostile",
        "an honest client was refused at the beginning of an attack: 16 new addresses went before it",
        "turns are taken by a clock; new senders leave one fast thread to others",
    ),
    (
        "crash",
        "after a killed `channel create` `doctor` told of damage until the next channel was made",
        "it says that a creation was interrupted, and ends well",
    ),
    (
        "disk",
        "a new store, or new counts, got its name without its pages where the disk failed as it was closed",
        "its pages are in its file before, or its creation fails",
    ),
    (
        "damage",
        "two pages of the catalog exchanged: a value of the wrong kind was a bug (exit status 70)",
        "it is `data_damaged`, and names the channel or account",
    ),
    (
        "inputs",
        "TOML nested a thousand times deep, or with a number of 5,000 digits, was a bug (exit status 70)",
        "it is a usage error that names the file",
    ),
    (
        "power",
        "the folder of a new backup could be gone: its name was not synced in the folder above",
        "the names of all folders that a backup makes are",
    ),
    (
        "disk",
        "`channel compact` never ended where nothing could be written, and gave space back page by page",
        "a commit that fails is an error, and 4 MiB are given back at a time",
    ),
    (
        "disk",
        "`backup` on a disk that was full or failed ended with an error of Python's in a library's hands",
        "it is `disk_full`, or `data_damaged` that names the backup",
    ),
    (
        "disk",
        "a `channel copy` that was entered and then could not remove its mark removed its folder instead",
        "the mark may stay",
    ),
    (
        "by hand",
        "22 numbers, names and texts that no option expects were bugs (exit status 70), 2 a damaged store",
        "they are usage errors",
    ),
    (
        "by hand",
        "picture URLs: IPv6 addresses that nobody was given, and networks of one's own, passed for public",
        "only 2000::/3 is",
    ),
    (
        "requests",
        "a body in chunks of one byte took a second a megabyte of the thread that all requests share",
        "a body of very many tiny chunks ends its connection",
    ),
    ("requests", "a request that named a whole URL was not found", "its path counts"),
    (
        "by hand",
        "a channel that was damaged while it was served stopped the lookups in all channels",
        "it is left out of them, and named in the log",
    ),
    (
        "by hand",
        "a link to a picture of a damaged channel: HTTP 500 and a traceback each time; answers named paths",
        "it is not found; callers are shown no path, and the same trouble is logged once a minute",
    ),
    (
        "by hand",
        "20 addresses, or one IPv6 network, with bodies that hardly came could hold all connections",
        "a half-sent request of who holds most gives way; an IPv6 network is one sender",
    ),
    (
        "by hand",
        "`stats --all-channels` failed for counts of one channel; a pipe in a store's place was waited for",
        "the channel is left out, and named; what is no file is damage",
    ),
    (
        "by hand",
        "a page of 1,000 targets with 65 MB of metadata: .2 s of the thread that all share, and 65 MB each",
        "a page ends after 4 MiB of metadata, the next begins behind it",
    ),
    (
        "by hand",
        "10 MB of small EXIF blocks or of colour profiles took more than 15 s at a shell, 4 kB of BMP 6 s",
        "more than 256 blocks are refused, a BMP in runs is decoded in a process of limited time",
    ),
    (
        "by hand",
        "a Tupu request with URLs of ten slow servers took ten times 20 s",
        "all pictures of a request share 28 s",
    ),
    (
        "by hand",
        "a key's rate of 10^400 was answered by HTTP 500; a match ratio of 309 nines was infinity",
        "numbers beyond all floats are refused, also in settings",
    ),
    (
        "by hand",
        "Statistics of a channel over years had no limit: millions of records, and the memory for them",
        "200,000 records at most; the client then asks for fewer days at a time",
    ),
    (
        "steady",
        "a caller whose photo had waited long got back more than it had been charged, and went before others",
        "no more is given back than is left of it (50a6cbb)",
    ),
    (
        "steady",
        "Ctrl-C while SQLite was in a function of arcli's was reported as a damaged store (exit status 9)",
        "it is an interruption (130); nothing was lost",
    ),
)
MARK = "<!-- results -->\n"  # of the page, after which it is written


def merged(folder: Path) -> dict[str, Any]:
    """Return the results with what is in `folder`."""
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"parts": {}}
    again = results.setdefault("again", {})
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text())
        if "sabotages" in found:
            results["sabotage"] = found
        elif "steady" in found:
            again[path.stem] = found
        elif not path.stem.endswith("-tenth"):
            results["parts"][path.stem] = found
    return results


def page(results: dict[str, Any]) -> str:
    """Return docs/appendix/faults.md: as it is up to the mark, then what the results say."""
    parts, head = results["parts"], PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    blocks = [head + MARK, "## What was done\n", table(_HEADS, _rows(parts))]
    blocks += [_NOTE, _ends(parts), "## What was injured\n", table(*_by_operation(parts))]
    blocks += ["Kills by what was about to be done:\n", table(("phase", "kills"), _by_phase(parts))]
    blocks += ["## Found and fixed\n", table(("suite", "what", "now"), FOUND)]
    blocks += ["## Again and again\n"]
    for again in results.get("again", {}).values():
        blocks += [_again(again), table(_RUNS, _runs(again["steady"], again["run"]))]
    blocks += ["## Sabotaged builds\n", _SABOTAGE]
    blocks += [table(_BROKEN, _sabotages(results.get("sabotage", {})))]
    return "\n".join(blocks)


_HEADS = ("suite", "what", "number", "minutes", "problems", "date", "commit")
_RUNS = ("run", "commit", "passed", "minutes", "load average", "what it said")
_BROKEN = ("what was broken", "suite", "noticed", "what it said")
_NOTE = (
    "What the suites found is named below. A run that has the name of an operation did that one alone. The"
    " problems of `crash` are the creation that was killed; with `crash-channels` that operation was done"
    " again after it was mended, and with `crash-again` all, as far as the time went.\n"
)
_SABOTAGE = (
    "`python -m faults.sabotage` breaks a copy of the tree on purpose and runs the suite that answers for"
    " it, which must fail.\n"
)


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    heads = list(heads)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _rows(parts: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    for name in sorted(parts, key=lambda one: list(PARTS).index(one.partition("-")[0])):
        found = parts[name]
        part = PARTS[name.partition("-")[0]]
        title = part.title + ("" if found["complete"] else " (to be continued)")
        number, minutes = f"{found['done']:,}", f"{found['seconds'] / 60:.0f}"
        date, commit = found["run"]["date"][:10], found["run"]["commit"][:10]
        yield name, title, number, minutes, len(found["problems"]), date, commit


def _ends(parts: dict[str, Any]) -> str:
    """Say what the figures of the parts come to."""
    requests = parts.get("requests", {}).get("figures", {})
    lines = []
    if requests:
        lines.append(
            f"The dearest request took {requests['dearest_cpu_s']} s of processor time, the slowest"
            f" {requests['slowest_s']} s by the clock."
        )
    if attack := parts.get("hostile", {}).get("figures"):
        lines.append(
            f"Beside 16 hostile clients the median lookup of an honest one took {attack['ratio']} times its"
            f" idle time ({attack['attacked_ms']:.0f} ms, {attack['idle_ms']:.0f} ms idle); of its"
            f" {attack['lookups']} lookups {attack['refused']} were refused."
        )
    if silent := parts.get("silent", {}).get("figures"):
        lines.append(
            f"Beside {silent['connections']:,} connections that sent nothing, or half of a request's headers,"
            f" it took {silent['ratio']} times its idle time ({silent['beside_ms']:.0f} ms,"
            f" {silent['idle_ms']:.0f} ms idle); {silent['opened']:,} were"
            " opened, since the server closes them after 10 s."
        )
    if soak := parts.get("soak", {}).get("figures"):
        first, last = soak["footprint"][len(soak["footprint"]) // 4], soak["footprint"][-1]
        lines.append(
            f"Under load for {parts['soak']['seconds'] / 60:.0f} minutes the server went from"
            f" {first['rss_mb']} to {last['rss_mb']} MB and from {first['handles']} to {last['handles']}"
            f" handles; counts were {'exact' if soak['counts_exact'] else 'WRONG'}, the longest request took"
            f" {soak['longest_s']} s."
        )
    lines += _loads(parts.get("load", {}).get("figures", {}).get("load", []))
    return "\n".join(f"- {line}" for line in lines) + "\n"


def _loads(loads: list[dict[str, Any]]) -> list[str]:
    each = [
        f"{one['clients']}: {one['per_second']} a second, median {one['median_ms']} ms,"
        f" {one['refused']} refused at once"
        for one in loads
    ]
    return [f"Clients that call one request after the other: {'; '.join(each)}."] if each else []


def _again(again: dict[str, Any]) -> str:
    tests = ", ".join(f"`{name}`" for name in again["tests"])
    return (
        f"`make steady` ran {tests} beside {again['busy']} processes that did nothing but take time, on 2"
        f" cores ({again['run']['date'][:10]}).\n"
    )


def _runs(runs: list[dict[str, Any]], first: dict[str, str]) -> Iterator[tuple[object, ...]]:
    for number, one in enumerate(runs, start=1):
        counted = [one["said"]] if "passed" in one["said"] or "failed" in one["said"] else []
        said = "; ".join(counted + one["failed"])
        commit = one.get("commit", first["commit"])[:10]
        passed = "yes" if one["passed"] else "NO"
        yield number, commit, passed, round(one["seconds"] / 60), one["load"][1], said


def _by_operation(parts: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    columns = [name for name in FOLDER_PARTS if any(part.partition("-")[0] == name for part in parts)]
    counts = {name: Counter[str]() for name in columns}
    for part in parts:
        for phase, number in parts[part]["phases"].items() if part.partition("-")[0] in columns else ():
            counts[part.partition("-")[0]][phase.partition(":")[0]] += number
    operations = sorted({operation for count in counts.values() for operation in count})
    rows = [(operation, *(counts[name][operation] for name in columns)) for operation in operations]
    return ("operation", *columns), rows


def _by_phase(parts: dict[str, Any]) -> list[tuple[str, int]]:
    sums = Counter[str]()
    for name, found in parts.items():
        if name.startswith("crash"):
            for phase, number in found["phases"].items():
                sums[phase.partition(": ")[2]] += number
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))


def _sabotages(found: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, one in found.get("sabotages", {}).items():
        said = one["said"].removeprefix("FAILED ")[:110].replace("|", "/").replace("`", "'")
        yield name, f"`{one['suite']}`", "yes" if one["noticed"] else "NO", f"`{said}`"


def main() -> None:
    if len(sys.argv) > 1:
        text = json.dumps(merged(Path(sys.argv[1])), indent=1)
        RESULTS.write_text(text + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
