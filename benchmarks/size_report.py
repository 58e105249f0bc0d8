"""Makes the shipped costs, and the plot of docs/explanation/size.md, from what the size benchmarks measured.

python -m benchmarks.size_report: reads docs/results/size.json (`make bench-size-full`), kinds.json
(`make bench-kinds`) and features.json (`make bench-features`), writes arcli/index/data/costs.json and
docs/results/size.svg. Each cost is a line fitted to at least three sizes; where a cost does not grow, its
mean.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from arcli.engine.indexing.coverage import INDEXING
from benchmarks.results import ROOT, print_table, write_json

RESULTS = ROOT / "docs" / "results"
COSTS = ROOT / "arcli" / "index" / "data" / "costs.json"
GRAPH = "hnsw"
LISTS = "ivf"  # the kind of the larger channels of the size benchmark

Row = dict[str, Any]
Line = list[float]


def line(sizes: Sequence[float], values: Sequence[float]) -> Line:
    """Return [fixed, each] with the least relative error; neither is negative."""
    assert len(sizes) >= 3, "a slope takes three sizes"
    x, y = np.array(sizes, float), np.array(values, float)
    weights = 1 / np.maximum(y, y.max() / 1000)
    columns = np.stack([np.ones_like(x), x], axis=1) * weights[:, None]
    fixed, each = np.linalg.lstsq(columns, y * weights, rcond=None)[0]
    if each < 0:
        fixed, each = float(np.mean(y)), 0.0
    elif fixed < 0:
        fixed, each = 0.0, float((x * y * weights**2).sum() / (x * x * weights**2).sum())
    return [float(f"{fixed:.4g}"), float(f"{each:.4g}")]


def above(fixed: float, sizes: Sequence[float], values: Sequence[float]) -> Line:
    """Return [fixed, each], where `fixed` is known and `each` has the least relative error."""
    each = np.mean([(value - fixed) / size for size, value in zip(sizes, values, strict=True)])
    return [fixed, float(f"{each:.4g}")]


def tenfold(sizes: Sequence[float], values: Sequence[float]) -> Line:
    """Return [fixed, 0, more for each digit of the size]: a walk through a graph."""
    assert len(sizes) >= 3, "a slope takes three sizes"
    each, fixed = np.polyfit(np.log10(sizes), values, 1)
    return [float(f"{fixed:.4g}"), 0.0, float(f"{each:.4g}")]


def constant(values: Sequence[float]) -> Line:
    return [round(statistics.median(values), 2), 0.0]


def kind_costs(rows: Sequence[Row]) -> dict[str, Line]:
    """Return the lines of a kind by descriptors, from `make bench-kinds`."""
    names = {"file": "bytes", "build": "build_cpu_ms", "open": "open_cpu_ms", "memory": "memory_bytes"}
    sizes = [row["descriptors"] for row in rows]
    lines = {name: line(sizes, [row[column] for row in rows]) for name, column in names.items()}
    searched = tenfold if rows[0]["kind"] == GRAPH else line
    return lines | {"search": searched(sizes, [row["search_cpu_ms"] for row in rows])}


def channel_costs(rows: Sequence[Row], size: Row, features: Row, searches: float) -> dict[str, Any]:
    """Return the lines of a channel by targets, from `make bench-size-full`."""
    sizes = [row["targets"] for row in rows]
    added = sum(block["added"] for block in size["pool"])
    own = sum(block["cpu_seconds"] - block["index_cpu_seconds"] for block in size["pool"])
    kept = {way["way"]: way["bytes_a_target"] for way in features["ways"]}
    small = [row["one_shot_cpu_seconds_16"] * 1000 for row in rows]
    return {
        "store": line(sizes, [row["store_bytes_a_target"] * row["targets"] for row in rows]),
        "compact": [0.0, kept["standard"] - kept["compact"]],
        "pictures": [0.0, size["picture_bytes"]],
        "process": constant([row["anonymous_mb"] * 2**20 for row in rows]),
        "enroll": [0.0, round(own * 1000 / added, 2)],
        "extract": constant([_cpu(row, "decode", "extract") for row in rows]),
        "verify": constant([_cpu(row, "load", "verify", "other") for row in rows[1:]]),
        "command": constant(small),
        "searches": searches,
    }


def _cpu(row: Row, *phases: str) -> float:
    """Return ms of CPU of some phases: the clock's, scaled as the whole lookup's."""
    return float(sum(row["phases_ms"][name] for name in phases) * row["find_cpu_ms"] / row["find_ms"])


def lists_at_size(kind: dict[str, Line], rows: Sequence[Row], known: Sequence[Row]) -> float:
    """Put what was measured in whole channels in place of the short line; return searches a lookup."""
    shared = _cpu(next(row for row in rows if row["targets"] == 1000), "shortlist")
    one = next(row for row in known if row["targets"] == 1000)["search_cpu_ms"]
    searches = round(shared / one, 2)
    larger = [row for row in rows if row["targets"] >= 1000]
    sizes = [row["targets"] * INDEXING.keypoints for row in larger]
    kind["search"] = line(sizes, [_cpu(row, "shortlist") / searches for row in larger])
    opened = [
        1000 * (row["one_shot_cpu_seconds"] - row["one_shot_cpu_seconds_16"]) - _cpu(row, "shortlist")
        for row in larger
    ]
    kind["open"] = line(sizes, [max(1.0, each) for each in opened])
    fixed = kind["file"][0]  # tables of the lists, which only small files show
    kind["file"] = above(fixed, sizes, [row["index_bytes_a_target"] * row["targets"] for row in larger])
    kind["build"] = line(sizes, [row["index_cpu_ms_a_target"] * row["targets"] for row in larger])
    return searches


def costs(size: Row, kinds: Row, features: Row) -> Row:
    rows = sorted(size["sizes"], key=lambda row: int(row["targets"]))
    by_kind = {
        name: [row for row in kinds["kinds"] if row["kind"] == name]
        for name in dict.fromkeys(row["kind"] for row in kinds["kinds"])
    }
    lines = {name: kind_costs(known) for name, known in by_kind.items()}
    searches = lists_at_size(lines[LISTS], rows, by_kind[LISTS])
    return {
        "origin": {name: size[name] for name in ("date", "commit", "machine")}
        | {"targets": rows[-1]["targets"], "kinds": {name: kinds[name] for name in ("date", "commit")}},
        "kinds": lines,
        "channel": channel_costs(rows, size, features, searches),
    }


def write_plot(path: Path, rows: Sequence[Row]) -> None:
    """Draw lookup, one-shot lookup and memory over the number of targets."""
    figure = Figure(figsize=(5.4, 8.4), layout="constrained")  # one below the other: legible on a phone
    lookup, shot, held = figure.subplots(3, 1)
    sizes = [row["targets"] for row in rows]
    lookup.plot(sizes, [row["without_extraction_cpu_ms"] for row in rows], marker="o", label="no extraction")
    lookup.plot(sizes, [_cpu(row, "shortlist") for row in rows], marker="o", label="index alone")
    shot.plot(sizes, [row["one_shot_cpu_seconds"] for row in rows], marker="o", label="in this channel")
    shot.plot(sizes, [row["one_shot_cpu_seconds_16"] for row in rows], marker="o", label="in 16 targets")
    held.plot(sizes, [row["anonymous_mb"] for row in rows], marker="o", label="anonymous")
    held.plot(sizes, [row["file_backed_mb"] for row in rows], marker="o", label="pages of files")
    for axes, title, unit in (
        (lookup, "Lookup in a process that goes on", "ms of CPU"),
        (shot, "arcli find, once", "s of CPU"),
        (held, "Memory after ten lookups", "MB"),
    ):
        axes.set(title=title, xlabel="targets", ylabel=unit, xscale="log")
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(path, format="svg", metadata={"Date": None})


def main() -> None:
    size = json.loads((RESULTS / "size.json").read_text())
    kinds = json.loads((RESULTS / "kinds.json").read_text())
    features = json.loads((RESULTS / "features.json").read_text())
    write_json(COSTS, costs(size, kinds, features))
    rows = sorted(size["sizes"], key=lambda row: int(row["targets"]))
    write_plot(RESULTS / "size.svg", rows)
    heads = [
        "targets",
        "store B",
        "index B",
        "index ms",
        "find ms",
        "shortlist",
        "one shot s",
        "anonymous MB",
    ]
    print_table(
        heads,
        [
            [
                *(row[name] for name in ("targets", "store_bytes_a_target", "index_bytes_a_target")),
                *(row[name] for name in ("index_cpu_ms_a_target", "without_extraction_cpu_ms")),
                round(_cpu(row, "shortlist"), 1),
                *(row[name] for name in ("one_shot_cpu_seconds", "anonymous_mb")),
            ]
            for row in rows
        ],
    )


if __name__ == "__main__":
    main()
