"""Curves as SVG text, drawn by matplotlib (extra `plot`)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from arcli.errors import NotSupported, extra_hint
from arcli.evaluation.measure import Report, ThresholdPoint


def threshold_curves(report: Report) -> str:
    """Return an SVG: precision and recall over each other, and misses against false accepts (DET).

    Raises NotSupported without matplotlib.
    """
    figure, (left, right) = _figure()
    known = [p for p in report.thresholds if p.precision is not None and p.recall is not None]
    left.plot([p.recall for p in known], [p.precision for p in known], marker=".")
    left.set(
        title="Precision and recall", xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02)
    )
    _det(right, report.thresholds)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _det(axes: Any, points: Sequence[ThresholdPoint]) -> None:
    known = [p for p in points if p.false_accept_rate is not None and p.recall is not None]
    misses = [1 - p.recall for p in known if p.recall is not None]
    axes.plot([p.false_accept_rate for p in known], misses, marker=".")
    axes.set(title="Detection error trade-off", xlabel="false accept rate", ylabel="miss rate")
    axes.set_xscale("symlog", linthresh=1e-3)
    axes.set_yscale("symlog", linthresh=1e-2)
    axes.set(xlim=(0, 1), ylim=(0, 1))


def _figure() -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise NotSupported("an HTML report needs matplotlib", hint=extra_hint("plot")) from error
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    for each in axes:
        each.grid(visible=True, alpha=0.3)
    return figure, axes
