"""Bars for a terminal: one line a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arcli.console.text import cells

_EIGHTHS = " ▏▎▍▌▋▊▉"
_SHORTEST = 8  # columns left for the bars on a narrow terminal


@dataclass(frozen=True, slots=True)
class Bar:
    """A count, and another that is drawn lighter behind it."""

    label: str
    count: int
    more: int = 0


def render_bars(bars: Sequence[Bar], width: int) -> str:
    """Return the bars as lines of at most `width` columns (more only where that leaves no room)."""
    if not bars:
        return ""
    numbers = [f"{bar.count:,}" + (f" + {bar.more:,}" if bar.more else "") for bar in bars]
    left = max(cells(bar.label) for bar in bars)
    right = max(map(len, numbers))
    room = max(width - left - right - 2, _SHORTEST)
    top = max(1, *(bar.count + bar.more for bar in bars))
    lines = []
    for bar, number in zip(bars, numbers, strict=True):
        drawn = _drawn(bar, room / top)
        lines.append(f"{bar.label:<{left}} {drawn:<{room}} {number:>{right}}".rstrip())
    return "\n".join(lines) + "\n"


def _drawn(bar: Bar, scale: float) -> str:
    eighths = round(bar.count * scale * 8)
    whole = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    if bar.count and not whole:
        whole = _EIGHTHS[1]
    end = round((bar.count + bar.more) * scale)
    return whole + "░" * max(end - len(whole), bool(bar.more))
