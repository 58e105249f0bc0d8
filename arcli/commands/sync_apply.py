"""What `arcli sync` does: compare and apply, or compare and write a plan, or apply a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from arcli.atomic import replacing
from arcli.bulk.channel_state import Known, targets
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.sync.actions import Action, Do, Head, action_line, head_line, read_actions, read_head
from arcli.bulk.sync.apply import KEPT, SyncResult, apply, foretell
from arcli.bulk.sync.compare import Tally, compare
from arcli.commands.sync_source import Source, Wanted, opened_source, other_channel
from arcli.commands.sync_view import COUNTED, PLANNED, RESULTS
from arcli.console.session import Session
from arcli.errors import Conflict, FileExists, UsageError
from arcli.models import AddOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What the command line says beside the source. `plan`: a file to write instead of doing it."""

    delete: bool
    again: bool
    dry_run: bool
    plan: Path | None
    options: AddOptions


def sync_source(session: Session, wanted: Wanted, how: How) -> None:
    """Compare a source with the channel and do, or only tell and write down, what makes them equal."""
    if how.plan is not None and how.plan.exists():
        hint = f"apply it: arcli sync --plan {how.plan}; or remove it"
        raise FileExists(f"the plan {how.plan} exists already", hint=hint, item=str(how.plan))
    with ExitStack() as stack:
        source = stack.enter_context(opened_source(session, wanted))
        for note in source.notes:
            session.warn(note)
        if how.delete and not source.total:
            hint = "arcli rm --all empties a channel"
            raise UsageError(f"{source.name} holds no picture, so nothing is removed", hint=hint)
        tally = Tally()
        known = {target.identifier: Known.of(target) for target in targets(session.gallery, session.channel)}
        actions = compare(source.entries, known, tally, remove=how.delete, again=how.again)
        if how.plan is not None:
            actions = _written(how.plan, _head(session, wanted, source), actions)
        only_told = how.dry_run or how.plan is not None
        results = map(foretell, actions) if only_told else _applied(session, session.channel, actions, how)
        _tell(session, results, source, tally, how, planned=only_told)


def _head(session: Session, wanted: Wanted, source: Source) -> Head:
    return Head(
        profile=session.settings.profile.value,
        channel=session.channel,
        source=source.name,
        from_profile=wanted.from_profile,
        pictures=None if wanted.pictures is None else str(Path(wanted.pictures).absolute()),
    )


def _written(path: Path, head: Head, actions: Iterable[Action]) -> Iterator[Action]:
    """Write actions down as they pass; the file appears when all have."""
    with replacing(path) as file:
        file.write(head_line(head))
        for action in actions:
            if action.do is not Do.KEEP:
                file.write(action_line(action))
            yield action


def _applied(session: Session, channel: str, actions: Iterable[Action], how: How) -> Iterator[SyncResult]:
    return apply(session.gallery, channel=channel, actions=actions, options=how.options)


def apply_plan(session: Session, path: Path, how: How) -> None:
    """Do what a plan says, as far as nothing has changed since. Raises Conflict for another profile's."""
    head, actions = read_head(path), read_actions(path)
    profile, channel = session.settings.profile.value, session.channel
    if head.profile != profile or (session.named("channel") and head.channel != channel):
        meant = f"channel {head.channel} of profile {head.profile}"
        raise Conflict(f"the plan {path} is for {meant}", hint=f"add --profile {head.profile}")
    with ExitStack() as stack:
        if head.from_profile is not None:
            wanted = Wanted(
                source=head.source,
                from_profile=head.from_profile,
                pictures=head.pictures,
                id_from=IdFrom.STEM,
                encoding=None,
                trust_ratio=True,
            )
            actions = stack.enter_context(other_channel(session, wanted)).attached(actions)
        if how.dry_run:
            results: Iterable[SyncResult] = map(foretell, actions)
        else:
            gallery, options = session.gallery, how.options
            results = apply(gallery, channel=head.channel, actions=actions, options=options, reviewed=True)
        _show(session, results, None, {}, planned=how.dry_run)


def _tell(
    session: Session,
    results: Iterable[SyncResult],
    source: Source,
    tally: Tally,
    how: How,
    *,
    planned: bool,
) -> None:
    notes: list[str] = []

    def noted() -> Iterator[SyncResult]:
        yield from results
        notes.extend(_notes(source, tally, how))

    _show(session, noted(), source.total, {"notes": notes}, planned=planned)
    for note in notes:
        session.warn(note)


def _notes(source: Source, tally: Tally, how: How) -> Iterator[str]:
    """Say what a sync could not do, and why."""
    if source.channel is not None:
        yield from source.channel.not_moved()
    if tally.unknown:
        what = "were replaced" if how.again else "were left as they are (--replace-unknown)"
        yield f"{tally.unknown:,} pictures cannot be compared with what the channel has: they {what}"
    if how.delete and tally.unnamed:
        yield f"nothing was removed: {tally.unnamed:,} rows or folders cannot be read, and may hold targets"


def _show(
    session: Session,
    results: Iterable[SyncResult],
    total: int | None,
    data: dict[str, object],
    *,
    planned: bool,
) -> None:
    counts = Counter(dict.fromkeys(PLANNED if planned else COUNTED, 0))
    answer = session.answer(RESULTS, changes=not planned)
    with session.progress("comparing" if planned else "syncing", total) as advance:
        for result in results:
            counts[result.status] += 1
            if result.status != KEPT:
                answer.item(result, result.error)
            advance()
    session.end(answer, {"counts": dict(counts), **data})
    session.say(
        ", ".join(f"{count:,} {status}" for status, count in counts.items() if count) or "nothing to do"
    )
