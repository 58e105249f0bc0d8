"""Plots in files: the only place that uses matplotlib (extra `plot`)."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arcli.console.files import drawing_format, write_file
from arcli.errors import NotSupported, extra_hint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_log = logging.getLogger("arcli.console")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartOptions:
    """ticks (10 to 60): labels for which a chart has room; 31 days of a month. series (4 to 10): colours that
    can be distinguished. bars (20 to 100): targets that one chart of totals can name. columns (40 to 120):
    width of bars where there is no terminal.
    """

    ticks: int = 31
    series: int = 8
    bars: int = 60
    columns: int = 80


CHARTS = ChartOptions()


FONTS = (
    *("Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "Microsoft YaHei", "PingFang SC"),
    *("SimHei", "Noto Sans Arabic", "Noto Sans Devanagari", "Nirmala UI", "Noto Sans Thai", "Segoe UI Emoji"),
)
"""What systems have for scripts that matplotlib's own font lacks."""


def plot_format(path: Path) -> str:
    """Return the format that a file's name implies. Raises UsageError, NotSupported without matplotlib."""
    found = drawing_format(path, "a plot")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise NotSupported(
            "plots in files need matplotlib, which is not installed", hint=extra_hint("plot")
        ) from error
    return found


def save_stacked_bars(
    path: Path, labels: Sequence[str], series: Mapping[str, Sequence[int]], title: str
) -> None:
    """Write a stacked bar chart: one bar per label, one colour per series. Replaces an existing file.

    A series without a name is in no legend; a chart without counts says so.
    """
    kind = plot_format(path)
    buffer = io.BytesIO()
    with _any_script():
        _bars(labels, series, title).savefig(buffer, format=kind)
    write_file(path, buffer.getvalue(), overwrite=True)


@contextmanager
def _any_script() -> Iterator[None]:
    """Draw with the fonts that this machine has for other scripts; warn once where one is missing."""
    from matplotlib import rc_context
    from matplotlib.font_manager import get_font_names

    fonts = [name for name in FONTS if name in get_font_names()]
    with warnings.catch_warnings(record=True) as caught, rc_context({"font.family": ["sans-serif", *fonts]}):
        warnings.simplefilter("always")
        yield
    if any("missing from" in str(warning.message) for warning in caught):
        _log.warning("no font on this machine has all characters of the chart; boxes stand for the others")


def _bars(labels: Sequence[str], series: Mapping[str, Sequence[int]], title: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(8.0, min(24.0, 0.25 * len(labels))), 4.8), layout="constrained")
    figure.suptitle(title).set_parse_math(False)
    axes = figure.subplots()
    base = [0] * len(labels)
    for name, counts in series.items():
        axes.bar(range(len(labels)), counts, bottom=base, label=f"{name}: {sum(counts):,}" if name else None)
        base = [low + count for low, count in zip(base, counts, strict=True)]
    _describe(axes, labels, empty=not any(base))
    if any(series):  # next to the bars, where it covers none
        legend = figure.legend(fontsize="small", loc="outside right center")
        for text in legend.get_texts():
            text.set_parse_math(False)  # a name may hold $
    return figure


def _describe(axes: Axes, labels: Sequence[str], *, empty: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_ylabel("finds")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0, top=1 if empty else None)
    axes.set_xlim(-0.6, max(len(labels), 1) - 0.4)
    step = -(-len(labels) // CHARTS.ticks) or 1
    ticks = axes.set_xticks(range(0, len(labels), step), labels[::step], rotation=60, ha="right")
    for tick in ticks:
        tick.label1.set_parse_math(False)
    if empty:
        axes.text(0.5, 0.5, "nothing was found", ha="center", va="center", transform=axes.transAxes)
