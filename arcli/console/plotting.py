"""Plots in files: the one place that knows matplotlib (extra `plot`)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from arcli.console.files import write_file
from arcli.errors import NotSupported, UsageError, extra_hint

FORMATS = (".png", ".svg")


def plot_format(path: Path) -> str:
    """Return the format that a file's name asks for. Raises UsageError, NotSupported without matplotlib."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: a plot is a .png or .svg file")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise NotSupported(
            "plots in files need matplotlib, which is not installed", hint=extra_hint("plot")
        ) from error
    return path.suffix.lower()[1:]


def save_stacked_bars(
    path: Path, labels: Sequence[str], series: Mapping[str, Sequence[int]], title: str
) -> None:
    """Write a stacked bar chart: one bar a label, one colour a series. Replaces a file that is there."""
    kind = plot_format(path)
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(max(6.4, min(24.0, 0.25 * len(labels))), 4.8), layout="constrained")
    axes = figure.subplots()
    base = [0] * len(labels)
    for name, counts in series.items():
        axes.bar(range(len(labels)), counts, bottom=base, label=f"{sum(counts):,} × {name}")
        base = [low + count for low, count in zip(base, counts, strict=True)]
    axes.set_title(title)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    step = max(1, len(labels) // 24)
    axes.set_xticks(range(0, len(labels), step), labels[::step], rotation=60, ha="right")
    if series:
        for text in axes.legend(fontsize="small").get_texts():
            text.set_parse_math(False)  # a name may hold $
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind)
    write_file(path, buffer.getvalue(), overwrite=True)
