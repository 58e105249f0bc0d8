"""The evaluation as one self-contained HTML page: numbers, curves, and the photos that went wrong."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape

from arcli.errors import ArcliError
from arcli.evaluation.judge import Judged, Outcome
from arcli.evaluation.measure import Report
from arcli.evaluation.plots import threshold_curves

_THUMBNAIL_SIDE = 480  # px; shown at half of it
_SHOWN = 200  # photos; a page with more is slow to open
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .3rem .8rem; text-align: left;
border-bottom: 1px solid #ddd; vertical-align: top } td.number { text-align: right }
img { max-width: 240px; max-height: 240px } svg { max-width: 100%; height: auto }
.wrong, .false_accept { color: #b00020 } .missed, .failed { color: #8a5a00 }
"""


def page(title: str, judged: Sequence[Judged], report: Report) -> str:
    """Return the HTML text. Raises NotSupported without matplotlib."""
    return "\n".join(
        (
            "<!doctype html><html lang=en><meta charset=utf-8>",
            '<meta name=viewport content="width=device-width">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>",
            _numbers(report),
            threshold_curves(report),
            _sweep(report),
            _reasons(report),
            _photos(judged),
            "</html>",
        )
    )


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
    """Show why targets were missed, the most frequent reason first; nothing where none was."""
    counts = Counter(miss.reason for miss in report.misses).most_common()
    rows = ((escape(reason.replace("_", " ")), str(count)) for reason, count in counts)
    return "<h2>Why targets were missed</h2>" + _table(("reason", "targets"), rows) if counts else ""


def _photos(judged: Sequence[Judged]) -> str:
    """Show every photo that was not answered fully and rightly."""
    bad = [
        each
        for each in judged
        if each.misses or each.extra or each.outcome not in (Outcome.RIGHT, Outcome.REJECTED)
    ]
    more = f"<p>{len(bad) - _SHOWN:,} more are not shown.</p>" if len(bad) > _SHOWN else ""
    rows = (_photo(each) for each in bad[:_SHOWN])
    heading = f"<h2>Photos with a miss or a wrong answer: {len(bad):,}</h2>"
    return heading + _table(("photo", "what came of it"), rows) + more


def _photo(each: Judged) -> tuple[str, str]:
    name = escape(each.photo.picture.name)
    expected = escape(", ".join(sorted(each.photo.expected)) or "nothing")
    outcome = each.outcome.value
    lines = [f"<b class={outcome}>{outcome.replace('_', ' ')}</b>", f"shows {expected}"]
    for match in each.result.matches:
        lines.append(f"reported {escape(match.identifier)} (score {_score(match.score)})")
    for miss in each.misses:
        reason = escape(miss.reason.replace("_", " "))
        lines.append(f"missed {escape(miss.identifier)}: {reason}, score {_score(miss.score)}")
    return f"{_image(each)}<br>{name}", "<br>".join(lines)


def _score(score: float | None) -> str:
    return "-" if score is None else f"{score:.3f}"


def _image(each: Judged) -> str:
    """Return the photo, small, with what was found drawn on it; one that cannot be read has none."""
    from arcli.vision.decoding.decode import LOCAL, decode
    from arcli.vision.drawing.draw import Outline, draw
    from arcli.vision.features.extract import shrink

    try:
        decoded = decode(each.photo.picture.read(), name="", limits=LOCAL, max_side=_THUMBNAIL_SIDE)
    except ArcliError:
        return ""
    small = replace(decoded, pixels=shrink(decoded.pixels, _THUMBNAIL_SIDE))
    outlines = [
        Outline(quad=match.quad, text=match.identifier) for match in each.result.matches if match.quad
    ]
    data = base64.b64encode(draw(small, outlines)).decode()
    return f'<img alt="" src="data:image/jpeg;base64,{data}">'


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(_lines(headings, rows))


def _lines(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "<table>"
    if any(headings):
        yield "<tr>" + "".join(f"<th>{heading}</th>" for heading in headings) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
    yield "</table>"
