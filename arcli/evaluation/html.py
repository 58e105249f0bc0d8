"""The evaluation as one self-contained HTML page: numbers, curves, and the photos that went wrong.

The curves are drawn by matplotlib (extra `plot`).
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

from arcli.errors import ArcliError, NotSupported, extra_hint
from arcli.evaluation.judge import Judged, Outcome
from arcli.evaluation.measure import Conditions, Report, ThresholdPoint
from arcli.gallery import Gallery

if TYPE_CHECKING:
    from arcli.vision.drawing.draw import Outline

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .3rem .8rem; text-align: left;
border-bottom: 1px solid #ddd; vertical-align: top } td.number { text-align: right }
figure { margin: .5rem 0 } figure img { max-height: 120px }
img { max-width: 240px; max-height: 240px } svg { max-width: 100%; height: auto }
.wrong, .false_accept { color: #b00020 } .missed, .failed { color: #8a5a00 }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSizes:
    """How many of the photos that went wrong a page shows, and how large.

    side: pixels of a small picture, shown at half that size; 240 to 640, some 25 kB each. photos: at most; 50
    to 1,000, since a page with more is slow to open.
    """

    side: int = 480
    photos: int = 200


SIZES = PageSizes()


@dataclass(slots=True)
class WrongPhotos:
    """The photos whose answer was incomplete or wrong: their number, and as many as a page shows."""

    count: int = 0
    first: list[Judged] = field(default_factory=list)

    def add(self, each: Judged) -> None:
        """Record a photo if its answer was incomplete or wrong."""
        if each.misses or each.extra or each.outcome not in (Outcome.RIGHT, Outcome.REJECTED):
            self.count += 1
            if len(self.first) < SIZES.photos:
                self.first.append(each)


class Covers:
    """Small versions of the pictures that `gallery` keeps of targets in `channels`, as HTML."""

    def __init__(self, gallery: Gallery, channels: Sequence[str]) -> None:
        self._gallery, self._channels = gallery, channels
        self._made: dict[str, str] = {}

    def of(self, identifier: str) -> str:
        """Return the picture of a target, or say that there is none."""
        if identifier not in self._made:
            self._made[identifier] = next(self._kept(identifier), "<small>no picture is kept</small>")
        return self._made[identifier]

    def _kept(self, identifier: str) -> Iterator[str]:
        for channel in self._channels:
            try:
                data = self._gallery.picture(channel=channel, identifier=identifier)
                yield _thumbnail(data, [])
            except ArcliError:
                continue


def page(title: str, wrong: WrongPhotos, report: Report, conditions: Conditions, covers: Covers) -> str:
    """Return the HTML text. Raises NotSupported without matplotlib."""
    return "\n".join(
        (
            "<!doctype html><html lang=en><meta charset=utf-8>",
            '<meta name=viewport content="width=device-width">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>",
            _conditions(conditions),
            _numbers(report),
            threshold_curves(report),
            _sweep(report),
            _reasons(report),
            _photos(wrong, covers),
            "</html>",
        )
    )


def _conditions(conditions: Conditions) -> str:
    shown = {key: value for key, value in conditions_shown(conditions).items() if value is not None}
    return _table(("", ""), ((key, escape(value)) for key, value in shown.items()))


def conditions_shown(conditions: Conditions) -> dict[str, str | None]:
    """Return the conditions of the measurement in words."""
    all_channels = conditions.channel is None and conditions.targets is None
    threshold = "the channel's own" if conditions.threshold is None else f"{conditions.threshold:.2f}"
    return {
        "channel": "all channels" if all_channels else conditions.channel,
        "targets": conditions.targets,
        "date": conditions.date,
        "arcli": conditions.version,
        "threshold": threshold,
        "effort": conditions.effort,
        "targets a photo": "all" if conditions.limit is None else f"{conditions.limit}",
    }


def _numbers(report: Report) -> str:
    latency = report.latency_ms
    rows = (
        ("photos", f"{report.queries:,}"),
        ("recall@1", f"{percent(report.recall_at_1)} ({report.right} of {report.with_targets})"),
        ("recall", f"{percent(report.recall)} ({report.found} of {report.shown} targets)"),
        ("wrong answers", str(report.wrong)),
        ("targets reported that are not there", str(report.extra)),
        (
            "false accept rate",
            f"{percent(report.false_accept_rate)} ({report.false_accepts} of {report.without_targets}; "
            f"95 % upper bound {percent(report.false_accept_bound)})",
        ),
        ("latency", f"median {latency.median:.0f} ms, p95 {latency.p95:.0f} ms" if latency else "-"),
    )
    return _table(("", ""), ((name, escape(value)) for name, value in rows))


def percent(rate: float | None) -> str:
    """Return a rate for people."""
    return "-" if rate is None else f"{100 * rate:.2f} %"


def _sweep(report: Report) -> str:
    """Show what other thresholds would have given, every fifth of those that were tried."""
    rows = (
        (f"{p.threshold:.2f}", percent(p.precision), percent(p.recall), percent(p.false_accept_rate))
        for p in report.thresholds[::5]
    )
    headings = ("threshold", "precision", "recall@1", "false accept rate")
    return "<h2>Other thresholds</h2>" + _table(headings, rows)


def _reasons(report: Report) -> str:
    """Show why targets were missed, the most frequent reason first; nothing if none was."""
    counts = Counter(miss.reason for miss in report.misses).most_common()
    rows = ((escape(reason.replace("_", " ")), str(count)) for reason, count in counts)
    return "<h2>Why targets were missed</h2>" + _table(("reason", "targets"), rows) if counts else ""


def _photos(wrong: WrongPhotos, covers: Covers) -> str:
    """Show the photos whose answer was incomplete or wrong."""
    left = wrong.count - len(wrong.first)
    more = f"<p>{left:,} more are not shown.</p>" if left else ""
    rows = (_photo(each, covers) for each in wrong.first)
    heading = f"<h2>Photos with a miss or a wrong answer: {wrong.count:,}</h2>"
    return heading + _table(("photo", "result", "wanted"), rows) + more


def _photo(each: Judged, covers: Covers) -> tuple[str, str, str]:
    name = escape(each.photo.picture.name)
    expected = escape(", ".join(sorted(each.photo.expected)) or "nothing")
    outcome = each.outcome.value
    lines = [f"<b class={outcome}>{outcome.replace('_', ' ')}</b>", f"shows {expected}"]
    for match in each.result.matches:
        lines.append(f"reported {escape(match.identifier)} (score {_score(match.score)})")
    for miss in each.misses:
        reason = escape(miss.reason.replace("_", " "))
        lines.append(f"missed {escape(miss.identifier)}: {reason}, score {_score(miss.score)}")
    wanted = (
        f"<figure>{covers.of(miss.identifier)}<figcaption>{escape(miss.identifier)}</figcaption></figure>"
        for miss in each.misses
    )
    return f"{_image(each)}<br>{name}", "<br>".join(lines), "".join(wanted)


def _score(score: float | None) -> str:
    return "-" if score is None else f"{score:.3f}"


def _image(each: Judged) -> str:
    """Return the photo, small, with what was found drawn on it; nothing for one that cannot be read."""
    from arcli.vision.drawing.draw import Outline

    matches = [match for match in each.result.matches if match.quad]
    outlines = [Outline(quad=match.quad, text=match.identifier) for match in matches if match.quad]
    try:
        return _thumbnail(each.photo.picture.read(), outlines)
    except ArcliError:
        return ""


def _thumbnail(data: bytes, outlines: Sequence[Outline]) -> str:
    """Return a picture as an element of the page. Raises a PictureRefused."""
    from arcli.vision.decoding.decode import LOCAL, decode
    from arcli.vision.drawing.draw import draw
    from arcli.vision.features.extract import shrink

    decoded = decode(data, name="", limits=LOCAL, max_side=SIZES.side)
    small = replace(decoded, pixels=shrink(decoded.pixels, SIZES.side))
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(draw(small, outlines)).decode()}">'


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(_lines(headings, rows))


def _lines(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "<table>"
    if any(headings):
        yield "<tr>" + "".join(f"<th>{heading}</th>" for heading in headings) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
    yield "</table>"


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
