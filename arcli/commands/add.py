"""`arcli add`: put pictures into a channel."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from arcli.bulk.identifiers import IdFrom
from arcli.bulk.load import load
from arcli.bulk.manifest import open_manifest
from arcli.bulk.plan import Defaults, Plan, plan_manifest, plan_words
from arcli.commands.add_view import ITEMS
from arcli.console.inputs import match_ratio, metadata_text, with_stdin
from arcli.console.options import JobsOption, MatchRatioOption, MetadataOption
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.errors import UsageError
from arcli.models import AddOptions, OnExists


def add(
    ctx: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH…", help="Pictures or folders; - reads paths from stdin."),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="A .csv or .jsonl with image, identifier?, metadata?, matchratio?.",
        ),
    ] = None,
    identifier: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Identifier, for one picture.")
    ] = None,
    id_from: Annotated[
        IdFrom, typer.Option("--id-from", help="What of a path makes the identifier.")
    ] = IdFrom.STEM,
    metadata: MetadataOption = None,
    ratio: MatchRatioOption = None,
    on_exists: Annotated[
        OnExists, typer.Option("--on-exists", help="What to do with an identifier that is taken.")
    ] = OnExists.FAIL,
    min_level: Annotated[
        int | None,
        typer.Option("--min-level", min=1, max=5, metavar="N", help="Refuse pictures below this level."),
    ] = None,
    no_duplicates: Annotated[
        bool, typer.Option("--no-duplicates", help="Refuse pictures that the channel shows already.")
    ] = False,
    no_create: Annotated[
        bool, typer.Option("--no-create", help="Refuse a channel that does not exist.")
    ] = False,
    jobs: JobsOption = None,
) -> None:
    """Put pictures into a channel.

    Example: arcli add posters/ --metadata '{"shop": 7}'
    """
    session = Session.of(ctx)
    defaults = Defaults(metadata=metadata_text(metadata), matchratio=match_ratio(ratio))
    plan = _plan(paths or [], manifest, identifier, id_from, defaults)
    options = AddOptions(
        on_exists=on_exists,
        create_channel=not no_create,
        min_level=min_level,
        no_duplicates=no_duplicates,
        jobs=jobs,
    )
    single = manifest is None and len(paths or []) == 1 and not Path((paths or [""])[0]).is_dir()
    _load(session, plan, options, single)


def _plan(
    paths: list[str], manifest: Path | None, identifier: str | None, id_from: IdFrom, defaults: Defaults
) -> Plan:
    if (manifest is None) == (not paths):
        raise UsageError("give pictures or --manifest, not both", hint="arcli add PATH…")
    if manifest is not None:
        return plan_manifest(open_manifest(manifest), id_from, defaults)
    return plan_words(list(with_stdin(paths)), id_from, defaults, identifier)


def _load(session: Session, plan: Plan, options: AddOptions, single: bool) -> None:
    for note in plan.notes:
        session.warn(note)
    answer = session.answer(ITEMS, changes=True)
    counts: Counter[str] = Counter(added=0, replaced=0, skipped=0, failed=0)
    with session.progress("adding", plan.total) as advance:
        for result in load(session.gallery, channel=session.channel, plan=plan, options=options):
            counts[result.status.value] += 1
            answer.item(result, result.error)
            advance()
    session.end(answer, {"counts": dict(counts)}, single=single)
    told = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count)
    session.say(f"channel {session.channel}: {told or plural(0, 'picture')}")
