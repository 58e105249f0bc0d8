"""`arcli update`: change targets."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from arcli.bulk.manifest import open_changes
from arcli.bulk.updates import count_rows, update_rows
from arcli.bulk.walk import picture_named
from arcli.console.faults import interruptible
from arcli.console.inputs import match_ratio, metadata_text, with_stdin
from arcli.console.items import TARGETS, target_lines, target_record
from arcli.console.names import identifiers as completed
from arcli.console.options import EncodingOption, MatchRatioOption, MetadataOption
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.errors import ChannelNotFound, EmptyInput, NotFound, PictureRefused, UsageError
from arcli.models import Clearable, TargetChanges, valid_identifier


class ClearedField(StrEnum):
    """The fields that --clear can clear, in the words of the option."""

    METADATA = "metadata"
    MATCH_RATIO = "match-ratio"


_CLEARABLE = {
    ClearedField.METADATA: Clearable.METADATA,
    ClearedField.MATCH_RATIO: Clearable.MATCHRATIO,
}


def update(
    ctx: typer.Context,
    identifiers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID…",
            help="Identifiers of targets; - reads them from stdin, one per line.",
            autocompletion=completed,
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="A .csv or .jsonl with identifier, metadata?, matchratio?, active?, image?, rename?: each"
            " row changes its target; an empty cell changes nothing.",
        ),
    ] = None,
    encoding: EncodingOption = None,
    metadata: MetadataOption = None,
    ratio: MatchRatioOption = None,
    clear: Annotated[
        list[ClearedField] | None,
        typer.Option("--clear", help="Remove the metadata, or the match ratio. Repeatable."),
    ] = None,
    active: Annotated[
        bool | None,
        typer.Option(
            "--active/--inactive",
            help="Whether photos can show it: an inactive target is kept, but never found.",
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", metavar="FILE", help="Replace the picture of one target with a FILE or URL."),
    ] = None,
    rename: Annotated[
        str | None,
        typer.Option("--rename", metavar="NEW", help="Give one target another identifier."),
    ] = None,
) -> None:
    """Change targets; what is not given stays as it is.

    The level says how well a target can be found, from 1 (hardly ever) to 5 (in nearly all photos).

    Example: arcli update poster_1 --metadata '{"lang": "en"}' --inactive
    """
    session = Session.of(ctx)
    changes = TargetChanges(
        metadata=metadata_text(metadata),
        matchratio=match_ratio(ratio, session),
        active=active,
        picture=None if image is None else picture_named(image),
        rename=None if rename is None else valid_identifier(rename),
        clear=frozenset(_CLEARABLE[field] for field in clear or ()),
    )
    if manifest is not None:
        _by_manifest(session, manifest, encoding, identifiers or [], changes)
        return
    if not identifiers:
        raise UsageError("no target is named", hint="arcli update ID…, or arcli update --manifest FILE")
    if changes == TargetChanges():
        raise UsageError("nothing to change", hint="run: arcli update --help")
    names = list(dict.fromkeys(with_stdin(identifiers)))
    if not names:
        raise EmptyInput("the list names no targets")
    if len(names) == 1 and "-" not in identifiers:
        _one(session, names[0], changes)
    else:
        _several(session, names, changes)


def _one(session: Session, name: str, changes: TargetChanges) -> None:
    target = session.gallery.update(
        channel=session.channel, identifier=valid_identifier(name), changes=changes
    )
    session.record(target_record(target), name=target.identifier, lines=target_lines(target))


def _by_manifest(
    session: Session, path: Path, encoding: str | None, identifiers: list[str], changes: TargetChanges
) -> None:
    if identifiers or changes.picture is not None or changes.rename is not None:
        raise UsageError("--manifest names targets, pictures and new identifiers itself")
    rows = open_changes(path, encoding)
    total = count_rows(rows)
    for note in rows.notes:
        session.warn(note)
    answer = session.answer(TARGETS, changes=True)
    changed = 0

    def done() -> str:
        return f"{changed:,} of {plural(total, 'target')} changed in channel {session.channel}"

    with (
        interruptible(done, "the same command continues: what is already changed stays as it is"),
        session.progress("changing", total) as advance,
    ):
        for updated in update_rows(session.gallery, channel=session.channel, manifest=rows, also=changes):
            if updated.error is not None:
                answer.fault(updated.error)
            if updated.target is not None:
                answer.item(updated.target)
                changed += 1
            advance()
    session.end(answer, {"counts": {"updated": changed, "failed": total - changed}})
    session.say(done())


def _several(session: Session, names: list[str], changes: TargetChanges) -> None:
    """Change each; one that does not exist, or has an invalid name, fails alone."""
    if changes.picture is not None or changes.rename is not None:
        raise UsageError("--image and --rename change one target", hint="name one identifier")
    answer = session.answer(TARGETS, changes=True)
    changed = 0
    for name in names:
        try:
            identifier = valid_identifier(name)
            answer.item(
                session.gallery.update(channel=session.channel, identifier=identifier, changes=changes)
            )
            changed += 1
        except ChannelNotFound:
            raise
        except (NotFound, PictureRefused) as error:
            answer.fault(error.about(name))
    session.end(answer, {})
    session.say(f"{changed:,} of {len(names):,} targets changed in channel {session.channel}")
