"""Draw the plots of docs/ from docs/results, and the pictures of good and bad targets from samples/.

python docs/figures.py writes docs/pictures/*.svg and docs/pictures/targets/*.jpg. Plots are drawn on white,
so that they can be read on a light page and on a dark one; their letters stay letters.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.printing import by_share

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results"
PICTURES = ROOT / "docs" / "pictures"
RIGHT, ALIKE, NOTHING = "#00796b", "#e07b00", "#8a8f98"
SIZE = (5.4, 3.3)  # inches: legible on a phone, too


def results(name: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return figures


def axes_of(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11)
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="y", alpha=0.3)
    return figure, axes


def save(figure: Figure, name: str) -> None:
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}):
        figure.savefig(PICTURES / f"{name}.svg", format="svg", metadata={"Date": None})


def scores() -> None:
    """Of each kind of photo the share with a best score at least as high as the threshold."""
    figure, axes = axes_of("What a threshold lets through", "threshold", "% of the photos answered")
    kinds = results("scores")["scores"]
    names = {
        "right": "the target, where it is registered",
        "look-alike": "a banknote, where only others are registered",
        "nothing": "anything, where nothing shown is registered",
    }
    steps = [step / 100 for step in range(2, 100)]
    for (kind, name), colour in zip(names.items(), (RIGHT, ALIKE, NOTHING), strict=True):
        found = kinds[kind]
        shares = [100 * sum(score >= step for score in found) / len(found) for step in steps]
        axes.plot(steps, shares, color=colour, linewidth=2, label=f"{name} ({len(found)})")
    axes.axvline(0.5, color="black", linewidth=0.8, linestyle=":")
    axes.text(0.51, 15, "default", fontsize=9)
    axes.set(xlim=(0, 1), ylim=(0, 101))
    axes.legend(fontsize=9, loc="center right", bbox_to_anchor=(1, 0.78))
    save(figure, "scores")


def thresholds() -> None:
    """Recall against the false accept rate, a point for each threshold."""
    figure, axes = axes_of(
        "A higher threshold: fewer mistakes, fewer finds",
        "% of photos of other things that are answered by chance",
        "% of photos answered rightly",
    )
    found = results("openset")
    photos = sum(kind["photos"] for kind in found["kinds"] if kind["name"].startswith("shown"))
    points = [point for point in found["curve"] if point["threshold"] in (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9)]
    rates = [100 * point["rate"] for point in points]
    right = [100 * sum(point["right"].values()) / photos for point in points]
    axes.plot(rates, right, color=RIGHT, marker="o")
    for point, rate, share in zip(points, rates, right, strict=True):
        if point["threshold"] != 0.9:  # where .8 is
            name = {0.5: ".5 (default)", 0.8: ".8 and .9"}.get(
                point["threshold"], f"{point['threshold']:g}"[1:]
            )
            axes.annotate(name, (rate, share), xytext=(5, -13), textcoords="offset points", fontsize=9)
    axes.set_xscale("symlog", linthresh=0.02, linscale=0.4)
    axes.set(xlim=(-0.003, 6), ylim=(96, 100))
    axes.set_xticks([0, 0.02, 0.1, 0.3, 1, 3], ["0", "0.02", "0.1", "0.3", "1", "3"])
    axes.minorticks_off()
    save(figure, "thresholds")


CONDITIONS = {
    "near": "near",
    "on a table": "on a table, tilted",
    "distance 2": "a fifth of the photo",
    "distance 3": "an eighth of the photo",
    "tilt 3": "from the side, 66°",
    "blur 2": "blurred",
    "noise 3": "nearly dark",
    "glare 2": "glare on a part",
    "in a dim room": "in a dim room",
    "across the street": "across the street",
}


def levels() -> None:
    """In how many views pictures of each level are found: a table of colours."""
    pictures = [each for each in results("level")["each"] if each["level"]]
    shares = [
        [
            sum(view in each["seen"] for each in pictures if each["level"] == level)
            / sum(each["level"] == level for each in pictures)
            for level in range(1, 6)
        ]
        for view in CONDITIONS
    ]
    figure = Figure(figsize=(5.4, 4.4), layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.imshow(shares, cmap="RdYlGn", vmin=0, vmax=1, aspect="auto", alpha=0.6)
    axes.set_title("Of 100 photos so many are answered", loc="left", fontsize=11)
    axes.set_xticks(range(5), [f"level {level}" for level in range(1, 6)])
    axes.set_yticks(range(len(CONDITIONS)), list(CONDITIONS.values()))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for y, row in enumerate(shares):
        for x, share in enumerate(row):
            axes.text(x, y, f"{100 * share:.0f}", ha="center", va="center")
    save(figure, "levels")


def time_by_size() -> None:
    """A lookup's CPU by number of targets, and what of it is the photo, the index and the comparison."""
    figure, axes = axes_of("A lookup by number of targets", "targets in the channel", "ms of CPU")
    rows = results("size")["sizes"]
    names = [f"{row['targets']:,}" for row in rows]
    base = [0.0] * len(rows)
    parts = {
        "reading the photo": ("decode", "extract"),
        "searching the index": ("shortlist",),
        "comparing candidates": ("load", "verify", "other"),
    }
    for (name, phases), colour in zip(parts.items(), (NOTHING, ALIKE, RIGHT), strict=True):
        values = [
            sum(row["phases_ms"][phase] for phase in phases)
            * row["find_cpu_ms"]
            / sum(row["phases_ms"].values())
            for row in rows
        ]
        axes.bar(names, values, bottom=base, color=colour, label=name, width=0.6)
        base = [low + value for low, value in zip(base, values, strict=True)]
    for x, total in enumerate(base):
        axes.text(x, total + 1, f"{total:.0f}", ha="center")
    axes.legend(fontsize=9, loc="upper left")
    axes.set_ylim(top=max(base) * 1.25)
    save(figure, "time")


def sizes() -> None:
    """At how small a share of the photo's long side a target is still found."""
    figure, axes = axes_of(
        "How large a target must be in the photo",
        "its long side, % of the photo's long side",
        "% of the photos answered",
    )
    rows = results("printing")["sizes"]
    groups = (("level 5", (5,), RIGHT), ("level 3 and 4", (3, 4), ALIKE))
    for name, kept, colour in groups:
        chosen = [row for row in rows if row["level"] in kept]
        points = [(share, tried, found) for share, tried, found in by_share(chosen) if tried > 3]
        if points:
            axes.plot(
                [100 * share for share, _, _ in points],
                [100 * found / tried for _, tried, found in points],
                color=colour,
                marker="o",
                label=f"{name} ({max(tried for _, tried, _ in points)} photos)",
            )
    axes.set(xlim=(0, 42), ylim=(0, 103))
    axes.legend(fontsize=9, loc="lower right")
    save(figure, "sizes")


def peers() -> None:
    """What other ways cost a photo, and how many photos they answer rightly at one mistake in a hundred."""
    figure, axes = axes_of(
        "1,000 pictures: arcli beside other ways", "ms of CPU a photo", "% of photos answered rightly"
    )
    rows = results("peers")["ways"]
    for row in rows:
        cost, share = row["find_cpu_ms"], 100 * row["strict"]
        ours = row["way"] == "arcli"
        axes.plot(cost, share, marker="o", color=RIGHT if ours else NOTHING)
        where = (-4, -14) if row["way"].startswith("SIFT") else (-4, 8)
        axes.annotate(row["way"], (cost, share), where, textcoords="offset points", fontsize=9)
    axes.set_xscale("log")
    axes.set(xlim=(4, 12 * max(row["find_cpu_ms"] for row in rows)), ylim=(0, 112))
    axes.set_xticks([10, 100, 1000, 10_000], ["10", "100", "1,000", "10,000"])
    axes.minorticks_off()
    axes.set_yticks(range(0, 101, 20))
    save(figure, "peers")


DRAWINGS = {
    "scores": scores,
    "thresholds": thresholds,
    "levels": levels,
    "time": time_by_size,
    "sizes": sizes,
    "peers": peers,
}


def main(names: Sequence[str]) -> None:
    """Draw what is named, or all."""
    for name in names or DRAWINGS:
        DRAWINGS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
