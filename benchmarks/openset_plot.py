"""The threshold curve of the open-set benchmark as a drawing: false accepts by chance, and recall."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.openset_curve import Kind, Point


def write_plot(path: Path, points: Sequence[Point], kinds: Sequence[Kind]) -> None:
    """Write an SVG: the rate with its bound over the threshold, and the share of photos answered rightly."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    thresholds = [point.threshold for point in points]
    left.plot(thresholds, [100 * point.rate for point in points], marker=".", label="rate")
    left.plot(thresholds, [100 * point.bound for point in points], linestyle="--", label="95 % upper bound")
    left.axhline(0.1, color="gray", linewidth=0.8)
    left.set(title="Accepted by chance", xlabel="threshold", ylabel="% of the photos that show no target")
    left.set_yscale("symlog", linthresh=0.01)
    left.set_ylim(bottom=0)
    sizes = {kind.name: kind.photos for kind in kinds}
    for name in points[0].right:
        shares = [100 * point.right[name] / sizes[name] for point in points]
        right.plot(thresholds, shares, marker=".", label=name.removeprefix("shown: "))
    right.set(title="Answered rightly", xlabel="threshold", ylabel="% of the photos that show a target")
    for axes in (left, right):
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(path, format="svg", metadata={"Date": None})
