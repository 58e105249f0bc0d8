"""`arcli add`: put pictures into a channel."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from arcli.bulk.add_plan import Defaults, Plan, Shard, plan_manifest, plan_words
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.manifest import open_manifest
from arcli.bulk.plan_run import load
from arcli.bulk.report import ADDITIONS, ReportFile, item_object
from arcli.console.faults import interruptible
from arcli.console.inputs import match_ratio, metadata_text, with_stdin
from arcli.console.items import ItemView
from arcli.console.options import (
    EncodingOption,
    ExcludeOption,
    IdFromOption,
    JobsOption,
    MatchRatioOption,
    MetadataOption,
    MinLevelOption,
    NoCreateOption,
    NulOption,
    ReportOption,
    ResumeOption,
    require_report,
)
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.errors import UsageError
from arcli.models import AddOptions, AddResult, AddStatus, OnExists

_DONE = (AddStatus.ADDED, AddStatus.REPLACED, AddStatus.WOULD_ADD, AddStatus.WOULD_REPLACE)


def _lines(result: AddResult) -> list[tuple[Any, ...]]:
    remarks = "; ".join(hint.message for hint in result.hints)
    return [(result.image, result.identifier, result.status, result.level, remarks)]


ITEMS: ItemView[AddResult] = ItemView(
    key="items",
    record=item_object,
    columns=("image", "identifier", "status", "level", "hints"),
    names=lambda result: [result.identifier] if result.status in _DONE else [],
    headings=("picture", "identifier", "status", "level", "remarks"),
    lines=_lines,
    wrap=True,
)


def add(
    ctx: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH…", help="Pictures, folders, globs or URLs; - reads paths from stdin."),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="A .csv or .jsonl with image, identifier?, metadata?, matchratio?.",
        ),
    ] = None,
    encoding: EncodingOption = None,
    nul: NulOption = False,
    identifier: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Identifier, for one picture.")
    ] = None,
    id_from: IdFromOption = IdFrom.STEM,
    exclude: ExcludeOption = None,
    metadata: MetadataOption = None,
    ratio: MatchRatioOption = None,
    on_exists: Annotated[
        OnExists, typer.Option("--on-exists", help="What to do if the identifier is already taken.")
    ] = OnExists.FAIL,
    min_level: MinLevelOption = None,
    no_duplicates: Annotated[
        bool, typer.Option("--no-duplicates", help="Refuse pictures that the channel already has.")
    ] = False,
    no_create: NoCreateOption = False,
    jobs: JobsOption = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Only one of N parts, chosen by a hash of the identifier: several machines that are given"
            " 1/N to N/N load everything together, each picture once.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Show what would be done with each picture; write nothing."),
    ] = False,
    report: ReportOption = None,
    resume: ResumeOption = False,
) -> None:
    """Put pictures into a channel.

    Example: arcli add posters/ --metadata '{"shop": 7}'
    """
    session = Session.of(ctx)
    require_report(report, resume=resume)
    defaults = Defaults(metadata=metadata_text(metadata), matchratio=match_ratio(ratio, session))
    if manifest is not None and exclude:
        raise UsageError("--exclude is for folders: a manifest names its pictures itself")
    if manifest is not None:
        plan = _manifest_plan(manifest, encoding, paths, identifier, id_from, defaults)
    else:
        words = list(with_stdin(_named(paths), nul=nul))
        plan = plan_words(words, id_from, defaults, identifier, exclude or ())
    if shard is not None:
        plan = Shard.parse(shard).of(plan)
    options = AddOptions(
        on_exists=on_exists,
        create_channel=not no_create,
        min_level=min_level,
        no_duplicates=no_duplicates,
        jobs=jobs,
        dry_run=dry_run,
    )
    single = plan.total == 1 and shard is None and _one_file(paths)
    with nullcontext() if report is None else ReportFile.open(report, ADDITIONS, resume=resume) as reporting:
        _load(session, plan, options, reporting, single=single)


def _named(paths: list[str] | None) -> list[str]:
    if not paths:
        raise UsageError("nothing to add", hint="arcli add PATH…, or arcli add --manifest FILE")
    return paths


def _manifest_plan(
    manifest: Path,
    encoding: str | None,
    paths: list[str] | None,
    identifier: str | None,
    id_from: IdFrom,
    defaults: Defaults,
) -> Plan:
    if paths or identifier is not None:
        raise UsageError("--manifest names pictures and identifiers itself", hint="leave out PATH and --id")
    return plan_manifest(open_manifest(manifest, encoding), id_from, defaults)


def _one_file(paths: list[str] | None) -> bool:
    """Say whether one picture was named, rather than a list or a folder with one."""
    return paths is not None and len(paths) == 1 and paths[0] != "-" and not Path(paths[0]).is_dir()


def _load(
    session: Session, plan: Plan, options: AddOptions, report: ReportFile[AddResult] | None, *, single: bool
) -> None:
    for note in plan.notes:
        session.warn(note)
    answer = session.answer(ITEMS, changes=True)
    shown = [status for status in AddStatus if status.startswith("would-") == options.dry_run]
    counts = Counter({status.value: 0 for status in shown})
    gallery, channel = session.gallery, session.channel
    before = report.lines if report is not None else 0
    label = "checking" if options.dry_run else "adding"
    again = "--on-exists skip continues" if report is None else "--resume continues"
    hint = f"the same command with {again}"
    with (
        interruptible(lambda: _summary(channel, counts), hint),
        session.progress(label, plan.total, before) as advance,
    ):
        results = load(gallery, channel=channel, plan=plan, options=options, report=report)
        for number, result in enumerate(results):
            counts[result.status.value] += 1
            answer.item(result, result.error)
            if number >= before:
                advance()
    session.end(answer, {"counts": dict(counts)}, single=single)
    session.say(_summary(channel, counts))


def _summary(channel: str, counts: Counter[str]) -> str:
    words = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count)
    return f"channel {channel}: {words or plural(0, 'picture')}"
