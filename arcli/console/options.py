"""Arguments and options that several commands have."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from arcli.bulk.identifiers import IdFrom
from arcli.console.names import identifiers
from arcli.errors import UsageError


def real_number(value: float | None) -> float | None:
    """Refuse NaN, which ranges do not refuse."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number")
    return value


IdentifiersArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="ID…",
        help="Identifiers of targets; - reads them from stdin, one per line.",
        autocompletion=identifiers,
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Go ahead without asking.")]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        metavar="N",
        help="How many pictures to process at a time. Default: what suits the machine.",
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        min=0,
        max=1,
        metavar="SCORE",
        help="Lowest score that counts as found, instead of the channel's. A score, 0 to 1, says how"
        " certain it is that a photo shows a target.",
        callback=real_number,
    ),
]
MetadataOption = Annotated[
    str | None,
    typer.Option(
        "--metadata", metavar="JSON|@FILE", help="Metadata: JSON text, or @ and the name of a file with it."
    ),
]
MatchRatioOption = Annotated[
    str | None,
    typer.Option(
        "--match-ratio",
        metavar="RATIO",
        help="The target's own threshold: the lowest score, from 0 to 1, at which it counts as found.",
    ),
]
ImagesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE…", help="Pictures, folders or URLs; - reads stdin: a picture, or paths of pictures."
    ),
]
NulOption = Annotated[
    bool, typer.Option("--null", "-0", help="Paths on stdin end with NUL, as from find -print0.")
]
MinLevelOption = Annotated[
    int | None,
    typer.Option(
        "--min-level",
        min=1,
        max=5,
        metavar="N",
        help="Refuse pictures below this level: how well a picture can be found, from 1 (hardly ever) to 5"
        " (in nearly all photos).",
    ),
]
IdFromOption = Annotated[
    IdFrom,
    typer.Option(
        "--id-from",
        help="Which part of a path becomes the identifier: its stem (no extension), its name, all of it,"
        " or the stem in Latin letters (extra latin).",
    ),
]
EncodingOption = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="The manifest's encoding, if the guess is wrong."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="PATTERN",
        help="Skip files and folders with this name (*, ? and […] match); with a /, with this path in the"
        " folder. Repeatable.",
    ),
]
NoCreateOption = Annotated[bool, typer.Option("--no-create", help="Refuse a channel that does not exist.")]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report", metavar="FILE", help="Write the result of each picture to FILE, as one line of JSON."
    ),
]
ResumeOption = Annotated[
    bool,
    typer.Option("--resume", help="Continue where the report ends; start a new report if there is none."),
]


def require_report(report: Path | None, *, resume: bool) -> None:
    """Raise UsageError for --resume without a report."""
    if resume and report is None:
        raise UsageError("--resume continues a report", hint="name it: --report FILE --resume")
